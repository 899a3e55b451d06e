"""Masking: each form of a secret, what only looks a little like one, and values of variables."""

import time

import pytest
from retuned.daemon.masking import MASK, mask_of, masked

SECRETS = [
    "postgres://svc:Tr0ub4dor@db.internal/rides",  # the form of a connection string
    "OperationalError: could not connect to redis://:Tr0ub4dor@cache:6379/0",  # without a user
    "mysql+pymysql://svc:Tr0ub4dor&3/x@db:3306/rides?charset=utf8",  # a slash in the password
    "amqp://svc:p@Tr0ub4dor@mq/",  # an @ in it
    "https://Tr0ub4dorTr0ub4dor@github.com/org/repo.git",  # a token alone
    "remote: ghp_Tr0ub4dor0123456789abcdef0123456789 has no rights",
    "github_pat_Tr0ub4dor0123456789_abcdef",
    "glpat-Tr0ub4dor_0123456789",
    "Incorrect API key provided: sk-Tr0ub4dor0123456789.",
    "sk-proj-Tr0ub4dor_0123456789-abcdef",
    "sk_live_Tr0ub4dor0123456789",
    "xoxb-1234-Tr0ub4dor",
    "AKIATR0UB4DORTr0ub4dor",
    "AIzaTr0ub4dor0123456789",
    "hf_Tr0ub4dor0123456789",
    "whsec_Tr0ub4dor0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJUcjB1YjRkb3IifQ.Tr0ub4dor-_signed",
    "-----BEGIN RSA PRIVATE KEY-----\nTr0ub4dor0123\nTr0ub4dor\n-----END RSA PRIVATE KEY-----",
    "Authorization: Bearer Tr0ub4dor",
    "{'Authorization': 'Basic Tr0ub4dor=='}",
    '{"authorization": "Tr0ub4dor"}',
    "curl -H 'authorization: token Tr0ub4dor'",
    "sent bearer Tr0ub4dor.0123",
    "password=Tr0ub4dor",
    "PGPASSWORD=Tr0ub4dor psql",
    "host=db user=svc password='Tr0ub4dor with spaces' dbname=x",
    "password = Tr0ub4dor",
    "Password: Tr0ub4dor",
    '{"db_password": "Tr0ub4dor", "lr": 0.1}',
    "{'api_key': 'Tr0ub4dor'}",
    '{\\"token\\": \\"Tr0ub4dor\\"}',  # JSON in a text in JSON
    "api_key=Tr0ub4dor&model=x",
    "https://hooks.example/x?token=Tr0ub4dor",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Tr0ub4dor==;EndpointSuffix=x",
    "https://x.blob.example/c?sv=2020&sig=Tr0ub4dor%3D",
    "aws_secret_access_key = Tr0ub4dor",
    "usage error in: train.py --api-key Tr0ub4dor --lr 0.1",
    "train.py --password=Tr0ub4dor",
    "client_secret: Tr0ub4dor",
]

HARMLESS = [
    "loss=0.31 lr=0.01 seed=1234567",
    "KeyError: 'learning_rate'",
    "max_tokens=4096, num_tokens: 512, tokenizer=gpt2, pad_token='[PAD]', eos_token=</s>",  # of language models
    "token=5",
    "unexpected token: '***'",
    "no password was given",
    "http://localhost:8080/path: connection refused",
    "see https://example.org/docs?x=1, or mail a@b.example",
    "ssh://git@host/repo",
    "sk-learn is not installed",
    "the secret of good settings is patience",
    "password=None, token: null",
]


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_masked(text):
    shown = masked(text)
    assert "Tr0ub4dor" not in shown
    assert MASK in shown
    assert masked(shown) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text):
    assert masked(text) == text


def test_the_rest_of_an_address_stays():
    assert masked("at postgres://svc:pw1@db/rides: refused") == "at postgres://svc:***@db/rides: refused"


ENVIRON = {
    "DB_PASSWORD": "correct horse",
    "DATABASE_URL": "postgres://svc:sw%40rdfish@db/rides",
    "DSN": "host=db password=staple99 user=svc",
    "DEBUG": "1",
    "DEVICE": "cuda",
    "KEY": "line-one-of-it\nline-two-of-it\n",
    "OTHER": "not passed on",
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("denied for correct horse!", "denied for ***!"),
        ("at /correct%20horse/x", "at /***/x"),  # as in an address
        ("denied for sw@rdfish and sw%40rdfish", "denied for *** and ***"),  # the password of an address
        ("denied for staple99", "denied for ***"),
        ("run 1 of 11 on cuda", "run 1 of 11 on cuda"),  # too short to be one
        ("bad line-two-of-it", "bad ***"),
        ("not passed on", "not passed on"),  # the training never saw it
    ],
)
def test_the_values_of_passed_variables_are_masked_wherever_they_stand(text, shown):
    names = ["DB_PASSWORD", "DATABASE_URL", "DSN", "DEBUG", "DEVICE", "KEY", "MISSING"]
    assert mask_of(ENVIRON, names)(text) == shown


@pytest.mark.parametrize(
    "piece", ["a", "://a:", "password", "token:", "eyJ", "a ", "--", "-----BEGIN PRIVATE KEY-----", "'"]
)
def test_a_long_text_costs_no_more_than_its_length(piece):
    before = time.process_time()
    masked(piece * (8192 // len(piece)))
    assert time.process_time() - before < 1.0  # a second where milliseconds are usual

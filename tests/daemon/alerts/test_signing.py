"""Signatures by Standard Webhooks: what the public library accepts is made here, and what it makes is accepted here."""

import base64
from datetime import UTC, datetime

import pytest
from retuned.daemon.alerts.signing import TOLERANCE_S, sign, sign_with_all, verify
from retuned.strategies.errors import InputError
from standardwebhooks import Webhook

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = str(int(NOW.timestamp()))
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
BODY = '{"é": 1}'.encode()


def test_the_public_library_makes_the_same_signature():
    assert sign("msg_1", AT, BODY, SECRET) == Webhook(SECRET).sign("msg_1", NOW, BODY.decode())


@pytest.mark.parametrize("secrets", [(SECRET,), (SECRET, OTHER), (OTHER, SECRET)])
def test_a_signature_of_any_of_the_secrets_is_valid(secrets):
    verify("msg_1", AT, sign_with_all("msg_1", AT, BODY, secrets), BODY, SECRET, NOW)


GOOD = sign("msg_1", AT, BODY, SECRET)
OLD = str(int(AT) - TOLERANCE_S - 60)
WRONG = [
    (("msg_2", AT, GOOD, BODY), "the signature does not match"),
    (("msg_1", AT, GOOD, BODY + b"\n"), "the signature does not match"),
    (("msg_1", AT, sign("msg_1", AT, BODY, OTHER), BODY), "the signature does not match"),
    (("msg_1", AT, "v1,\u00e9", BODY), "the signature does not match"),
    (("msg_1", AT, GOOD.removeprefix("v1,"), BODY), "the signature has no part that starts with v1,"),
    (("msg_1", AT, "", BODY), "the signature has no part that starts with v1,"),
    (("msg_1", "soon", GOOD, BODY), "the timestamp is not a number of seconds"),
    (("msg_1", OLD, sign("msg_1", OLD, BODY, SECRET), BODY), "the signature matches, but the timestamp is 360 s old"),
]


@pytest.mark.parametrize(("words", "why"), WRONG)
def test_what_is_not_valid_is_told_apart(words, why):
    with pytest.raises(InputError) as error:
        verify(*words, SECRET, NOW)
    assert error.value.found == why
    assert SECRET not in str(error.value)

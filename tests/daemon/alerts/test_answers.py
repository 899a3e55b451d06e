"""What a receiver's answer means for its message, by the practice of Standard Webhooks and Stripe."""

from datetime import UTC, datetime

import pytest
from retuned.daemon.alerts.answers import LONGEST_PLACE, asked_wait_s, outcome_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://hooks.example.org/services/canary-4711"

ANSWERS = [
    (200, None),
    (204, None),
    (299, None),
    (100, "HTTP status 100, expected 200 to 299"),  # no answer yet, and none followed
    (304, "a redirect is not followed; write the receiver's new address into the configuration"),
    (400, "check webhook_secret, and that the address takes this kind of message"),  # so are bad signatures answered
    (401, "check webhook_secret and the address"),
    (403, "check webhook_secret and the address"),
    (404, "check the address"),  # the channel may be made again
    (408, "HTTP status 408, expected 200 to 299"),
    (429, "HTTP status 429, expected 200 to 299"),
    (500, "HTTP status 500, expected 200 to 299"),
    (501, "HTTP status 501, expected 200 to 299"),  # of the server, which may be another one tomorrow
    (503, "HTTP status 503, expected 200 to 299"),
]


@pytest.mark.parametrize(("status", "end"), ANSWERS)
def test_what_an_owner_or_the_receiver_can_mend_is_tried_on(status, end):
    outcome = outcome_of(status, "", "", URL, NOW)
    assert (outcome.error is None) == (end is None)
    assert (outcome.error or "").endswith(end or "")
    assert not outcome.is_final


FINAL = [
    (410, "HTTP status 410, expected 200 to 299: the receiver wants no more messages there"),  # Standard Webhooks
    (413, "HTTP status 413, expected 200 to 299: this message is too long for the receiver"),
    (415, "HTTP status 415, expected 200 to 299: the receiver takes no JSON"),
    (422, "HTTP status 422, expected 200 to 299: the receiver cannot use what this message says"),
]


@pytest.mark.parametrize(("status", "error"), FINAL)
def test_what_no_later_try_of_the_same_message_will_pass_is_final(status, error):
    outcome = outcome_of(status, "", "120", URL, NOW)
    assert (outcome.error, outcome.is_final) == (error, True)


REDIRECTS = [
    ("https://new.example.org/hook/canary-4711", "to https://new.example.org "),
    ("//new.example.org:8443/x", "to https://new.example.org:8443 "),  # keeps the scheme
    ("/elsewhere", "to https://hooks.example.org "),
    ("https://user:canary-4711@new.example.org/x", "to https://new.example.org "),
    ("https://a\x1bcb.example.org/", "to https://a\\x1bcb.example.org "),  # acts on no terminal
    ("", ""),
    ("http://[half", ""),
    ("javascript:canary-4711", ""),
    ("https://" + "n" * 9999, "to https://" + "n" * (LONGEST_PLACE - 8) + " "),
]


@pytest.mark.parametrize(("location", "where"), REDIRECTS)
def test_a_redirect_names_the_new_host_alone_and_says_what_to_do(location, where):
    outcome = outcome_of(307, location, "", URL, NOW)
    told = f"a redirect {where}is not followed; write the receiver's new address into the configuration"
    assert outcome.error == f"HTTP status 307, expected 200 to 299: {told}"
    assert not outcome.is_final


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999999999999999", 86_400.0),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("soon", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("١٢٠", 0.0),
    ],
)
def test_a_receiver_may_ask_to_be_left_alone_for_up_to_a_day(header, wait_s):
    assert asked_wait_s(header, NOW) == pytest.approx(wait_s)

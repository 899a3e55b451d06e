"""The digest: when it is due, and what it says."""

from datetime import UTC, datetime

import pytest
from retuned.strategies.alerting.digest import Every, Judged, OwnersPart, Upcoming, digest_message, last_date
from retuned.strategies.alerting.message import Event, Severity

NOW = datetime(2026, 3, 4, 7, 30, tzinfo=UTC)  # a Wednesday
DATES = [
    (Every.OFF, 1, 8, None),
    (Every.WEEKLY, 1, 8, "2026-03-02 08:00"),
    (Every.WEEKLY, 3, 7, "2026-03-04 07:00"),  # today
    (Every.WEEKLY, 3, 8, "2026-02-25 08:00"),  # today, later
    (Every.WEEKLY, 4, 0, "2026-02-26 00:00"),
    (Every.MONTHLY, 1, 8, "2026-03-01 08:00"),
    (Every.MONTHLY, 28, 8, "2026-02-28 08:00"),
    (Every.MONTHLY, 4, 8, "2026-02-04 08:00"),
]


@pytest.mark.parametrize(("every", "day", "hour", "expected"), DATES)
def test_the_last_date_of_a_digest(every, day, hour, expected):
    date = last_date(every, day, hour, NOW)
    assert (None if date is None else f"{date:%Y-%m-%d %H:%M}") == expected


DIGEST = """\
Digest for team: 4 re-evaluations, 1 open alert

From 2026-02-25 to 2026-03-04: 4 re-evaluations ended (1 STALE, 1 INCONCLUSIVE, 2 FRESH).
Fresh, nothing to do: rides, trips.
buses: STALE (campaign 8). It is stale.
trams: INCONCLUSIVE (campaign 9). Pairs ran out.
Open: buses: stale (alert 3, open).
re-tuning buses has earned +1.9% in 14 months for 31 compute hours
Next: rides on 2026-05-01, trips on 2026-05-02.
Where: host gpu1

  retuned alerts
  retuned schedule\
"""


def test_a_digest_says_what_was_judged_what_is_fresh_open_and_next():
    part = OwnersPart(
        "team",
        (
            Judged("rides", 6, "fresh"), Judged("trips", 7, "fresh"), Judged("buses", 8, "stale", "It is stale."),
            Judged("trams", 9, "inconclusive", "Pairs ran out."),
        ),
        ("buses: stale (alert 3, open)",),
        (Upcoming("rides", datetime(2026, 5, 1, tzinfo=UTC)), Upcoming("trips", datetime(2026, 5, 2, tzinfo=UTC))),
        ("re-tuning buses has earned +1.9% in 14 months for 31 compute hours",),
    )  # fmt: skip
    message = digest_message(part, datetime(2026, 2, 25, tzinfo=UTC), NOW, id="msg_1", place="host gpu1")
    assert message.text == DIGEST
    assert (message.event, message.severity) == (Event.DIGEST, Severity.INFO)


def test_an_owner_for_whom_nothing_happened_gets_none():
    assert OwnersPart("team", (), upcoming=(Upcoming("rides", NOW),)).is_empty
    assert not OwnersPart("team", (), ("something is open",)).is_empty


def test_a_long_digest_is_cut_with_a_word_about_it():
    part = OwnersPart("team", tuple(Judged(f"m{n}", n, "stale") for n in range(40)))
    message = digest_message(part, NOW, NOW, id="msg_1", place="host gpu1")
    assert message.sentences[-1] == "and 25 more re-evaluations: retuned alerts"
    assert len(message.sentences) == 17

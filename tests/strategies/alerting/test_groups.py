"""Alerts with one cause: the first is told at once, those that join it together, and their end once."""

from datetime import UTC, datetime, timedelta

import pytest
from retuned.strategies.alerting.groups import Member, Telling, tellings
from retuned.strategies.alerting.life_cycle import Rules, acknowledged, opened, resolved, snoozed, told
from retuned.strategies.alerting.message import Event

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
RULES = Rules(repeat=timedelta(days=7))


def after(hours):
    return START + timedelta(hours=hours)


def new(number, hours, is_urgent=False):
    return Member(number, opened(after(hours)), is_urgent)


def known(number, hours=0.0):
    return Member(number, told(opened(START), Event.OPENED, after(hours)))


def over(number):
    return Member(number, resolved(known(number).life, after(30)))


QUIET = [Member(8, acknowledged(known(8).life)), Member(9, snoozed(known(9).life, after(500)))]
CASES = [
    ([new(1, 0)], 0, [Telling(Event.OPENED, (1,))]),
    ([new(1, 0), new(2, 0)], 0, [Telling(Event.OPENED, (1, 2))]),  # seen together
    ([known(1), new(2, 1)], 1, []),  # joins
    ([known(1), new(2, 1), new(3, 20)], 24, [Telling(Event.OPENED, (2, 3), others=1)]),
    ([known(1), known(2, 24), new(3, 30)], 40, []),  # the time to join begins again with each message
    ([known(1), new(2, 1, is_urgent=True)], 1, [Telling(Event.OPENED, (2,), others=1)]),  # an hour, not a day
    ([known(1, 0.5), new(2, 1, is_urgent=True)], 1, []),
    ([known(1), known(2, 24)], 168, [Telling(Event.REPEATED, (1, 2))]),  # one repetition for all that were told
    ([known(1), new(3, 167), *QUIET], 168, [Telling(Event.OPENED, (3,), 3), Telling(Event.REPEATED, (1,), 2)]),
    ([over(1), known(2)], 30, []),  # one of two
    ([over(1), over(2)], 30, [Telling(Event.RESOLVED, (1, 2))]),
    ([over(1), *QUIET], 30, []),  # not over, though nobody wants to hear of it
    ([over(1), new(2, 30)], 30, [Telling(Event.OPENED, (2,))]),
]


@pytest.mark.parametrize(("members", "hours", "expected"), CASES)
def test_what_is_due_of_a_group(members, hours, expected):
    assert tellings(members, after(hours), RULES) == tuple(expected)

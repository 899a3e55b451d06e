"""The life of an alert: what is told when, what answers change, and that no order of events tells too much."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from retuned.strategies.alerting.life_cycle import (
    Rules,
    State,
    acknowledged,
    due,
    opened,
    raised,
    resolved,
    snoozed,
    told,
    unsnoozed,
)
from retuned.strategies.alerting.message import Event

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
RULES = Rules(repeat=timedelta(days=7), escalate_after=timedelta(days=3))
HOURS = {"an hour": 1, "a day": 24, "4 days": 96, "8 days": 192}


def after(days):
    return START + timedelta(days=days)


NEW = opened(START)
OPEN = told(NEW, Event.OPENED, START)
ESCALATED = told(OPEN, Event.ESCALATED, after(3))
OVER = resolved(OPEN, after(1))
TOLD_OVER = told(OVER, Event.RESOLVED, after(1))
BACK = raised(TOLD_OVER, after(1.5), RULES)
TWICE = raised(
    told(resolved(told(BACK, Event.OPENED, after(1.5)), after(1.6)), Event.RESOLVED, after(1.6)), after(1.7), RULES
)
SILENT = opened(START, is_silent=True)
DUE = [
    (NEW, 0, Event.OPENED),  # at once
    (OPEN, 0, None),
    (OPEN, 2.9, None),
    (OPEN, 3, Event.ESCALATED),  # nobody answered
    (ESCALATED, 9.9, None),  # the escalation was heard of, too: the week begins with it
    (ESCALATED, 10, Event.REPEATED),
    (ESCALATED, 60, Event.REPEATED),  # what a stopped service missed is told once
    (told(ESCALATED, Event.REPEATED, after(60)), 60, None),
    (acknowledged(OPEN), 60, None),
    (snoozed(OPEN, after(14)), 13.9, None),
    (snoozed(OPEN, after(14)), 14, Event.SNOOZE_ENDED),
    (told(snoozed(ESCALATED, after(14)), Event.SNOOZE_ENDED, after(14)), 14, None),  # once
    (told(snoozed(ESCALATED, after(14)), Event.SNOOZE_ENDED, after(14)), 21, Event.REPEATED),
    (unsnoozed(snoozed(ESCALATED, after(14)), after(10)), 10, None),  # whoever ends it knows
    (told(NEW, Event.OPENED, after(5)), 7, None),  # told late, as by a service that did not run: the days begin then
    (told(snoozed(OPEN, after(14)), Event.SNOOZE_ENDED, after(14)), 16, None),
    (told(snoozed(OPEN, after(14)), Event.SNOOZE_ENDED, after(14)), 17, Event.ESCALATED),
    (OVER, 1, Event.RESOLVED),
    (TOLD_OVER, 1, None),  # once
    (resolved(NEW, START), 0, None),  # nobody was told that it was open
    (resolved(acknowledged(NEW), START), 0, None),
    (resolved(acknowledged(OPEN), after(1)), 1, Event.RESOLVED),
    (resolved(snoozed(OPEN, after(14)), after(1)), 15, Event.RESOLVED),  # and no end of a snooze
    (BACK, 1.5, Event.OPENED),  # its first return is told at once
    (TWICE, 1.7, None),  # it flaps
    (TWICE, 2.4, None),
    (TWICE, 2.5, Event.OPENED),  # a day after it was last told
    (resolved(TWICE, after(2)), 2, None),  # a return that nobody heard of has no end to tell
    (raised(OVER, after(1), RULES), 1, None),  # back before its end was told: nothing happened, for its owner
    (raised(OPEN, after(1), RULES), 1, None),  # the same once more
    (SILENT, 60, None),
    (resolved(SILENT, after(1)), 1, None),
    (raised(SILENT, after(1), RULES), 1, Event.OPENED),  # what waited for the digest has become worth telling
    (raised(SILENT, after(1), RULES, is_silent=True), 1, None),
]


@pytest.mark.parametrize(("life", "day", "event"), DUE)
def test_what_is_due(life, day, event):
    assert due(life, after(day), RULES) is event


def test_an_alert_that_comes_back_late_is_a_new_one():
    assert raised(TOLD_OVER, after(1.99), RULES).reopened == 1
    assert raised(TOLD_OVER, after(2), RULES) is None


def test_answers_to_what_is_over_change_nothing():
    answers = (acknowledged(OVER), snoozed(OVER, after(9)), unsnoozed(OVER, after(9)), resolved(OVER, after(5)))
    assert answers == (OVER,) * 4


def test_a_silent_alert_wakes_from_its_snooze_without_a_word():
    awake = told(snoozed(SILENT, after(2)), Event.SNOOZE_ENDED, after(2))
    assert (awake.state, awake.is_told, awake.told_at) == (State.OPEN, False, None)


class Lives(RuleBasedStateMachine):
    """One cause that comes and goes, a person who answers, and a service that tells what is due or sleeps."""

    def __init__(self):
        super().__init__()
        self.now, self.life, self.heard = START, opened(START), []

    @rule(hours=st.sampled_from(sorted(HOURS)))
    def time_passes(self, hours):
        self.now += timedelta(hours=HOURS[hours])

    @rule()
    def the_cause_is_seen(self):
        self.life = raised(self.life, self.now, RULES) or opened(self.now)

    @rule()
    def the_cause_is_gone(self):
        self.life = resolved(self.life, self.now)

    @rule()
    def someone_acknowledges(self):
        self.life = acknowledged(self.life)

    @rule(days=st.integers(1, 20))
    def someone_snoozes(self, days):
        self.life = snoozed(self.life, self.now + timedelta(days=days))

    @rule()
    def someone_ends_the_snooze(self):
        self.life = unsnoozed(self.life, self.now)

    @rule()
    def the_service_tells(self):
        event = due(self.life, self.now, RULES)
        if event is not None:
            self.heard.append((self.now, event))
            self.life = told(self.life, event, self.now)
        assert due(self.life, self.now, RULES) is None  # nothing is told twice

    @invariant()
    def ends_follow_what_was_told_open(self):
        """Whoever hears of an end heard before that it was open, and of each end once."""
        open_now = False
        for _, event in self.heard:
            assert open_now or event is not Event.RESOLVED
            open_now = event is not Event.RESOLVED

    @invariant()
    def it_is_no_stream(self):
        """A day has a bound, whatever comes and goes: it opens, comes back once, and may be woken."""
        opens = [at for at, event in self.heard if event is Event.OPENED]
        assert all(third - first >= timedelta(hours=1) for first, third in zip(opens, opens[3:], strict=False))

    @invariant()
    def what_is_over_is_not_snoozed(self):
        assert self.life.state is not State.RESOLVED or self.life.snoozed_until is None


TestLives = Lives.TestCase

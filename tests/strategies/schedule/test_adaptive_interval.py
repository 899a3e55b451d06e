"""every = "auto": shorter after STALE, longer after FRESH, never beyond the bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.records import Outcome
from retuned.strategies.schedule.adaptive_interval import interval_of

F, S, B, D, INC = Outcome.FRESH, Outcome.STALE, Outcome.BROKEN, Outcome.DEGRADED, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("outcomes", "days", "reason"),
    [
        ((), 91, "to begin with"),
        ((F,), 91, "to begin with"),
        ((F, F), 136, "lengthened from 91 to 136 days after two FRESH in a row"),
        ((F, F, F), 136, "lengthened"),
        ((F, F, F, F), 204, "lengthened from 136 to 204"),
        ((F, D, F), 91, "to begin with"),
        ((F, INC, F, F), 136, "lengthened"),
        ((S,), 46, "halved from 91 to 46 days after STALE"),
        ((S, B), 30, "halved from 46 to 30 days after BROKEN"),
        ((S, S, S), 30, "stays at 30 days after STALE: the shortest allowed"),
        ((F,) * 8, 365, "lengthened from 306 to 365"),
        ((F,) * 10, 365, "stays at 365 days after FRESH: the longest allowed"),
        ((F, F, S), 68, "halved from 136 to 68"),
    ],
)
def test_the_interval_follows_what_was_found(outcomes, days, reason):
    interval = interval_of(outcomes, 30, 365)
    assert interval.days == days
    assert reason in interval.reason


@given(st.lists(st.sampled_from(Outcome), max_size=40), st.integers(1, 100), st.integers(100, 800))
def test_it_stays_within_its_bounds(outcomes, shortest, longest):
    assert shortest <= interval_of(outcomes, shortest, longest).days <= longest

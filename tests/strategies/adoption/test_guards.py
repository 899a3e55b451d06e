"""The guards of an adoption without a person: each refuses alone, and says why."""

from dataclasses import replace

import pytest
from retuned.strategies.adoption.guards import Circumstances, Rules, reason_of, refusals
from retuned.strategies.records import Outcome
from retuned.strategies.verdict.verdict_records import Reason, Verdict

RULES = Rules(evidence=400.0, least_gain=0.1, metric="loss")
STALE = Verdict(
    Outcome.STALE, Reason.GAIN_CONFIRMED, "", "", True, 0.0125, 0.05, 1.0, 0.1, 10,
    mean=0.4, lower=0.2, e_value=900.0, challenger_confirmed=True,
)  # fmt: skip
NOTHING = Circumstances()


def test_a_sure_and_large_improvement_is_adopted_and_says_why():
    assert refusals(RULES, STALE, NOTHING) == ()
    assert reason_of(RULES, STALE) == (
        "evidence 900:1 is above 400:1, and the improvement of at least 0.2 loss is not below 0.1"
    )


@pytest.mark.parametrize(
    ("verdict", "seen", "words"),
    [
        ({"outcome": Outcome.BROKEN}, {}, "only STALE is adopted by itself"),  # whoever is woken up decides
        ({"challenger_confirmed": False}, {}, "no challenger was confirmed"),
        ({"is_covered": False}, {}, "the error rate does not hold"),
        ({"e_value": 400.0}, {}, "the evidence, 400:1, is not above 400:1"),  # above, not at
        ({"lower": 0.09}, {}, "below least_gain 0.1"),
        ({"lower": None}, {}, "below least_gain 0.1"),  # no bound is no gain
        ({"suspicions": ("x is 1e9",)}, {}, "look like glitches"),
        ({}, {"edited": ("lr", "wd")}, "edited by hand (lr, wd)"),
        ({}, {"unreadable": "it is gone"}, "cannot be read: it is gone"),
        ({}, {"is_current": False}, "other settings became current"),
        ({}, {"is_active": False}, "not active"),
    ],
)
def test_each_guard_refuses_alone(verdict, seen, words):
    (clause,) = refusals(RULES, replace(STALE, **verdict), Circumstances(**seen))
    assert words in clause


def test_a_gain_at_the_floor_is_enough():
    assert refusals(RULES, replace(STALE, lower=0.1), NOTHING) == ()

"""Whether confirmed values may be adopted without a person."""

from dataclasses import dataclass

from ..records import Outcome
from ..verdict.verdict_records import Verdict
from ..verdict.verdict_words import figure, odds


@dataclass(frozen=True, slots=True)
class Rules:
    """What the owner asks of an adoption that nobody confirms: evidence above these odds, and an improvement of at
    least so much in the metric. `metric` names it."""

    evidence: float
    least_gain: float
    metric: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else bears on it: values that a person edited in the settings file, or why that file cannot be read; whether
    the campaign judged the settings that are still current; whether the model is active."""

    edited: tuple[str, ...] = ()
    unreadable: str = ""
    is_current: bool = True
    is_active: bool = True


def refusals(rules: Rules, verdict: Verdict, seen: Circumstances) -> tuple[str, ...]:
    """Why the challenger of a verdict is not adopted by itself, in clauses; empty: it is."""
    lower = verdict.lower
    clauses = (
        (verdict.outcome is not Outcome.STALE, f"the verdict is {verdict.label}, and only STALE is adopted by itself"),
        (not verdict.challenger_confirmed, "no challenger was confirmed"),
        (not verdict.is_covered, "the training breaks the contract, so the error rate does not hold"),
        (
            not verdict.e_value > rules.evidence,
            f"the evidence, {odds(verdict.e_value)}, is not above {odds(rules.evidence)}",
        ),
        (
            lower is None or lower < rules.least_gain,
            f"the improvement is certain to be {figure(lower)} {rules.metric} only, below least_gain "
            f"{figure(rules.least_gain)}",
        ),
        (bool(verdict.suspicions), "the data has values that look like glitches"),
        (bool(seen.edited), f"the settings file was edited by hand ({', '.join(seen.edited)})"),
        (bool(seen.unreadable), f"the settings file cannot be read: {seen.unreadable}"),
        (not seen.is_current, "other settings became current meanwhile"),
        (not seen.is_active, "the model is not active"),
    )
    return tuple(clause for is_so, clause in clauses if is_so)


def reason_of(rules: Rules, verdict: Verdict) -> str:
    """Why values are adopted without a person, as a clause."""
    return (
        f"evidence {odds(verdict.e_value)} is above {odds(rules.evidence)}, and the improvement of at least "
        f"{figure(verdict.lower)} {rules.metric} is not below {figure(rules.least_gain)}"
    )

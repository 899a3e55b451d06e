"""Causes, what can be found of them, and the clauses that tell the owner; scores count as better or worse."""

from collections.abc import Sequence

from ..verdict.confidence_intervals import LEVEL, Interval
from .cause_records import Cause, Finding

_LEVEL = f"{LEVEL:.0%}".replace("%", " %")


_SUBJECT = {
    Cause.DATA: "the data",
    Cause.ENVIRONMENT: "the environment",
    Cause.CODE: "the training code",
}
_WHERE = {
    Cause.DATA: " on the new data",
    Cause.ENVIRONMENT: " in the new environment",
    Cause.CODE: " with the new code",
}
_SO = "so the settings were never optimal: a poor first pick, not rust"


def why(clauses: Sequence[str]) -> str:
    """The owner's sentence; empty clauses are left out."""
    return f"Why: {'; '.join(clause for clause in clauses if clause)}."


def nothing_changed(*, was_never_optimal: bool) -> str:
    """The clause where everything is as it was; `was_never_optimal`: and other settings are confirmed to be better."""
    ending = f", {_SO}" if was_never_optimal else ""
    return f"neither the data, the environment nor the training code changed{ending}"


def unchanged(cause: Cause) -> str:
    """The clause for what is as it was; code that stayed is not worth one."""
    return "" if cause is Cause.CODE else f"{_SUBJECT[cause]} did not change"


def not_known(causes: Sequence[Cause], reason: str) -> str:
    """The clause for an effect that nothing was measured of."""
    return f"the effect of {_subject(causes)} is not known ({reason})"


def changed(causes: Sequence[Cause], finding: Finding, seen: Interval | None, failures: str) -> str:
    """The clause for things that changed, with what that does to the settings in force.

    `failures` tells of runs that fail more often for it.
    """
    subject, where = _subject(causes), _WHERE[causes[0]] if len(causes) == 1 else " with all of that"
    if failures:
        return f"{subject} changed (with the same settings {failures})"
    assert seen is not None
    if finding is Finding.NO_CHANGE_SEEN:
        return f"{subject} changed, but not the score of the same settings{where} ({_range(seen)})"
    size = f"the same settings score {signed(seen.mean)}{where}; {_LEVEL} interval {_magnitudes(seen)}"
    return f"{subject} changed ({size})"


def not_told_apart(reason: str) -> str:
    """The clause after the effect of several changes, of which none could be measured alone."""
    return f"; which of them does it is not known ({reason})"


def failing_at_birth(finding: Finding, theirs: str, ours: str) -> str:
    """The clause for runs that fail on the old data: of the challenger (`theirs`) or of the settings in force."""
    ending = "so the settings have rusted" if finding is Finding.RUSTED else _SO
    return f"on the old data {theirs} runs of the challenger fail and {ours} of the stored settings, {ending}"


def at_birth(finding: Finding, low: float | None, high: float | None, *, has_moved: bool) -> str:
    """The clause for the challenger's gain on the old data, from its bounds; None is a bound that does not exist.

    `has_moved`: it was measured in an environment, or with code, other than at birth.
    """
    least = "" if low is None else f" by at least {low:.3g}"
    if finding is Finding.NEVER_OPTIMAL:
        so = "so the settings were never optimal, or what changed around the data made them so" if has_moved else _SO
        return f"the challenger is better on the old data too,{least}, {so}"
    if finding is Finding.PARTLY_RUSTED:
        return (
            f"the challenger is better on the old data too,{least}, but by less than half of today's gain: partly rust"
        )
    if finding is Finding.RUSTED:
        gain = "not" if high is None or high <= 0 else f"at most {high:.3g}"
        return f"the challenger is {gain} better on the old data, so the settings have rusted"
    between = "" if low is None or high is None else f" ({signed(low)} to {signed(high)})"
    return f"whether the challenger was better on the old data already is not settled{between}"


def birth_not_known(reason: str) -> str:
    """The clause where nothing tells rust from a poor first pick."""
    return f"whether the settings were ever optimal is not known ({reason})"


def _subject(causes: Sequence[Cause]) -> str:
    """'the data, the environment and the training code'."""
    *others, last = (_SUBJECT[cause] for cause in causes)
    return f"{', '.join(others)} and {last}" if others else last


def signed(change: float) -> str:
    """A change in score for a person: '0.31 worse'."""
    if change == 0:
        return "the same"
    return f"{abs(change):.3g} {'worse' if change < 0 else 'better'}"


def _range(seen: Interval) -> str:
    if seen.low == seen.high == 0:
        return "equal to the last digit"
    return f"{_LEVEL} interval {signed(seen.low)} to {signed(seen.high)}"


def _magnitudes(seen: Interval) -> str:
    """Both ends lie on the side of the mean, so their sign is said already."""
    low, high = sorted((abs(seen.low), abs(seen.high)))
    return f"{low:.3g} to {high:.3g}"

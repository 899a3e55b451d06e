"""Causes, what can be found out about each, and the clauses for the owner, in which scores are better or worse."""

from collections.abc import Sequence

from ..verdict.confidence_intervals import LEVEL, Interval
from ..words import in_digits
from .cause_records import Cause, Finding

_LEVEL = f"{LEVEL:.0%}"


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
_NEVER_OPTIMAL = "so the settings were never optimal: a poor first pick, not rust"
_RUSTED = "so the settings were good then and have rusted since"

NO_INTERPRETER = "which Python trained is not known"


def why(clauses: Sequence[str]) -> str:
    """The owner's sentence; empty clauses are left out."""
    return f"Why: {'; '.join(clause for clause in clauses if clause)}."


def nothing_changed(*, was_never_optimal: bool) -> str:
    """The clause where nothing changed; `was_never_optimal`: although other settings are confirmed to be better."""
    ending = f", {_NEVER_OPTIMAL}" if was_never_optimal else ""
    return f"neither the data, the environment nor the training code changed{ending}"


def nothing_known_to_change() -> str:
    """The clause where data and code are as they were, and nobody knows of the environment."""
    return f"neither the data nor the training code changed; of the environment nothing is known ({NO_INTERPRETER})"


def unchanged(cause: Cause) -> str:
    """The clause for a cause that did not change; empty for code, where that is not worth saying."""
    return "" if cause is Cause.CODE else f"{_SUBJECT[cause]} did not change"


def not_known(causes: Sequence[Cause], reason: str) -> str:
    """The clause for an effect that was not measured."""
    return f"the effect of {_subject(causes)} is not known ({reason})"


def changed(causes: Sequence[Cause], finding: Finding, change: Interval | None, failures: str) -> str:
    """The clause for causes that changed, with the effect on the current settings.

    `failures` counts the runs where more of them fail now; empty otherwise.
    """
    subject, where = _subject(causes), _WHERE[causes[0]] if len(causes) == 1 else " with all of these changes"
    if failures:
        return f"{subject} changed (with the same settings {failures})"
    assert change is not None
    if finding is Finding.NO_CHANGE_SEEN:
        return f"{subject} changed, without a clear effect on the score of the same settings ({_range(change)})"
    size = f"the same settings score {signed(change.mean)}{where}; {_LEVEL} interval {_magnitudes(change)}"
    return f"{subject} changed ({size})"


def not_told_apart(reason: str) -> str:
    """What follows the effect of several changes where none of them could be measured alone."""
    return f"; which of them is responsible is not known ({reason})"


def failing_on_old_data(finding: Finding, theirs: str, ours: str) -> str:
    """The clause where runs fail on the old data: how many of the challenger (`theirs`) and of the current settings."""
    ending = _RUSTED if finding is Finding.RUSTED else _NEVER_OPTIMAL
    return f"on the old data {theirs} runs of the challenger fail and {ours} of the stored settings, {ending}"


def on_old_data(finding: Finding, low: float | None, high: float | None, *, has_moved: bool) -> str:
    """The clause for the challenger's improvement on the old data, from its bounds; None where there is no bound.

    `has_moved`: the environment or the code that it was measured with is not that of the baseline.
    """
    least = "" if low is None else f", by at least {in_digits(low, 3)}"
    if finding is Finding.NEVER_OPTIMAL:
        or_moved = "so the settings were never optimal, or the change of environment or code made them worse"
        return f"the challenger is better on the old data too{least}, {or_moved if has_moved else _NEVER_OPTIMAL}"
    if finding is Finding.PARTLY_RUSTED:
        return (
            f"the challenger is better on the old data too{least}, but by less than half of today's improvement, so "
            "the settings have partly rusted"
        )
    if finding is Finding.RUSTED:
        size = "not" if high is None or high <= 0 else f"at most {in_digits(high, 3)}"
        return f"the challenger is {size} better on the old data, {_RUSTED}"
    between = "" if low is None or high is None else f" ({signed(low)} to {signed(high)})"
    return f"whether the challenger was already better on the old data is not settled{between}"


def first_pick_not_known(reason: str) -> str:
    """The clause where rust and a poor first pick cannot be told apart."""
    return f"whether the settings were ever optimal is not known ({reason})"


def _subject(causes: Sequence[Cause]) -> str:
    """'the data, the environment and the training code'."""
    *others, last = (_SUBJECT[cause] for cause in causes)
    return f"{', '.join(others)} and {last}" if others else last


def signed(change: float) -> str:
    """A change in score as text: '0.31 worse'."""
    if change == 0:
        return "the same"
    return f"{in_digits(abs(change), 3)} {'worse' if change < 0 else 'better'}"


def _range(change: Interval) -> str:
    if change.low == change.high == 0:
        return "equal to the last digit"
    return f"{_LEVEL} interval {signed(change.low)} to {signed(change.high)}"


def _magnitudes(change: Interval) -> str:
    """Both ends without their sign, which is that of the mean."""
    low, high = sorted((abs(change.low), abs(change.high)))
    return f"{in_digits(low, 3)} to {in_digits(high, 3)}"

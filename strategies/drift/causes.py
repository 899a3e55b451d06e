"""Why a score fell or a challenger won: changed data, environment or code, or settings that were never the best.

The baseline runs of the current settings and runs made now on the old data form a square: old and new data, old and
new environment. Each effect is one side of it. Comparing the current settings with the challenger on the old data as
well tells rust from a poor first pick.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

from ..verdict.confidence_intervals import LEVEL, Interval, paired, welch
from ..verdict.run_scores import both_scored, failed_of, fails_more, scores
from ..verdict.runs import Run
from ..verdict.safe_t_test import FIRST_LOOK, Bounds, look_sizes, mean_bounds
from ..verdict.verdict_records import Verdict
from . import cause_words as words
from .cause_records import Cause, Causes, Effect, Finding

MOST_AGAIN = 6  # runs of the current settings on the old data
MOST_RIVALS = 8  # runs of the challenger there; fewer where the current settings must run as well
UNKNOWN = "cause not known"
_MATERIAL = 0.1  # share of the smallest improvement that matters, below which an effect is not reported
_RATE = 0.10  # error rate of the comparison on the old data, on either side
_MOVED = (Finding.WORSE, Finding.BETTER)


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from the baseline of the current settings. `data` None: there is no data that could be compared.

    `is_comparable`: trained for the same budget and judged by the same metric as then. `no_old_data` says why nothing
    can be trained on the old data; empty where it can.
    """

    data: bool | None
    environment: str  # what changed in it; empty when nothing did
    code: bool
    is_comparable: bool = True
    no_old_data: str = ""
    is_environment_known: bool = True

    @property
    def has_moved(self) -> bool:
        """Whether environment or code changed, so that the same run could score differently than in the baseline."""
        return bool(self.environment) or self.code

    @property
    def around(self) -> tuple[Cause, ...]:
        """What changed besides the data: environment, code, both or neither."""
        environment = (Cause.ENVIRONMENT,) if self.environment else ()
        return (*environment, Cause.CODE) if self.code else environment

    @property
    def can_reuse_baseline(self) -> bool:
        """Whether the baseline's replicates have the scores that the same runs on the old data would have today."""
        return self.is_comparable and not self.has_moved


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs to compare: `again` and `rivals` repeat the first replicates of the `baseline` on the old data, in their
    order, with the current settings and with the challenger; `now` are the current settings on the new data.

    `floor` is the score that the owner declares for a failed run; without one, failed runs have no score.
    """

    baseline: tuple[Run, ...]
    now: tuple[Run, ...]
    again: tuple[Run, ...] = ()
    rivals: tuple[Run, ...] = ()
    floor: float | None = None


def extra_runs(change: Change, verdict: Verdict, runs: Runs) -> tuple[int, int]:
    """How many runs on the old data are wanted in total: of the current settings, and of the challenger."""
    if change.no_old_data:
        return 0, 0
    is_moved = bool(change.data) and not change.can_reuse_baseline
    again = min(MOST_AGAIN, len(runs.baseline)) if is_moved or (change.has_moved and change.is_comparable) else 0
    if not (verdict.challenger_confirmed and change.data):
        return again, 0
    looks = look_sizes(again or min(MOST_RIVALS, len(runs.baseline)))
    is_settled = bool(runs.rivals) and _baseline(change, verdict, runs, "").finding is not Finding.UNSETTLED
    more = (n for n in looks if n > len(runs.rivals))
    return again, len(runs.rivals) if is_settled else next(more, len(runs.rivals))


def explain(change: Change, verdict: Verdict, runs: Runs, skipped: str = "") -> Causes:
    """What the runs say about the causes. `skipped`: why some that were wanted are missing."""
    reason = change.no_old_data or skipped or "the baseline has too few runs"
    effects = [_data(change, verdict, runs, reason), *_surroundings(change, verdict, runs, reason)]
    is_measured = any(effect.finding not in (Finding.NOT_KNOWN, Finding.UNCHANGED) for effect in effects)
    if change.data and change.has_moved and change.is_comparable and not is_measured:
        effects = [*(replace(effect, words="") for effect in effects), _together(change, verdict, runs, reason)]
    if verdict.challenger_confirmed:
        effects.append(_baseline(change, verdict, runs, reason))
    if change.data is False and change.can_reuse_baseline:
        was_never_optimal = verdict.challenger_confirmed
        clauses = [
            words.nothing_changed(was_never_optimal=was_never_optimal)
            if change.is_environment_known
            else words.nothing_known_to_change()
        ]
    else:
        clauses = [effect.words for effect in effects]
    return Causes((*effects, _settings(verdict)), words.why(clauses), _summary(effects), skipped, LEVEL)


def unexplained(reason: str) -> Causes:
    """The record where nothing can be said about causes, for that reason."""
    return Causes((), words.why([f"not known ({reason})"]), UNKNOWN, "", LEVEL)


def _data(change: Change, verdict: Verdict, runs: Runs, reason: str) -> Effect:
    if change.data is False:
        return _unchanged(Cause.DATA)
    before = runs.again or (runs.baseline if change.can_reuse_baseline else ())
    if change.data is None or not before:
        return _not_known([Cause.DATA], reason)
    return _shift([Cause.DATA], verdict, before, runs.now, runs.floor)


def _surroundings(change: Change, verdict: Verdict, runs: Runs, reason: str) -> tuple[Effect, Effect]:
    """The effects of environment and code; one measurement for both where both changed."""
    same_environment = (
        _unchanged(Cause.ENVIRONMENT)
        if change.is_environment_known
        else _not_known([Cause.ENVIRONMENT], words.NO_INTERPRETER)
    )
    if not change.has_moved:
        return same_environment, _unchanged(Cause.CODE)
    causes = change.around
    other = Cause.CODE if causes[0] is Cause.ENVIRONMENT else Cause.ENVIRONMENT
    same = same_environment if other is Cause.ENVIRONMENT else _unchanged(other)
    rest = same if other not in causes else Effect(other, Finding.NOT_KNOWN, _OF[other], "")
    if not change.is_comparable:
        return _not_known(causes, "the budget or the metric has changed since then"), rest
    if runs.again:
        before, now = runs.baseline[: len(runs.again)], runs.again
        return _shift(causes, verdict, before, now, runs.floor, is_paired=True), rest
    if change.data is False:
        return _shift(causes, verdict, runs.baseline, runs.now, runs.floor), rest
    return _not_known(causes, reason), rest


def _together(change: Change, verdict: Verdict, runs: Runs, reason: str) -> Effect:
    """The joint effect of all changes, where they cannot be told apart."""
    effect = _shift([Cause.DATA, *change.around], verdict, runs.baseline, runs.now, runs.floor)
    clause = effect.words + words.not_told_apart(reason) if effect.finding in _MOVED else effect.words
    return replace(effect, cause=Cause.TOGETHER, of=_OF[Cause.TOGETHER], words=clause)


def _baseline(change: Change, verdict: Verdict, runs: Runs, reason: str) -> Effect:
    """Whether the challenger was already better on the old data."""
    if change.data is False and change.can_reuse_baseline:
        improvement = (verdict.mean, verdict.lower, verdict.upper)
        return Effect(Cause.BASELINE, Finding.NEVER_OPTIMAL, _OF[Cause.BASELINE], "", *improvement)
    if change.data is False:
        return _first_pick_not_known("the data did not change, but the change of environment or code cannot be undone")
    incumbents = runs.again or (runs.baseline if change.can_reuse_baseline else ())
    pairs = list(zip(incumbents, runs.rivals, strict=False))
    ours, theirs = [incumbent for incumbent, _ in pairs], [rival for _, rival in pairs]
    if fails_more(ours, theirs) or fails_more(theirs, ours):
        finding = Finding.RUSTED if fails_more(ours, theirs) else Finding.NEVER_OPTIMAL
        clause = words.failing_on_old_data(finding, failed_of(theirs), failed_of(ours))
        return Effect(Cause.BASELINE, finding, _OF[Cause.BASELINE], clause)
    before, rival = both_scored(ours, theirs, runs.floor)
    if len(before) < FIRST_LOOK:
        return _first_pick_not_known("too few runs on the old data finished" if pairs else reason)
    bounds = mean_bounds([b - a for a, b in zip(before, rival, strict=True)], _RATE, _RATE, verdict.d0)
    finding = _rust(bounds, verdict)
    low, high = (bound if isfinite(bound) else None for bound in (bounds.lower, bounds.upper))
    clause = words.on_old_data(finding, low, high, has_moved=not change.can_reuse_baseline)
    return Effect(Cause.BASELINE, finding, _OF[Cause.BASELINE], clause, bounds.mean, low, high)


def _rust(old: Bounds, verdict: Verdict) -> Finding:
    """What the challenger's improvement on the old data says, compared with its improvement on the new data."""
    half = (verdict.mean or 0.0) / 2
    if old.lower > 0:
        return Finding.NEVER_OPTIMAL if old.mean >= half else Finding.PARTLY_RUSTED
    return Finding.RUSTED if old.upper < max(half, verdict.delta or 0.0) else Finding.UNSETTLED


def _settings(verdict: Verdict) -> Effect:
    finding = Finding.GAIN_CONFIRMED if verdict.challenger_confirmed else Finding.NO_GAIN_CONFIRMED
    return Effect(Cause.SETTINGS, finding, _OF[Cause.SETTINGS], "", verdict.mean, verdict.lower, verdict.upper)


_OF = {
    Cause.DATA: "stored settings: new data minus old data, in today's environment",
    Cause.ENVIRONMENT: "stored settings on the old data: today's environment minus the baseline's",
    Cause.CODE: "stored settings on the old data: today's code minus the baseline's",
    Cause.TOGETHER: "stored settings: new data today minus old data in the baseline",
    Cause.SETTINGS: "challenger minus stored settings on the new data, from the pairs of the verdict",
    Cause.BASELINE: "challenger minus stored settings on the old data",
}


def _shift(
    causes: Sequence[Cause],
    verdict: Verdict,
    before: Sequence[Run],
    now: Sequence[Run],
    floor: float | None,
    *,
    is_paired: bool = False,
) -> Effect:
    """The effect of changes on the current settings, from runs before and after; attributed to the first of them."""
    interval = (
        paired(*both_scored(before, now, floor)) if is_paired else welch(scores(before, floor), scores(now, floor))
    )
    failures = f"{failed_of(now)} runs fail, {failed_of(before)} before" if fails_more(before, now) else ""
    finding = Finding.WORSE if failures else _finding(interval, _MATERIAL * (verdict.delta or 0.0))
    if finding is Finding.NOT_KNOWN:
        return _not_known(causes, "too few runs finished")
    clause = words.changed(causes, finding, interval, failures)
    return Effect(causes[0], finding, _OF[causes[0]], clause, *(interval or (None, None, None)))


def _finding(interval: Interval | None, least: float) -> Finding:
    if interval is None:
        return Finding.NOT_KNOWN
    if interval.low <= 0 <= interval.high or abs(interval.mean) < least:
        return Finding.NO_CHANGE_SEEN
    return Finding.WORSE if interval.mean < 0 else Finding.BETTER


def _unchanged(cause: Cause) -> Effect:
    return Effect(cause, Finding.UNCHANGED, _OF[cause], words.unchanged(cause))


def _not_known(causes: Sequence[Cause], reason: str) -> Effect:
    return Effect(causes[0], Finding.NOT_KNOWN, _OF[causes[0]], words.not_known(causes, reason))


def _first_pick_not_known(reason: str) -> Effect:
    return Effect(Cause.BASELINE, Finding.NOT_KNOWN, _OF[Cause.BASELINE], words.first_pick_not_known(reason))


def _summary(effects: Sequence[Effect]) -> str:
    """A summary for tables, as 'data worse, rusted'."""
    moved = [f"{effect.cause} {effect.finding}" for effect in effects if effect.finding in _MOVED]
    rust = [
        str(effect.finding)
        for effect in effects
        if effect.cause is Cause.BASELINE and effect.finding is not Finding.NOT_KNOWN
    ]
    return ", ".join((*moved, *rust)) or UNKNOWN

"""Why a score fell or a challenger won: data, environment or code that moved, or settings that were never the best.

The runs of the settings in force at birth, and what is trained now on the data of that time, form a square: old and new
data, old and new environment. Each effect is one side of it. The settings in force and the challenger, compared on the
old data as well, tell rust from a poor first pick.
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

MOST_AGAIN = 6  # runs of the settings in force on the old data
MOST_RIVALS = 8  # runs of the challenger there; fewer where the settings in force must run as well
UNKNOWN = "cause not known"
_MATERIAL = 0.1  # share of the least gain that counts, below which an effect is not worth a word
_RATE = 0.10  # error rate of the comparison at birth, on either side
_MOVED = (Finding.WORSE, Finding.BETTER)


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from the baseline of the settings in force. `data` None: there is none that could be compared.

    `is_comparable`: trained for the same budget and judged by the same metric as then. `no_old_data` says why nothing
    can be trained on the old data; empty when it can.
    """

    data: bool | None
    environment: str  # what of it changed, empty when nothing did
    code: bool
    is_comparable: bool = True
    no_old_data: str = ""

    @property
    def has_moved(self) -> bool:
        """Environment or code changed, so that a run made today could score other than at birth."""
        return bool(self.environment) or self.code

    @property
    def around(self) -> tuple[Cause, ...]:
        """What changed around the data."""
        environment = (Cause.ENVIRONMENT,) if self.environment else ()
        return (*environment, Cause.CODE) if self.code else environment

    @property
    def has_birth_side(self) -> bool:
        """The replicates at birth are what the same runs on the old data would score today."""
        return self.is_comparable and not self.has_moved


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs to compare: `again` and `rivals` repeat the first replicates at `birth` on the old data, in their order,
    with the settings in force and with the challenger; `now` are the settings in force on the new data.

    `floor` is the score of a failed run that the owner declares; without one, failed runs have no score.
    """

    birth: tuple[Run, ...]
    now: tuple[Run, ...]
    again: tuple[Run, ...] = ()
    rivals: tuple[Run, ...] = ()
    floor: float | None = None


def extra_runs(change: Change, verdict: Verdict, runs: Runs) -> tuple[int, int]:
    """How many runs on the old data are wanted in all: of the settings in force, and of the challenger."""
    if change.no_old_data:
        return 0, 0
    is_moved = bool(change.data) and not change.has_birth_side
    again = min(MOST_AGAIN, len(runs.birth)) if is_moved or (change.has_moved and change.is_comparable) else 0
    if not (verdict.challenger_confirmed and change.data):
        return again, 0
    looks = look_sizes(again or min(MOST_RIVALS, len(runs.birth)))
    is_settled = bool(runs.rivals) and _birth(change, verdict, runs, "").finding is not Finding.UNSETTLED
    more = (n for n in looks if n > len(runs.rivals))
    return again, len(runs.rivals) if is_settled else next(more, len(runs.rivals))


def explain(change: Change, verdict: Verdict, runs: Runs, skipped: str = "") -> Causes:
    """What the runs say about the causes. `skipped`: why some that were wanted are missing."""
    reason = change.no_old_data or skipped or "there are too few runs from then"
    effects = [_data(change, verdict, runs, reason), *_surroundings(change, verdict, runs, reason)]
    is_told = any(effect.finding not in (Finding.NOT_KNOWN, Finding.UNCHANGED) for effect in effects)
    if change.data and change.has_moved and change.is_comparable and not is_told:
        effects = [*(replace(effect, words="") for effect in effects), _together(change, verdict, runs, reason)]
    if verdict.challenger_confirmed:
        effects.append(_birth(change, verdict, runs, reason))
    if change.data is False and change.has_birth_side:
        clauses = [words.nothing_changed(was_never_optimal=verdict.challenger_confirmed)]
    else:
        clauses = [effect.words for effect in effects]
    return Causes((*effects, _settings(verdict)), words.why(clauses), _summary(effects), skipped, LEVEL)


def unexplained(reason: str) -> Causes:
    """Causes that nothing can be said about."""
    return Causes((), words.why([f"not known ({reason})"]), UNKNOWN, "", LEVEL)


def _data(change: Change, verdict: Verdict, runs: Runs, reason: str) -> Effect:
    if change.data is False:
        return _unchanged(Cause.DATA)
    before = runs.again or (runs.birth if change.has_birth_side else ())
    if change.data is None or not before:
        return _not_known([Cause.DATA], reason)
    return _shift([Cause.DATA], verdict, before, runs.now, runs.floor)


def _surroundings(change: Change, verdict: Verdict, runs: Runs, reason: str) -> tuple[Effect, Effect]:
    """The effects of environment and code; one measurement for both where both changed."""
    if not change.has_moved:
        return _unchanged(Cause.ENVIRONMENT), _unchanged(Cause.CODE)
    causes = change.around
    other = Cause.CODE if causes[0] is Cause.ENVIRONMENT else Cause.ENVIRONMENT
    beside = _unchanged(other) if other not in causes else Effect(other, Finding.NOT_KNOWN, _OF[other], "")
    if not change.is_comparable:
        return _not_known(causes, "budget or metric are not those of then"), beside
    if runs.again:
        before, now = runs.birth[: len(runs.again)], runs.again
        return _shift(causes, verdict, before, now, runs.floor, is_paired=True), beside
    if change.data is False:
        return _shift(causes, verdict, runs.birth, runs.now, runs.floor), beside
    return _not_known(causes, reason), beside


def _together(change: Change, verdict: Verdict, runs: Runs, reason: str) -> Effect:
    """The effect of all changes at once, where they cannot be told apart."""
    effect = _shift([Cause.DATA, *change.around], verdict, runs.birth, runs.now, runs.floor)
    clause = effect.words + words.not_told_apart(reason) if effect.finding in _MOVED else effect.words
    return replace(effect, cause=Cause.TOGETHER, of=_OF[Cause.TOGETHER], words=clause)


def _birth(change: Change, verdict: Verdict, runs: Runs, reason: str) -> Effect:
    """Whether the challenger was better on the old data already."""
    if change.data is False and change.has_birth_side:
        gain = (verdict.mean, verdict.lower, verdict.upper)
        return Effect(Cause.BIRTH, Finding.NEVER_OPTIMAL, _OF[Cause.BIRTH], "", *gain)
    if change.data is False:
        return _birth_not_known("the data did not change, but what changed around it cannot be taken back")
    incumbents = runs.again or (runs.birth if change.has_birth_side else ())
    pairs = list(zip(incumbents, runs.rivals, strict=False))
    ours, theirs = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
    if fails_more(ours, theirs) or fails_more(theirs, ours):
        finding = Finding.RUSTED if fails_more(ours, theirs) else Finding.NEVER_OPTIMAL
        clause = words.failing_at_birth(finding, failed_of(theirs), failed_of(ours))
        return Effect(Cause.BIRTH, finding, _OF[Cause.BIRTH], clause)
    before, rival = both_scored(ours, theirs, runs.floor)
    if len(before) < FIRST_LOOK:
        return _birth_not_known("too few runs on the old data came to an end" if pairs else reason)
    seen = mean_bounds([b - a for a, b in zip(before, rival, strict=True)], _RATE, _RATE, verdict.d0)
    finding = _rust(seen, verdict)
    low, high = (bound if isfinite(bound) else None for bound in (seen.lower, seen.upper))
    clause = words.at_birth(finding, low, high, has_moved=not change.has_birth_side)
    return Effect(Cause.BIRTH, finding, _OF[Cause.BIRTH], clause, seen.mean, low, high)


def _rust(seen: Bounds, verdict: Verdict) -> Finding:
    """What the challenger's gain on the old data says, measured by its gain on the new data."""
    half = (verdict.mean or 0.0) / 2
    if seen.lower > 0:
        return Finding.NEVER_OPTIMAL if seen.mean >= half else Finding.PARTLY_RUSTED
    return Finding.RUSTED if seen.upper < max(half, verdict.delta or 0.0) else Finding.UNSETTLED


def _settings(verdict: Verdict) -> Effect:
    finding = Finding.GAIN_CONFIRMED if verdict.challenger_confirmed else Finding.NO_GAIN_CONFIRMED
    return Effect(Cause.SETTINGS, finding, _OF[Cause.SETTINGS], "", verdict.mean, verdict.lower, verdict.upper)


_OF = {
    Cause.DATA: "stored settings on the new data less on the old data, environment of today",
    Cause.ENVIRONMENT: "stored settings on the old data, environment of today less that of birth",
    Cause.CODE: "stored settings on the old data, code of today less that of birth",
    Cause.TOGETHER: "stored settings on the new data today less on the old data at birth",
    Cause.SETTINGS: "challenger less stored settings on the new data, pairs of the verdict",
    Cause.BIRTH: "challenger less stored settings on the old data",
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
    """The effect of changes on the settings in force, from runs before and after them; laid to the first of them."""
    seen = paired(*both_scored(before, now, floor)) if is_paired else welch(scores(before, floor), scores(now, floor))
    failures = f"{failed_of(now)} runs fail, {failed_of(before)} before" if fails_more(before, now) else ""
    finding = Finding.WORSE if failures else _finding(seen, _MATERIAL * (verdict.delta or 0.0))
    if finding is Finding.NOT_KNOWN:
        return _not_known(causes, "too few runs came to an end")
    clause = words.changed(causes, finding, seen, failures)
    return Effect(causes[0], finding, _OF[causes[0]], clause, *(seen or (None, None, None)))


def _finding(seen: Interval | None, least: float) -> Finding:
    if seen is None:
        return Finding.NOT_KNOWN
    if seen.low <= 0 <= seen.high or abs(seen.mean) < least:
        return Finding.NO_CHANGE_SEEN
    return Finding.WORSE if seen.mean < 0 else Finding.BETTER


def _unchanged(cause: Cause) -> Effect:
    return Effect(cause, Finding.UNCHANGED, _OF[cause], words.unchanged(cause))


def _not_known(causes: Sequence[Cause], reason: str) -> Effect:
    return Effect(causes[0], Finding.NOT_KNOWN, _OF[causes[0]], words.not_known(causes, reason))


def _birth_not_known(reason: str) -> Effect:
    return Effect(Cause.BIRTH, Finding.NOT_KNOWN, _OF[Cause.BIRTH], words.birth_not_known(reason))


def _summary(effects: Sequence[Effect]) -> str:
    """A few words for a table: 'data worse, rusted'."""
    moved = [f"{e.cause} {e.finding}" for e in effects if e.finding in _MOVED]
    rust = [str(e.finding) for e in effects if e.cause is Cause.BIRTH and e.finding is not Finding.NOT_KNOWN]
    return ", ".join((*moved, *rust)) or UNKNOWN

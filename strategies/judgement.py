"""The records around a verdict: the test plan, runs and pairs that go in, the verdict that comes out.

Standard library only, so that the daemon and the command line read verdicts without loading scipy.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from .records import LegEnd, LegResult, Outcome

_VOID_ENDS = frozenset({LegEnd.LOST, LegEnd.CANCELLED, LegEnd.STOPPED})


class Reason(StrEnum):
    """Why a verdict is what it is; one name for the alert, the page and the log."""

    GAIN_CONFIRMED = "gain_confirmed"  # STALE
    NO_MATERIAL_GAIN = "no_material_gain"  # FRESH by the upper bound
    IMMATERIAL_GAIN = "immaterial_gain"  # FRESH: the challenger is better, by less than delta
    NOTHING_BETTER_FOUND = "nothing_better_found"  # FRESH without a bound
    SCORE_FELL = "score_fell"  # DEGRADED
    FAILS_MORE_OFTEN = "fails_more_often"  # BROKEN
    # INCONCLUSIVE:
    UNDECIDED = "undecided"  # n_max pairs say neither
    BUDGET_SPENT = "budget_spent"
    SEARCH_FAILED = "search_failed"  # no challenger to compare with
    NO_NOISE = "no_noise"  # the differences of all pairs are equal
    NO_FLOOR = "no_floor"  # runs failed and nothing says what a failed run scores
    RUNS_LOST = "runs_lost"  # too many runs were lost to their machines
    NOT_REPEATABLE = "not_repeatable"
    PURPOSE_IGNORED = "purpose_ignored"
    SPLIT_IGNORED = "split_ignored"
    SEED_IGNORED = "seed_ignored"
    CONTRACT_UNTESTED = "contract_untested"
    LOOK_AT_DATA = "look_at_data"  # a few absurd values in the data may have brought it about


@dataclass(frozen=True, slots=True)
class Run:
    """One full training run with a seed and a split of its own: its end, and its score where it has one."""

    end: LegEnd
    score: float | None = None

    @classmethod
    def of(cls, result: LegResult) -> "Run":
        """The run behind a leg's result."""
        return cls(result.end, result.score)

    @property
    def is_void(self) -> bool:
        """Ended by its machine or by retuned, which says nothing about how often the settings fail."""
        return self.end in _VOID_ENDS

    @property
    def finite_score(self) -> float | None:
        """The score of a run that completed with one, else None."""
        is_scored = self.end is LegEnd.COMPLETED and self.score is not None and math.isfinite(self.score)
        return self.score if is_scored else None

    @property
    def has_failed(self) -> bool:
        """Diverged, crashed or otherwise ended without a score, by its own doing."""
        return not self.is_void and self.finite_score is None


@dataclass(frozen=True, slots=True)
class Pair:
    """Incumbent and challenger trained on the same fresh seed, split and data order; None has not ended yet."""

    index: int
    incumbent: Run | None
    challenger: Run | None


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """What the verdict needs to know about the search.

    `nothing_better`: it ran as it should and no challenger beat the incumbent. `has_failed`: no challenger can
    be named. Otherwise there is a challenger to put into pairs. `incumbent` is its full run of the incumbent,
    `scores` are all full-budget scores of the search, from which a floor is taken where the owner declares none.
    """

    nothing_better: bool = False
    has_failed: bool = False
    reason: str = ""
    incumbent: Run | None = None
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TestPlan:
    """The rules of one campaign's test, frozen before the first pair.

    `delta`, `floor` and `drop_least` are in score units (higher is better). `delta` None: nothing says what gain
    is material, so FRESH cannot come from the bound. `floor` None: the owner declares none. `birth_scores` are
    those of the completed replicates of the settings in force, `birth_failed` of `birth_runs` had none.
    """

    __test__ = False  # the name is the domain's; pytest must not collect it

    alpha: float
    beta: float
    d0: float
    delta: float | None
    n_max: int
    floor: float | None = None
    drop_least: float | None = None
    birth_scores: tuple[float, ...] = ()
    birth_runs: int = 0
    birth_failed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The plan as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The plan that `to_json` gave."""
        return cls(**{**fields, "birth_scores": tuple(fields["birth_scores"])})


@dataclass(frozen=True, slots=True)
class Continue:
    """No verdict yet: run what is missing of these, then judge again.

    `pairs` counts from index 0, lost ones included; `incumbent_runs` are single runs on confirm seeds, wanted
    when there is no challenger.
    """

    pairs: int
    incumbent_runs: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a campaign found, the numbers behind it and the reason, in score units (higher is better).

    `lower` and `upper` are L_n and U_n; None is a bound that does not exist. `pairs_needed` is how many more
    pairs would settle it at the gain and noise seen so far. `challenger_confirmed`: the challenger's values may
    be recommended. `covered` says what the error rates cover, `is_covered` False that the contract is broken and
    they do not hold. `divergence_at` is the number of runs after which `divergence_e` was reached. `drop` is how
    far the incumbent's mean lies below its replicates at birth; `has_fallen` that this is significant and at least
    the declared least drop. `suspicions` name values of the data that look like glitches.
    """

    outcome: Outcome
    reason: Reason
    sentence: str
    covered: str
    is_covered: bool
    alpha: float
    beta: float
    d0: float
    delta: float | None
    n_pairs: int
    mean: float | None = None
    sd: float | None = None
    lower: float | None = None
    upper: float | None = None
    e_value: float = 1.0
    divergence_e: float = 1.0
    divergence_at: int = 0
    incumbent_mean: float | None = None
    challenger_mean: float | None = None
    incumbent_runs: int = 0
    incumbent_failed: int = 0
    challenger_failed: int = 0
    pairs_needed: int | None = None
    challenger_confirmed: bool = False
    drop: float | None = None
    drop_p: float = 1.0
    has_fallen: bool = False
    floor: float | None = None
    suspicions: tuple[str, ...] = ()

    @property
    def watch(self) -> bool:
        """Evidence worth showing (e >= 20) for a gain that nobody is told of; none where the contract or the data is
        broken."""
        is_sound = self.is_covered and self.reason is not Reason.LOOK_AT_DATA
        return is_sound and self.e_value >= 20 and self.outcome not in (Outcome.STALE, Outcome.BROKEN)

    @property
    def critical(self) -> bool:
        """STALE with ten times the evidence that it takes."""
        return self.outcome is Outcome.STALE and self.e_value >= 10 / self.alpha

    @property
    def can_go_on(self) -> bool:
        """No decision yet, and more pairs may bring one: the pairs or the budget ran out, nothing is wrong."""
        return self.outcome is Outcome.INCONCLUSIVE and self.reason in (Reason.UNDECIDED, Reason.BUDGET_SPENT)

    @property
    def label(self) -> str:
        """The outcome in a word for tables, as 'STALE, critical' or 'INCONCLUSIVE, watch'."""
        beside = ", critical" if self.critical else ", watch" if self.watch else ""
        return f"{self.outcome.value.upper()}{beside}"

    def to_json(self) -> dict[str, Any]:
        """The verdict as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The verdict that `to_json` gave."""
        outcome, reason = Outcome(fields["outcome"]), Reason(fields["reason"])
        suspicions = tuple(fields.get("suspicions", ()))
        return cls(**{**fields, "outcome": outcome, "reason": reason, "suspicions": suspicions})


def sentence_of(verdict: Verdict, searched: str) -> str:
    """The verdict in plain words for the owner, in score units; `searched` is the search's own reason."""
    return _SENTENCES[verdict.outcome](verdict, searched)


def odds(e_value: float) -> str:
    """Evidence for a person: 'e : 1', without digits that mean nothing."""
    return "over 10,000 : 1" if e_value > 10_000 else f"{figure(float(f'{e_value:.3g}'))} : 1"


def divergence_odds(verdict: "Verdict") -> str:
    """The evidence that the incumbent fails more often than at birth, and when it was reached if runs went on."""
    at = f" after the first {verdict.divergence_at} runs" if verdict.divergence_at < verdict.incumbent_runs else ""
    return f"evidence {odds(verdict.divergence_e)}{at}"


def figure(value: float | None) -> str:
    """A number in four significant digits, without an exponent where it reads well."""
    return "an unknown amount" if value is None else f"{float(f'{value:.4g}'):.10g}"


def _stale(verdict: Verdict, _: str) -> str:
    return (
        f"The stored settings have gone stale: over {verdict.n_pairs} pairs of fresh runs the challenger is "
        f"{figure(verdict.mean)} better on average, and at least {figure(verdict.lower)} "
        f"(evidence {odds(verdict.e_value)}; settings that are still good reach {figure(1 / verdict.alpha)} : 1 "
        f"in at most {figure(100 * verdict.alpha)} % of campaigns)."
    )


def _fresh(verdict: Verdict, searched: str) -> str:
    if verdict.reason is Reason.NOTHING_BETTER_FOUND:
        why = f": {searched.rstrip('.')}" if searched else ""
        return f"The stored settings are still good: the search found nothing better{why}."
    gain = (
        f"a challenger is better, but by less than {figure(verdict.delta)}, the least gain that counts"
        if verdict.reason is Reason.IMMATERIAL_GAIN
        else f"the best challenger does not gain {figure(verdict.delta)}, the least gain that counts"
    )
    error_rate = f"error rate {figure(100 * verdict.beta)} %" if verdict.is_covered else "no error rate can be given"
    return (
        f"The stored settings are still good: {gain} (over {verdict.n_pairs} pairs of fresh runs it gains "
        f"{figure(verdict.mean)} on average and at most {figure(verdict.upper)}; {error_rate})."
    )


def _degraded(verdict: Verdict, _: str) -> str:
    return (
        f"The stored settings got worse by {figure(verdict.drop)} since they were taken up "
        f"(p = {figure(verdict.drop_p)}), and no settings are materially better{_at_most(verdict)}."
    )


def _at_most(verdict: Verdict) -> str:
    return "" if verdict.upper is None else f": the best challenger gains at most {figure(verdict.upper)}"


def _broken(verdict: Verdict, _: str) -> str:
    confirmed = (
        f"The challenger's values are confirmed: at least {figure(verdict.lower)} better, over {verdict.n_pairs} pairs."
        if verdict.challenger_confirmed
        else "No other values are confirmed to be better."
    )
    return (
        f"The stored settings are broken: {verdict.incumbent_failed} of {verdict.incumbent_runs} runs diverged or "
        f"crashed, more than when they were taken up ({divergence_odds(verdict)}). {confirmed}"
    )


def _inconclusive(verdict: Verdict, searched: str) -> str:
    if verdict.reason is Reason.LOOK_AT_DATA:
        return (
            f"No decision. Look at your data: {'; '.join(verdict.suspicions)}. "
            "A few such values can make good settings look stale or broken."
        )
    why = _UNDECIDED.get(verdict.reason, verdict.covered)
    if verdict.reason is Reason.SEARCH_FAILED and searched:
        why = searched[0].upper() + searched[1:].rstrip(".") + "."
    gain = ""
    if verdict.is_covered and verdict.lower is not None and verdict.upper is not None:
        gain = (
            f" The challenger gains {figure(verdict.mean)} on average over {verdict.n_pairs} pairs, "
            f"between {figure(verdict.lower)} and {figure(verdict.upper)}."
        )
    more = (
        f" About {verdict.pairs_needed} more pairs would settle it at this gain and noise."
        if verdict.pairs_needed is not None
        else ""
    )
    if more == "" and verdict.reason is Reason.UNDECIDED:
        more = " The least gain that counts is small beside the noise of a pair: more pairs alone may not settle it."
    fell = f" The stored settings got worse by {figure(verdict.drop)} since they were taken up."
    return f"No decision. {why}{gain}{more}{fell if verdict.has_fallen else ''}"


_SENTENCES: Mapping[Outcome, Callable[[Verdict, str], str]] = {
    Outcome.STALE: _stale,
    Outcome.FRESH: _fresh,
    Outcome.DEGRADED: _degraded,
    Outcome.BROKEN: _broken,
    Outcome.INCONCLUSIVE: _inconclusive,
}

_UNDECIDED = {  # the breaches of a contract bring their own sentence, in `covered`
    Reason.UNDECIDED: "The pairs allowed do not settle whether the challenger is better.",
    Reason.BUDGET_SPENT: "The budget was spent before the pairs could settle it; allow more time.",
    Reason.SEARCH_FAILED: "The search could not name a challenger; read the output of its runs.",
    Reason.NO_NOISE: "The differences of the pairs are all equal, so there is no noise to measure a gain by; "
    "check that the training uses the hyperparameters, the seed and the split seed that it is given.",
    Reason.NO_FLOOR: "Runs diverged or crashed and nothing says what such a run scores; "
    "declare a floor under [objective].",
    Reason.RUNS_LOST: "Too many runs were lost to their machines; look at the workers, then re-tune again.",
}

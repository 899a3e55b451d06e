"""The records around a verdict: the test plan that goes in, the verdict that comes out.

Standard library only, so that the service and the command line can read verdicts without loading scipy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from ..records import Outcome

BROKEN_AT = 80.0  # the evidence of more frequent failures at which the outcome is BROKEN
FINAL_STAKE = 0.5  # of alpha, for the final look alone: the larger, the more is found there and the later before it


class Reason(StrEnum):
    """Why a verdict was reached; one name for the alert, the page and the log."""

    GAIN_CONFIRMED = "gain_confirmed"  # STALE
    NO_MATERIAL_GAIN = "no_material_gain"  # FRESH by the upper bound
    IMMATERIAL_GAIN = "immaterial_gain"  # FRESH: the challenger is better, by less than delta
    NOTHING_BETTER_FOUND = "nothing_better_found"  # FRESH without a bound
    SCORE_FELL = "score_fell"  # DEGRADED
    FAILS_MORE_OFTEN = "fails_more_often"  # BROKEN
    # INCONCLUSIVE:
    UNDECIDED = "undecided"  # n_max pairs settle it neither way
    BUDGET_SPENT = "budget_spent"
    SEARCH_FAILED = "search_failed"  # no challenger to compare with
    SEARCH_TOO_SMALL = "search_too_small"  # it would be FRESH or DEGRADED, but hardly anything else was tried
    NO_NOISE = "no_noise"  # the differences of all pairs are equal
    ALL_FAIL = "all_fail"  # nothing trains any more, whatever the settings
    NO_FLOOR = "no_floor"  # runs failed, and nothing says what a failed run scores
    RUNS_LOST = "runs_lost"  # too many runs were lost to their machines
    NOT_REPEATABLE = "not_repeatable"
    PURPOSE_IGNORED = "purpose_ignored"
    SPLIT_IGNORED = "split_ignored"
    SEED_IGNORED = "seed_ignored"
    CONTRACT_UNTESTED = "contract_untested"
    LOOK_AT_DATA = "look_at_data"  # a few absurd values in the data may have caused it


@dataclass(frozen=True, slots=True)
class TestPlan:
    """The rules of one campaign's test, frozen before the first pair.

    `delta`, the smallest improvement that matters, `floor` and `drop_least` are in score units (higher is better).
    `delta` None: nothing says what matters, so FRESH cannot come from the bound. `floor` None: the owner declares
    none. `least_effect`: an improvement matters only if it is also at least so many standard deviations of a paired
    difference; None: `delta` alone decides. `skill`, the whole of which margins are shares, is the distance of the
    baseline's mean score from that of a model that has learned nothing; None: unknown. `birth_scores` are those of the
    baseline's completed replicates of the current settings; of its `birth_runs` replicates, `birth_failed` had no
    score. `alpha` and `beta` are those of the campaign, which its `stages`, each a search and a test, share equally.
    `final_look`: the number of pairs, as planned, that gets a share of alpha for itself, whether or not more are run
    later; None: none does.
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
    least_effect: float | None = None
    skill: float | None = None
    stages: int = 1
    final_look: int | None = None

    @property
    def stage_alpha(self) -> float:
        """The error rate of STALE in one stage."""
        return self.alpha / self.stages

    @property
    def stage_beta(self) -> float:
        """The error rate of FRESH in one stage."""
        return self.beta / self.stages

    def to_json(self) -> dict[str, Any]:
        """The plan as values that JSON can hold; without what a plan of an earlier version has not."""
        later = {"least_effect": None, "skill": None, "stages": 1, "final_look": None}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The plan that `to_json` gave."""
        return cls(**{**fields, "birth_scores": tuple(fields["birth_scores"])})


@dataclass(frozen=True, slots=True)
class Continue:
    """No verdict yet: run what is missing of these, then judge again.

    `pairs` is the total wanted, lost ones included; `incumbent_runs` is that of single runs on confirm seeds,
    wanted where there is no challenger.
    """

    pairs: int
    incumbent_runs: int
    sentence: str


def label_of(outcome: Outcome, is_critical: bool, watch: bool) -> str:
    """An outcome in a word for tables, as 'STALE, critical' or 'INCONCLUSIVE, watch'."""
    return outcome.value.upper() + (", critical" if is_critical else ", watch" if watch else "")


_LATER: Mapping[str, Any] = {
    "cut": 0,
    "why_failed": "",
    "delta_share": None,
    "stages": 1,
    "pairs_before": 0,
    "would_find": None,
    "would_find_share": None,
}
"""Fields that a stored verdict has only where they say something: earlier versions knew none of them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a campaign found, the numbers behind it and the reason, in score units (higher is better).

    `mean` is the challenger's improvement; `lower` and `upper` are its bounds L_n and U_n, None where there is no
    such bound. `pairs_needed` is how many more pairs would settle it at the improvement and noise seen so far.
    `challenger_confirmed`: the challenger's values may be recommended. `covered` says what the error rates cover;
    `is_covered` is False where the contract is broken, so that they do not hold. `divergence_at` is the number of
    runs after which `divergence_e` was reached. `drop` is how far the incumbent's mean lies below its baseline;
    `has_fallen`: that is significant and at least `drop_least` of the plan. `suspicions` name values in the data
    that look like glitches. The means are of completed runs, as measured; `floor` is what a failed run counts as in a
    pair, and `cut` how many completed ones count as it too, being below a floor that the owner declares. `why_failed`:
    the detail of the last run that failed. `delta` is the smallest improvement that matters, as far as the pairs show
    it, and `delta_share` the same as a share of the skill. `alpha` and `beta` are shared by `stages`; `pairs_before`
    were run in the first one, with a challenger that they did not confirm. `would_find`, of FRESH: the loss that 8 of
    10 campaigns like it find, search included, by simulation; `would_find_share` the same as a share of the skill.
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
    cut: int = 0
    why_failed: str = ""
    delta_share: float | None = None
    stages: int = 1
    pairs_before: int = 0
    would_find: float | None = None
    would_find_share: float | None = None

    @property
    def stale_at(self) -> float:
        """The evidence at which a stage ends STALE, as odds."""
        return self.stages / self.alpha

    @property
    def fresh_at(self) -> float:
        """The evidence against an improvement that matters at which a stage ends FRESH, as odds."""
        return self.stages / self.beta

    @property
    def watch(self) -> bool:
        """Evidence for an improvement worth showing (e >= 20) where no alert reports it, and neither the contract nor
        the data is in doubt."""
        is_sound = self.is_covered and self.reason is not Reason.LOOK_AT_DATA
        return is_sound and self.e_value >= 20 and self.outcome not in (Outcome.STALE, Outcome.BROKEN)

    @property
    def critical(self) -> bool:
        """STALE with at least ten times the evidence needed."""
        return self.outcome is Outcome.STALE and self.e_value >= 10 * self.stale_at

    @property
    def can_go_on(self) -> bool:
        """No decision yet, but more pairs may bring one: the pairs or the budget ran out, and nothing is wrong."""
        return self.outcome is Outcome.INCONCLUSIVE and self.reason in (Reason.UNDECIDED, Reason.BUDGET_SPENT)

    @property
    def label(self) -> str:
        """The outcome in a word for tables, as 'STALE, critical' or 'INCONCLUSIVE, watch'."""
        return label_of(self.outcome, self.critical, self.watch)

    def to_json(self) -> dict[str, Any]:
        """The verdict as values that JSON can hold; without what only some verdicts have and this one has not."""
        return {name: value for name, value in asdict(self).items() if name not in _LATER or value != _LATER[name]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The verdict that `to_json` gave."""
        outcome, reason = Outcome(fields["outcome"]), Reason(fields["reason"])
        suspicions = tuple(fields.get("suspicions", ()))
        return cls(**{**fields, "outcome": outcome, "reason": reason, "suspicions": suspicions})

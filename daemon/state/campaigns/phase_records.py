"""What each phase of a campaign found and froze, one record per phase; the keys are those of the column `facts`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from ....strategies.drift.cause_records import Causes
from ....strategies.drift.cost_drift import CostDrift
from ....strategies.drift.fingerprints import CodeFingerprint, DataFingerprint, EnvironmentFingerprint
from ....strategies.drift.outliers import DataRanges
from ....strategies.panda.diary import DayEnd, Nudge
from ....strategies.records import Configuration, configuration_of, plain
from ....strategies.search.choose import Strategy
from ....strategies.splits.partition import Sizes
from ....strategies.verdict.verdict_records import TestPlan, Verdict

Fields = Mapping[str, Any]
"""JSON values by name."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The data, code and environment of the training, and what changed since the baseline of the settings.

    `data` None: the model file names none, and `snapshot` is empty. `ranges`: usual values in the data. `told`: the
    output of the owner's fingerprint command; None without one. `cut`: how large the parts are where retuned cut the
    data.
    """

    data: DataFingerprint | None
    snapshot: str
    ranges: DataRanges | None
    suspicions: tuple[str, ...]
    code: CodeFingerprint
    environment: EnvironmentFingerprint
    told: str | None = None
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    cut: Sizes | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        cut = {} if self.cut is None else {"cut": asdict(self.cut)}
        return cut | {
            "data": None if self.data is None else self.data.to_json(),
            "snapshot": self.snapshot,
            "profile": None if self.ranges is None else self.ranges.to_json(),
            "suspicions": list(self.suspicions),
            "code": self.code.to_json(),
            "environment": self.environment.to_json(),
            "told": self.told,
            "notes": list(self.notes),
            "changes": list(self.changes),
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The record in an object with its keys; older objects lack some."""
        data, ranges = fields["data"], fields.get("profile")
        return cls(
            data=None if data is None else DataFingerprint.from_json(data),
            snapshot=fields["snapshot"],
            ranges=None if ranges is None else DataRanges.from_json(ranges),
            suspicions=tuple(fields.get("suspicions") or ()),
            code=CodeFingerprint.from_json(fields["code"]),
            environment=EnvironmentFingerprint.from_json(fields["environment"]),
            told=fields.get("told"),
            notes=tuple(fields.get("notes", ())),
            changes=tuple(fields.get("changes", ())),
            cut=None if fields.get("cut") is None else Sizes(**fields["cut"]),
        )


@dataclass(frozen=True, slots=True)
class ChosenStrategy:
    """How the campaign searches: the strategy and its reason, an estimate of the cost, and its cap in full runs.

    `full_runs` None: no cap. The seconds are None while no run has been timed. `lives`: those of a panda.
    `least_budget_s`: the compute budget that holds a search which may say that nothing is better; None: it is not
    known, or nothing limits the search. `challengers`: how many a stage of caviar tries, 0 for those of earlier
    versions; `stages`: how many there are at most.
    """

    strategy: Strategy
    choice: str
    lives: int
    estimate: str
    full_runs: float | None
    seconds_per_run: float | None
    seconds_expected: float | None
    least_budget_s: float | None = None
    challengers: int = 0
    stages: int = 1

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values; without what a record of an earlier version has not."""
        fields = {**asdict(self), "strategy": self.strategy.value}
        later = {"least_budget_s": None, "challengers": 0, "stages": 1}
        return {name: value for name, value in fields.items() if name not in later or value != later[name]}

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The record in an object with its keys."""
        return cls(
            strategy=Strategy(fields["strategy"]),
            choice=fields["choice"],
            lives=fields.get("lives", 0),
            estimate=fields["estimate"],
            full_runs=fields["full_runs"],
            seconds_per_run=fields.get("seconds_per_run"),
            seconds_expected=fields.get("seconds_expected"),
            least_budget_s=fields.get("least_budget_s"),
            challengers=fields.get("challengers", 0),
            stages=fields.get("stages", 1),
        )


@dataclass(frozen=True, slots=True)
class PandaDiary:
    """What a watcher sees of a panda: the day ends and nudges of all lives, the best trial, the days so far."""

    day_ends: tuple[DayEnd, ...]
    nudges: tuple[Nudge, ...]
    best_trial: str | None
    days: int

    def to_json(self) -> dict[str, Any]:
        """The diary as JSON values, each nudge with its sentence."""
        return {
            "evenings": [asdict(day_end) for day_end in self.day_ends],
            "nudges": [{**asdict(nudge), "sentence": nudge.sentence} for nudge in self.nudges],
            "best_trial": self.best_trial,
            "days": self.days,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The diary in an object of `to_json`."""
        return cls(
            day_ends=tuple(DayEnd(**day_end) for day_end in fields["evenings"]),
            nudges=tuple(
                Nudge(**{name: value for name, value in nudge.items() if name != "sentence"})
                for nudge in fields["nudges"]
            ),
            best_trial=fields["best_trial"],
            days=fields["days"],
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What `pairs` pairs said of the improvement, in score units: its mean and the bounds of the test, which hold at
    any time; None: there is no such bound yet. For those who watch; the verdict is not based on it."""

    pairs: int
    mean: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Searched:
    """Why the search ended, and the rules of the test, frozen before the first pair.

    `winner`: the name of a trial. `challenger` None: there is none to run pairs with. `top`: the best configurations,
    best first, for later searches to start from. `too_small`: why the search cannot have seen whether anything is
    better; empty where it could.
    """

    test_plan: TestPlan
    reason: str
    winner: str
    challenger: Configuration | None
    top: tuple[Configuration, ...]
    too_small: str = ""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "test_plan": self.test_plan.to_json(),
            "search": self.reason,
            "winner": self.winner,
            "challenger": None if self.challenger is None else plain(self.challenger),
            "top": [plain(configuration) for configuration in self.top],
            **({"too_small": self.too_small} if self.too_small else {}),
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The record in an object with its keys."""
        challenger = fields["challenger"]
        return cls(
            test_plan=TestPlan.from_json(fields["test_plan"]),
            reason=fields["search"],
            winner=fields["winner"],
            challenger=None if challenger is None else configuration_of(challenger),
            top=tuple(configuration_of(configuration) for configuration in fields["top"]),
            too_small=fields.get("too_small", ""),
        )


@dataclass(frozen=True, slots=True)
class FirstStage:
    """A first search whose challenger the pairs did not confirm, so that a second stage went on from it.

    `challenger` None: it named none. `pairs`: as many as were run, lost ones included, so that later ones are fresh.
    """

    verdict: Verdict
    winner: str
    challenger: Configuration | None
    pairs: int

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        challenger = None if self.challenger is None else plain(self.challenger)
        return {
            "verdict": self.verdict.to_json(),
            "winner": self.winner,
            "challenger": challenger,
            "pairs": self.pairs,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The record in an object of `to_json`."""
        challenger = fields["challenger"]
        return cls(
            verdict=Verdict.from_json(fields["verdict"]),
            winner=fields["winner"],
            challenger=None if challenger is None else configuration_of(challenger),
            pairs=fields["pairs"],
        )


@dataclass(frozen=True, slots=True)
class Continued:
    """A campaign that was reopened for more pairs: its earlier verdicts, and how many pairs it may have in total."""

    earlier_verdicts: tuple[Verdict, ...]
    more_pairs: int
    pairs_allowed: int

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "earlier_verdicts": [verdict.to_json() for verdict in self.earlier_verdicts],
            "more_pairs": self.more_pairs,
            "pairs_allowed": self.pairs_allowed,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The record in an object with its keys."""
        verdicts = tuple(Verdict.from_json(verdict) for verdict in fields["earlier_verdicts"])
        return cls(verdicts, fields["more_pairs"], fields["pairs_allowed"])


@dataclass(frozen=True, slots=True)
class Ended:
    """What the campaign cost in total, and for a re-evaluation the causes of its verdict and what it recommends.

    `causes` None: there was nothing to explain. `cost_drift` None: of a baseline. `nodes`: seconds of training by the
    kind of node of a cluster; empty on one machine.
    """

    compute_s: float
    runs: int
    recommended: Configuration | None = None
    causes: Causes | None = None
    cost_drift: CostDrift | None = None
    nodes: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "compute_s": self.compute_s,
            "runs": self.runs,
            "recommended": None if self.recommended is None else plain(self.recommended),
            **({} if self.causes is None else {"causes": self.causes.to_json()}),
            **({} if self.cost_drift is None else {"cost_drift": self.cost_drift.to_json()}),
            **({"nodes": dict(self.nodes)} if self.nodes else {}),
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The record in an object with its keys; older objects lack some."""
        recommended, causes, drift = (fields.get(name) for name in ("recommended", "causes", "cost_drift"))
        return cls(
            compute_s=fields["compute_s"],
            runs=fields["runs"],
            recommended=None if recommended is None else configuration_of(recommended),
            causes=None if causes is None else Causes.from_json(causes),
            cost_drift=None if drift is None else CostDrift.from_json(drift),
            nodes=fields.get("nodes", {}),
        )

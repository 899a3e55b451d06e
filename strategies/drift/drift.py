"""The drift record: one point per campaign, and what changed around the model since its settings were adopted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from ..records import SECOND_STAGE, LegResult, Outcome, Purpose, Role


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """One campaign in the history of a model. Scores are signed so that higher is better; None where not measured.

    `code` is the training code's fingerprint, `training` one of the command or recipe, `budget` that of one training in
    words, `source` where the data come from: while these and the settings stay, scores may be compared (segments.py).
    `named_code`: `code` without what is imported; empty in older records, where `code` is that.
    """

    campaign_id: int
    kind: str
    at: datetime
    trigger: str
    settings_version: int
    outcome: Outcome | None
    reason: str
    incumbent: float | None
    challenger: float | None
    mean: float | None
    lower: float | None
    upper: float | None
    e_value: float | None
    n_pairs: int
    compute_s: float
    runs: int
    data: str
    environment: str
    changes: tuple[str, ...]
    label: str = ""  # the verdict in one word, for tables; empty for a baseline
    cause: str = ""  # why, in a few words; empty where no causes were looked for
    code: str = ""
    named_code: str = ""
    training: str = ""
    budget: str = ""
    metric: str = ""
    lower_is_better: bool = False
    source: str = ""

    @property
    def sign(self) -> float:
        """What a score is multiplied by to read in the direction of the metric that it was measured with."""
        return -1.0 if self.lower_is_better else 1.0


def mean_held_out_score(scores: Sequence[tuple[Role, float]], role: Role) -> float | None:
    """Mean of the scores on held-out rows in that role, as measured; None without one."""
    in_role = [score for scored, score in scores if scored is role]
    return fmean(in_role) if in_role else None


def noise_of(results: Sequence[LegResult]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The incumbent's confirm scores, and challenger less incumbent of each pair; completed runs only.

    Of two stages the differences of the one with more pairs: the challengers differ, and so would their means.
    """
    confirmed = [(r.request, r.score) for r in results if r.score is not None and r.request.purpose is Purpose.CONFIRM]
    incumbent = {request.number: score for request, score in confirmed if request.role is Role.INCUMBENT}
    rivals = {request.number: score for request, score in confirmed if request.role is Role.CHALLENGER}
    differences = {number: rivals[number] - score for number, score in incumbent.items() if number in rivals}
    stages = [
        tuple(difference for number, difference in differences.items() if (number >= SECOND_STAGE) is is_second)
        for is_second in (False, True)
    ]
    return tuple(incumbent.values()), max(stages, key=len)


def compute_seconds(results: Sequence[LegResult]) -> float:
    """Seconds of training over all legs; parallel ones add up."""
    return sum(result.seconds for result in results)


def seconds_by_node(results: Sequence[LegResult]) -> Mapping[str, float]:
    """Seconds of training by the kind of node of a cluster, the longest first; nothing on one machine."""
    kinds = dict.fromkeys(result.node for result in results if result.node)
    seconds = {kind: sum(result.seconds for result in results if result.node == kind) for kind in kinds}
    return dict(sorted(seconds.items(), key=lambda item: (-item[1], item[0])))


def count_runs(results: Sequence[LegResult]) -> int:
    """The number of trials that the legs belong to."""
    return len({result.request.trial for result in results})

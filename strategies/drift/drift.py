"""The drift record: one point per campaign, and what changed around the model since its settings were adopted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from ..records import LegEnd, LegResult, Outcome, Purpose
from ..verdict.runs import clipped


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """One campaign in the history of a model. Scores are signed so that higher is better; None where not measured."""

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


def mean_held_out_score(results: Sequence[LegResult], configuration_trials: str, floor: float | None) -> float | None:
    """Mean score on held-out rows of the trials whose name starts with `configuration_trials`.

    A diverged run counts with the floor where one is declared and is left out otherwise; None without a run.
    """
    scores = [
        _floored(result, floor)
        for result in results
        if result.request.purpose in (Purpose.CONFIRM, Purpose.REPLICATE)
        and result.request.trial.startswith(configuration_trials)
    ]
    finite = [score for score in scores if score is not None]
    return fmean(finite) if finite else None


def noise_of(results: Sequence[LegResult]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The incumbent's confirm scores, and challenger less incumbent of each pair; completed runs only."""
    scores = {result.request.trial: result.score for result in results if result.score is not None}
    incumbent = {trial: score for trial, score in scores.items() if trial.startswith("confirm.i")}
    rivals = {trial: scores.get(trial.replace(".i", ".c")) for trial in incumbent}
    differences = (rival - incumbent[trial] for trial, rival in rivals.items() if rival is not None)
    return tuple(incumbent.values()), tuple(differences)


def compute_seconds(results: Sequence[LegResult]) -> float:
    """Seconds of training over all legs; parallel ones add up."""
    return sum(result.seconds for result in results)


def count_runs(results: Sequence[LegResult]) -> int:
    """The number of trials that the legs belong to."""
    return len({result.request.trial for result in results})


def _floored(result: LegResult, floor: float | None) -> float | None:
    if result.end is LegEnd.COMPLETED and result.score is not None:
        return clipped(result.score, floor)
    return floor if result.end is LegEnd.DIVERGED else None

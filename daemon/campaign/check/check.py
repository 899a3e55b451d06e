"""`retuned check`: what a model file names is looked at, the model is trained a few times; nothing of it stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....strategies.errors import CampaignFailed
from ....strategies.records import Configuration
from ....strategies.verdict.check_points import Point, failed_point, is_passed, point_to_json
from ...clock import Clock
from ...config.config import Config
from ...config.model_file import ModelFile
from .file_points import is_without_data, points_of_file
from .progress import Show
from .temporary_state import temporary_state


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one model found; `runs`: how many trainings ended, in `seconds`."""

    name: str
    points: tuple[Point, ...]
    runs: int = 0
    seconds: float = 0.0

    @property
    def is_passed(self) -> bool:
        """Whether nothing failed; warnings and what was left open pass."""
        return is_passed(self.points)

    def to_json(self) -> dict[str, Any]:
        """The check as JSON values."""
        points = [point_to_json(point) for point in self.points]
        return {
            "name": self.name, "is_passed": self.is_passed, "runs": self.runs,
            "seconds": round(self.seconds, 3), "points": points,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a check goes: seconds of training by the wall clock (0: none), and whether it measures noise as well."""

    limit_s: float
    with_noise: bool = True


def check_model(
    file: ModelFile,
    source: Path,
    configuration: Configuration | None,
    extent: Extent,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    show: Show,
) -> Checked:
    """The points of a model file at `source`; `configuration` None: with the values in it.

    `show` is told how far the runs are. Interrupted, it leaves nothing behind.
    """
    points = points_of_file(file, environ)
    if extent.limit_s == 0 or not is_passed(points) or is_without_data(file):
        return Checked(file.name, points)
    from .run_points import points_of_runs
    from .runs import run_check

    try:
        with temporary_state(config) as own:
            runs = run_check(
                file, source, configuration, clock, own, environ,
                limit_s=extent.limit_s, with_noise=extent.with_noise, show=show,
            )  # fmt: skip
    except CampaignFailed as error:
        return Checked(file.name, (*points, failed_point("starts", error)))
    points = (*points, *points_of_runs(file, runs, config, environ))
    return Checked(file.name, points, len(runs.results), runs.seconds)

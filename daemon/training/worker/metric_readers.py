"""Where the worker finds the objective's metric of a command: report lines, a pattern's matches, or a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ...masking import Mask
from .legs import Leg
from .metric_file import FiledMetric
from .output import ReportFilter
from .printed_metric import PrintedMetric

STDOUT, STDERR = 1, 2


class MetricReader(Protocol):
    """Finds a leg's metric and appends it to the leg's reports. `fault`: why the leg cannot go on, as a sentence."""

    fault: str | None

    def hear(self, stream: int, data: bytes) -> None:
        """Take in what was printed on STDOUT or STDERR."""

    def look(self) -> None:
        """Take in what was written since, while the leg runs; called several times a second."""

    def close(self) -> Mapping[str, object]:
        """Take the rest, once all processes of the leg are gone; a part of exit.json."""


class ReportLines:
    """The report lines on standard output."""

    fault: str | None = None

    def __init__(self, leg: Leg, metric: str, mask: Mask) -> None:
        self._filter = ReportFilter(leg.append_reports, metric, mask)

    def hear(self, stream: int, data: bytes) -> None:
        """Take in what was printed."""
        if stream == STDOUT:
            self._filter.write(data)

    def look(self) -> None:
        """Nothing is to be looked at: what is printed comes by itself."""

    def close(self) -> Mapping[str, object]:
        """Take the last line; what of the output looks like a report."""
        self._filter.close()
        return self._filter.near


def reader_of(leg: Leg, training: Mapping[str, Any], mask: Mask) -> MetricReader:
    """The reader that a campaign's training.json asks for; made before the training starts."""
    metric, source, to_step = training.get("metric", ""), training.get("source"), leg.order["to_step"]
    if not source:
        return ReportLines(leg, metric, mask)
    if source["pattern"]:
        return PrintedMetric(source["pattern"], metric, to_step, leg.append_reports, mask)
    path = Path(training["workdir"]) / leg.order["metric_file"]
    place, step = (source["key"], source["column"]), source.get("step", "")
    return FiledMetric(path, place, metric, to_step, leg.append_reports, mask, step)

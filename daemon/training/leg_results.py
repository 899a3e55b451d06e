"""The result of a leg, from the end of its process and its reports."""

from collections.abc import Sequence
from math import isfinite

from ...strategies.legs.ends import Objective, ProcessEnd
from ...strategies.records import LegEnd, LegRequest, LegResult, Report
from ..masking import Mask


def leg_result(
    request: LegRequest,
    attempt: int,
    process: ProcessEnd,
    reports: Sequence[Report],
    ended: tuple[LegEnd, float | None, str],
    objective: Objective,
    mask: Mask,
) -> LegResult:
    """What is recorded of an attempt; `ended`: how, with which score, and the detail. Secrets in texts are masked."""
    end, score, detail = ended
    metric = objective.metric
    values = ((report.step, report.metrics[metric]) for report in reports if metric in report.metrics)
    scores = ((step, objective.score(value)) for step, value in values)
    return LegResult(
        request=request,
        end=end,
        score=score,
        detail=mask(detail),
        metrics={
            name if name == metric else mask(name): value
            for report in reports
            for name, value in report.metrics.items()
        },
        curve=tuple((step, value) for step, value in scores if isfinite(value)),
        seconds=process.seconds,
        cpu_s=process.cpu_s,
        peak_memory_bytes=process.peak_memory_bytes,
        node=mask(process.node),
        attempts=attempt,
    )

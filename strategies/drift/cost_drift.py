"""What a full run costs now, compared with the baseline; kept apart from what moved the score."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Any, Self

from ..records import LegEnd, LegResult
from ..words import capital

RISE, FALL = 1.25, 0.8  # ratios between which nothing is reported
_LEAST_SECONDS = 1.0  # smaller differences come from what else the machine does
_LEAST_MIB = 64.0


@dataclass(frozen=True, slots=True)
class CostDrift:
    """Medians over full runs with the stored settings, in the baseline and now; None where not measured."""

    seconds_before: float | None
    seconds_now: float | None
    memory_mib_before: float | None  # at the peak
    memory_mib_now: float | None
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The drift as values that JSON can hold, with its two ratios."""
        return asdict(self) | {
            "seconds_ratio": _ratio(self.seconds_before, self.seconds_now),
            "memory_ratio": _ratio(self.memory_mib_before, self.memory_mib_now),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """The drift that `to_json` gave; the ratios follow from it."""
        return cls(**{one.name: found[one.name] for one in fields(cls)})


def cost_drift(before: Sequence[LegResult], now: Sequence[LegResult]) -> CostDrift:
    """The change in seconds and peak memory of a full run; its sentence is empty where neither changed enough."""
    was, is_now = (_completed(results) for results in (before, now))
    seconds = tuple(_median([result.seconds for result in side]) for side in (was, is_now))
    memory = tuple(_median([result.peak_memory_bytes / 2**20 for result in side]) for side in (was, is_now))
    clauses = (
        _clause("a full run takes", "s", seconds, _LEAST_SECONDS),
        _clause("the peak memory of a full run is", "MiB", memory, _LEAST_MIB),
    )
    text = "; ".join(clause for clause in clauses if clause)
    sentence = f"{capital(text)}." if text else ""
    return CostDrift(seconds[0], seconds[1], memory[0], memory[1], sentence)


def _completed(results: Sequence[LegResult]) -> tuple[LegResult, ...]:
    return tuple(result for result in results if result.end is LegEnd.COMPLETED)


def _median(values: Sequence[float]) -> float | None:
    measured = [value for value in values if value > 0]
    return median(measured) if measured else None


def _ratio(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else now / before


def _clause(what: str, unit: str, medians: tuple[float | None, ...], least: float) -> str:
    """'a full run takes 30 s, 14 s at the baseline', where the difference is large enough; else empty."""
    before, now = medians
    ratio = _ratio(before, now)
    if before is None or now is None or ratio is None or FALL <= ratio <= RISE or abs(now - before) < least:
        return ""
    return f"{what} {now:.3g} {unit}, {before:.3g} {unit} at the baseline"

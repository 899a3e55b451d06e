"""What a first, smaller re-evaluation of a slow training would cost and find, for `check` and `plan`."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...strategies.records import LegResult
from ...strategies.schedule.grants import Machine
from ...strategies.search.choose import Strategy
from ...strategies.search.detection import detection_by
from ...strategies.search.least_search import LEAST_CHALLENGERS_SEEN, budget_text
from ...strategies.search.search_size import LEAST, coordinates_of
from ...strategies.verdict.margin import share_in_words
from ...strategies.words import duration
from ..config.config import Config
from ..config.model_file import ModelFile
from .forecast import Forecast, forecast

SLOW_S = 2 * 3600.0
"""A re-evaluation that is expected to take longer makes a smaller first one worth a thought."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much the differences of pairs vary, from the least to the most that is likely, and the whole skill (None:
    not known)."""

    low: float
    high: float
    skill: float | None = None


def smaller_search(
    file: ModelFile,
    legs: Sequence[LegResult],
    found: Forecast,
    machine: Machine,
    config: Config,
    noise: Noise | None = None,
) -> str:
    """What to type for a smaller re-evaluation than the one `found` from the legs, what it takes and what it finds, in
    one line; empty where one is quick, its size is the owner's, or none is smaller. `noise` None: losses are told in
    standard deviations of a pair."""
    slow_s, probes = found.cost.seconds_expected, found.cost.runs_probe
    if slow_s is None or slow_s <= SLOW_S or found.choice.strategy is not Strategy.CAVIAR:
        return ""
    if file.search.challengers is not None or file.search.budget_s is not None:
        return ""
    small, challengers = found, LEAST
    for challengers in (LEAST, LEAST_CHALLENGERS_SEEN):
        search = file.search.model_copy(update={"challengers": challengers, "stages": 1})
        small = forecast(file.model_copy(update={"search": search}), legs, machine, config, probe_runs=probes)
        if small.cost.runs_search < found.cost.runs_search:
            break
    else:
        return ""
    least = forecast(file, legs, machine, config, budget_s=1.0, strategy="caviar", probe_runs=probes).choice.least_s
    once = "" if least is None else f"; least of all: --budget {budget_text(least)} of compute"
    times = f"about {duration(small.cost.seconds_expected)} in place of {duration(slow_s)}"
    finds = _finds(file, found, small, noise)
    return f"for less: challengers = {challengers} under [search], {times}{finds}{once}"


def _finds(file: ModelFile, found: Forecast, smaller: Forecast, noise: Noise | None) -> str:
    """The losses that 8 of 10 such re-evaluations find, the smaller and the planned, as a clause."""
    sizes = [(one.choice.challengers, one.choice.stages) for one in (smaller, found)]
    known = [detection_by(Strategy.CAVIAR, file.search.sampler, coordinates_of(file.space()), *size) for size in sizes]
    if known[0] is None or known[1] is None:
        return "; it finds great losses alone: none so small was simulated"
    small, planned = (detection.gap() for detection in known if detection is not None)
    if noise is None:
        return (
            f"; it finds a loss of {small:.2g} standard deviations of a pair in 8 of 10, the planned one {planned:.2g}"
        )
    low, high = small * noise.low, small * noise.high
    span = f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}"
    share = share_in_words(None if noise.skill is None else high / noise.skill)
    return (
        f"; it finds a loss of {span} in {file.goal.metric}{share} in 8 of 10, the planned one of "
        f"{planned / small:.0%} of that"
    )

"""Frozen records that travel between the decisions and the shell.

A score is always signed so that higher is better; a metric keeps its own direction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Schedule = tuple[tuple[float, float], ...]
"""A hyperparameter over time: (step, value) points in order, the first at step 0."""

Value = float | int | bool | str | Schedule
Configuration = Mapping[str, Value]
"""Hyperparameter values by name; a name whose `when` condition is false is absent."""


def configuration_of(values: Mapping[str, Any]) -> Configuration:
    """The configuration of a JSON object, in which a schedule is a list of [step, value]. It need not fit any space."""
    return {
        name: tuple((step, number) for step, number in value) if isinstance(value, list) else value
        for name, value in values.items()
    }


def plain(configuration: Configuration) -> dict[str, Any]:
    """A configuration as JSON and TOML values: schedules become lists."""
    return {
        name: [list(point) for point in value] if isinstance(value, tuple) else value
        for name, value in configuration.items()
    }


SECOND_STAGE = 1000
"""The number of the first pair of a second stage of a campaign."""


class BudgetUnit(StrEnum):
    """What a trial's budget counts."""

    STEPS = "steps"
    EPOCHS = "epochs"
    SECONDS = "seconds"


class Purpose(StrEnum):
    """What a training is told that it runs for: SEARCH scores the development slice, the others the held-out slice."""

    SEARCH = "search"
    REPLICATE = "replicate"
    CONFIRM = "confirm"


class Role(StrEnum):
    """What a trial stands for in its campaign; with its purpose it says which runs it is compared with."""

    INCUMBENT = "incumbent"  # the stored settings: a replicate, a side of a pair, or the first trial of a search
    CHALLENGER = "challenger"  # the other side of a pair
    CANDIDATE = "candidate"  # what a search tries beside the incumbent
    PROBE = "probe"  # a short run that tests the contract
    CAUSE_INCUMBENT = "cause_incumbent"  # a replicate made once more on the baseline's data, to tell causes apart
    CAUSE_CHALLENGER = "cause_challenger"  # the same with the challenger
    PREVIOUS = (
        "previous"  # the settings before the last adoption, on the seeds and rows of a pair: did its gain arrive?
    )


class LegEnd(StrEnum):
    """How a leg ended. Only COMPLETED has a score; DIVERGED is a result about the configuration."""

    COMPLETED = "completed"
    DIVERGED = "diverged"  # a non-finite loss or metric
    CRASHED = "crashed"  # non-zero exit, or an exception in the recipe
    SIGNALLED = "signalled"  # killed by a signal that retuned did not send
    TIMED_OUT = "timed_out"  # still running at its deadline, killed
    NO_METRIC = "no_metric"  # exited normally, but never reported the objective's metric
    BAD_REPORT = "bad_report"  # unreadable reports, or more of them than allowed
    BAD_CHECKPOINT = "bad_checkpoint"  # a checkpoint larger than the limit
    STOPPED = "stopped"  # stopped early by the median rule (median_stopping.py): known to be worse, not a failure
    LOST = "lost"  # its worker died and no retries are left
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Report:
    """One line of a trial's report file: metrics by name at a step, in the budget's unit."""

    step: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LegRequest:
    """A stretch of one trial that a decision requests.

    `name` is unique in its campaign and file-name safe (legs/names.py builds it); `number` counts the trials of a role,
    and incumbent and challenger of a pair share theirs. `parent` names the leg whose checkpoint it starts from, None
    for a start from initialisation. Steps are in the budget's unit. A guarded leg ends early on a spike (see
    spike_guard.py) and first skips `skip_batches` batches; a command supports neither.
    """

    name: str
    trial: str
    purpose: Purpose
    configuration: Configuration
    seed: int
    split_seed: int
    from_step: float
    to_step: float
    parent: str | None = None
    keeps_checkpoint: bool = False
    skip_batches: int = 0
    is_guarded: bool = False
    role: Role = field(kw_only=True)
    number: int = field(kw_only=True)

    @property
    def is_of_search(self) -> bool:
        """Whether it belongs to a trial of the search; probes are told the same purpose."""
        return self.purpose is Purpose.SEARCH and self.role is not Role.PROBE

    @property
    def is_of_confirm(self) -> bool:
        """Whether it is a side of a pair, or a run of the incumbent alone in the place of pairs."""
        return self.purpose is Purpose.CONFIRM and self.role not in (Role.PROBE, Role.PREVIOUS)


@dataclass(frozen=True, slots=True)
class LegResult:
    """What became of a leg: its end, its score (None unless COMPLETED) and what it cost."""

    request: LegRequest
    end: LegEnd
    score: float | None
    detail: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[tuple[float, float], ...] = ()  # (step, score) in order of report
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    attempts: int = 1
    node: str = ""  # the kind of node of a cluster that trained it; empty: this machine

    @property
    def trained(self) -> float:
        """The length of the requested stretch, in the budget's unit; up to the last report for a leg that was stopped.

        A leg that failed early counts in full: its cost in steps is not known.
        """
        end = self.curve[-1][0] if self.end is LegEnd.STOPPED and self.curve else self.request.to_step
        return end - self.request.from_step


class Outcome(StrEnum):
    """The verdict of a campaign."""

    FRESH = "fresh"
    STALE = "stale"
    DEGRADED = "degraded"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"

"""What a worker gets: how the model is trained, and the order for each leg."""

import re
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from ...strategies.legs.command import expand
from ...strategies.records import LegRequest, Value
from ..config.config_template import ConfigTemplate
from .splits.leg_data import LegData

TRAINER = Path(__file__).with_name("trainer")  # a folder that is started by its path
_TICKET = re.compile(r"(?P<sequence>\d{8})-(?P<leg>.+)\.a(?P<attempt>\d+)")


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Where a command's metric is found: matches of a pattern in what it prints, or a file, relative to workdir, with a
    dotted key (JSON) or a column (a table), and the key or the column of its step. What is not used is empty."""

    pattern: str = ""
    file: str = ""
    key: str = ""
    column: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """How a campaign trains: a command's argv, or a recipe (`/abs/file.py:Class`) run by `python` with the trainer.

    `unit` and `evaluate_every` are the budget's; a leg is stopped after `timeout_s`, with `grace_s` between
    SIGTERM and SIGKILL; a worker without work ends after `idle_s`. Legs that are submitted together are handed to
    workers in groups, `groups` of a kind; 0: one by one. `precision`: of a recipe's loss and metrics.
    `metric`: the objective's, by which a worker knows output that looks like a report. `pass_env`: variables whose
    values are masked in what is recorded. `source`: where a command's metric is found; None: in reports.
    `checkpoint_bytes`: the largest that a checkpoint may be; 0: any size.
    `template`: a command's configuration file, of which each leg gets a copy with its values; None: there is none.
    """

    kind: str
    argv: tuple[str, ...] | None
    recipe: str | None
    python: str
    workdir: str
    data: str
    unit: str
    evaluate_every: float | None
    timeout_s: float
    threads: int
    grace_s: float = 5.0
    idle_s: float = 30.0
    groups: int = 0
    trainer: str = str(TRAINER)
    precision: str = "float32"
    metric: str = ""
    pass_env: tuple[str, ...] = ()
    source: MetricSource | None = None
    template: ConfigTemplate | None = None
    checkpoint_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """One attempt at a leg, as the queue names it. Lower sequences go first; a retry keeps its leg's."""

    sequence: int
    leg: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.sequence:08d}-{self.leg}.a{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> "Ticket | None":
        """The ticket of a file name; None for a file that is none."""
        return _parsed(text)


@lru_cache(maxsize=1 << 14)  # the same names are listed again and again
def _parsed(text: str) -> Ticket | None:
    match = _TICKET.fullmatch(text)
    return match and Ticket(int(match["sequence"]), match["leg"], int(match["attempt"]))


def order_for_leg(
    request: LegRequest,
    ticket: Ticket,
    training: TrainingOrder,
    folder: Path,
    parent: Path | None,
    data: LegData | None = None,
    pin: str = "",
) -> dict[str, object]:
    """The content of leg.json: the request, and everything that the worker would otherwise have to work out.

    `data`: the files that retuned cut for it; None where the training cuts the data itself. `pin`: legs with
    the same one train on one kind of node.
    """
    order: dict[str, object] = {
        **asdict(replace(request, configuration=dict(request.configuration))),
        "attempt": ticket.attempt,
        "sequence": ticket.sequence,
        "checkpoint_in": None if parent is None else str(parent / "checkpoint"),
        "checkpoint_out": str(folder / "checkpoint") if request.keeps_checkpoint else None,
        "checkpoint_bytes": training.checkpoint_bytes,
        "pin": pin,
    }
    values = values_for_leg(request, training, folder, data)
    order["metric_file"] = "" if training.source is None else expand((training.source.file,), values)[0]
    order["argv"] = None if training.argv is None else list(expand(training.argv, values))
    order["environment"] = _environment(request, training, folder, parent, data)
    return order


def values_for_leg(
    request: LegRequest, training: TrainingOrder, folder: Path, data: LegData | None
) -> dict[str, Value]:
    """The value of every placeholder."""
    values: dict[str, Value] = {
        **request.configuration,
        "seed": request.seed,
        "split_seed": request.split_seed,
        "data": training.data,
        **({} if data is None else {"train": str(data.train), "eval": str(data.eval)}),
    }
    values.setdefault("tmp", str(folder / "tmp"))
    if training.template is not None:
        values["config"] = str(config_path(training.template, folder))
    return values


def config_path(template: ConfigTemplate, folder: Path) -> Path:
    """Where a leg's copy of the configuration file lies in its folder."""
    return folder / f"config{template.suffix}"


def _environment(
    request: LegRequest, training: TrainingOrder, folder: Path, parent: Path | None, data: LegData | None
) -> dict[str, str]:
    environment = {
        "RETUNED_HYPERPARAMETERS": str(folder / "hyperparameters.json"),
        "RETUNED_SEED": str(request.seed),
        "RETUNED_SPLIT_SEED": str(request.split_seed),
        "RETUNED_PURPOSE": request.purpose.value,
        "RETUNED_DATA": training.data,
        "RETUNED_FROM_STEP": _plain(request.from_step),
        "RETUNED_TO_STEP": _plain(request.to_step),
        "RETUNED_BUDGET_UNIT": training.unit,
        "RETUNED_REPORT": str(folder / "report.jsonl"),
        "TMPDIR": str(folder / "tmp"),
    }
    if training.template is not None:
        environment["RETUNED_CONFIG"] = str(config_path(training.template, folder))
    if parent is not None:
        environment["RETUNED_CHECKPOINT_IN"] = str(parent / "checkpoint")
    if data is not None:
        environment |= {"RETUNED_TRAIN": str(data.train), "RETUNED_EVAL": str(data.eval)}
    if request.keeps_checkpoint:
        environment["RETUNED_CHECKPOINT_OUT"] = str(folder / "checkpoint")
    return environment


def _plain(number: float) -> str:
    """A step as shell and awk arithmetic can take it: whole numbers without a decimal point."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))

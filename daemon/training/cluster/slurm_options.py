"""What sbatch is told of a job: what [workers] says, the needs of a worker, and words of our own."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ....strategies.errors import CampaignFailed
from .jobs import Order
from .needs import Needs

COMMENT_CHARACTERS = 1000
_GRES = re.compile(r"[A-Za-z0-9_.-]{1,100}(:[A-Za-z0-9_.-]{1,100})?")
_ASKED_MIB = 1024  # of a job that only asks a node what it is


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """Where jobs go and at whose cost, None: as the site does by default; and what a team adds."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time_limit_s: float | None = None
    extra: tuple[str, ...] = ()


def sbatch_words(options: SlurmOptions, order: Order) -> tuple[str, ...]:
    """The words behind `sbatch`; ours come last, since the last one counts."""
    return (
        *options.extra,
        "--parsable",
        f"--job-name={order.id}",
        f"--comment={comment_of(order.spool)}",
        f"--output={_pattern(output_of(order.id, order.spool))}",
        "--open-mode=append",
        "--chdir=/",
        "--nodes=1",
        "--ntasks=1",
        *(f"--{name}={value}" for name, value in _places(options) if value is not None),
        *_lifetime(order),
        *(_needs(order.needs) if order.node is None else _asking(order.needs, order.node.address)),
    )


def comment_of(spool: Path) -> str:
    """What a job's comment says of the folder that it works for; no character in it means anything to a list."""
    return quote(str(spool))[:COMMENT_CHARACTERS]


def output_of(job_id: str, spool: Path) -> Path:
    """Where a job's own output goes; its worker has a log beside."""
    return spool / f".{job_id}.log"


def gres_of(needs: Needs) -> tuple[str, ...]:
    """The generic resources that a worker asks for, GPUs among them. Raises CampaignFailed for a part of one."""
    wanted = {**({"gpu": needs.gpus} if needs.gpus else {}), **needs.custom}
    for name, amount in wanted.items():
        if amount != int(amount) or not _GRES.fullmatch(name):
            raise CampaignFailed(
                f"one training run needs {amount:g} of {name!r}",
                "allowed on Slurm: whole numbers of generic resources, such as gpu, or gpu:a100 with its type",
                "correct resources under [training]",
            )
    return tuple(f"{name}:{int(amount)}" for name, amount in wanted.items())


def script_of(words: str) -> str:
    """The batch script: it becomes the worker's program, so that Slurm's signals reach that."""
    return f"#!/bin/sh\nexec {words}\n"


def _places(options: SlurmOptions) -> tuple[tuple[str, str | None], ...]:
    return ("partition", options.partition), ("account", options.account), ("qos", options.qos)


def _lifetime(order: Order) -> Iterator[str]:
    if order.lifetime_s is not None:
        yield f"--time={max(1, math.ceil(order.lifetime_s / 60))}"


def _needs(needs: Needs) -> Iterator[str]:
    yield "--requeue"
    yield f"--cpus-per-task={max(1, math.ceil(needs.cpus))}"
    if needs.memory_bytes:
        yield f"--mem={math.ceil(needs.memory_bytes / 2**20)}M"
    if gres := gres_of(needs):
        yield f"--gres={','.join(gres)}"


def _asking(needs: Needs, node: str) -> Iterator[str]:
    """As little as may be of that node, but its GPUs, which a job sees only where it asked for them."""
    yield "--no-requeue"
    yield f"--nodelist={node}"
    yield "--cpus-per-task=1"
    yield f"--mem={_ASKED_MIB}M"
    if gres := gres_of(needs):
        yield f"--gres={','.join(gres)}"


def _pattern(path: Path) -> str:
    """A path as Slurm reads it, which replaces what follows a %."""
    return str(path).replace("%", "%%")

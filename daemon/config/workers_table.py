"""The configuration's [workers]: where trainings run, and how much of it they may use."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from .node_labels import Label, label_of
from .toml_input import (
    DurationS,
    Integer,
    MemoryBytes,
    OwnersPath,
    Positive,
    SecretReference,
    Table,
    Text,
    refusal,
    shown,
)

_SLURM_NAME = re.compile(r"[A-Za-z0-9_.,@+-]{1,200}")
_SBATCH_OPTION = re.compile(r"--([a-z][a-z-]*)(?:=[^\x00-\x1f\x7f]{0,500})?")
_KEY_OF = {"partition": "partition", "account": "account", "qos": "qos", "time": "time_limit"}
_RETUNEDS_OWN = (
    *_KEY_OF, "parsable", "job-name", "comment", "output", "error", "input", "open-mode", "chdir", "nodes", "nodelist",
    "nodefile", "ntasks", "cpus-per-task", "mem", "gres", "gpus", "requeue", "no-requeue", "array", "wrap", "export",
    "export-file", "test-only", "wait", "hold", "batch", "clusters", "uid", "gid", "time-min", "help", "usage",
    "version", "dependency", "signal", "quiet",
)  # fmt: skip


def _usable_cores() -> int:
    return os.cpu_count() or 1


def _usable_slots(before: Mapping[str, object]) -> int:
    """The cores of this machine; of a cluster, as many as it has."""
    return _usable_cores() if before.get("runner", "local") == "local" else 4096


def _cluster_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise refusal(
            f"is {shown(value)}", "allowed: http:// or https:// with the host and port of Ray's dashboard",
            "for instance http://head:8265",
        )  # fmt: skip
    return value


def _slurm_name(value: str) -> str:
    if not _SLURM_NAME.fullmatch(value):
        raise refusal(f"is {shown(value)}", "allowed: a name that Slurm knows: letters, digits and _ . , @ + -")
    return value


def _sbatch_option(value: str) -> str:
    """One word for sbatch, checked: an option that is not ours, in full or shortened as sbatch allows it."""
    found = _SBATCH_OPTION.fullmatch(value)
    if found is None:
        raise refusal(
            f"is {shown(value)}", "allowed: '--option' or '--option=value', one a word, without line breaks",
            "for instance '--constraint=a100'",
        )  # fmt: skip
    ours = next((own for own in _RETUNEDS_OWN if own.startswith(found[1])), None)
    if ours is not None:
        key = _KEY_OF.get(ours)
        remedy = f"write {key} under [workers]" if key else "remove it; cpus, gpus and memory are the model's resources"
        raise refusal(f"has {shown(value)}", f"retuned sets --{ours} itself", remedy)
    return value


_ADDRESS = ("address", "http://head:8265")
_SHARED = ("shared", "/mnt/shared/retuned")
SlurmName = Annotated[str, AfterValidator(_slurm_name)]


class NodeTypeTable(Table):
    """A type of node that the cluster's autoscaler may add: how many there may be, and what each has."""

    most: Annotated[Integer, Field(ge=1, le=4096)]
    cpus: Positive
    gpus: Annotated[Integer, Field(ge=0, le=1024)] = 0
    memory_bytes: MemoryBytes | None = Field(default=None, alias="memory")
    custom: Mapping[Text, Positive] = {}
    labels: Mapping[Label, Label] = {}

    @property
    def resources(self) -> dict[str, float]:
        """What each has, by Ray's names, its labels as in `label_of`."""
        memory = {} if self.memory_bytes is None else {"memory": float(self.memory_bytes)}
        labels = {label_of(name, value): 1.0 for name, value in self.labels.items()}
        return {"CPU": self.cpus, "GPU": float(self.gpus), **memory, **self.custom, **labels}


class WorkersTable(Table):
    """What all campaigns together may use of this machine, None: everything; or the cluster that they use."""

    runner: Literal["local", "ray", "slurm"] = "local"
    address: Annotated[str, AfterValidator(_cluster_address)] | None = None
    token: SecretReference | None = None
    shared: OwnersPath | None = None
    python: Text = "python3"
    autoscaler: tuple[NodeTypeTable, ...] = ()
    partition: SlurmName | None = None
    account: SlurmName | None = None
    qos: SlurmName | None = None
    time_limit_s: DurationS | None = Field(default=None, alias="time_limit")
    sbatch: tuple[Annotated[str, AfterValidator(_sbatch_option)], ...] = ()
    slots: Annotated[Integer, Field(ge=1, le=4096)] = Field(default_factory=_usable_slots)
    memory_bytes: MemoryBytes | None = Field(default=None, alias="memory")
    gpus: tuple[Annotated[Integer, Field(ge=0, le=1023)], ...] | None = None

    @model_validator(mode="after")
    def _names_its_cluster(self) -> Self:
        wanted = {"ray": (_ADDRESS, _SHARED), "slurm": (_SHARED,)}.get(self.runner, ())
        for key, example in wanted:
            if getattr(self, key) is None:
                found = f"is missing, which runner = '{self.runner}' needs"
                raise refusal(found, f"allowed: the cluster's {key}", f"for instance {key} = '{example}'", key=key)
        return self

    @property
    def is_cluster(self) -> bool:
        """Whether trainings run elsewhere."""
        return self.runner != "local"

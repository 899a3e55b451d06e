"""The configuration's [workers]: where trainings run, and how much of it they may use."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from .toml_input import Integer, MemoryBytes, OwnersPath, SecretReference, Table, Text, refusal, shown


def _usable_cores() -> int:
    return os.cpu_count() or 1


def _usable_slots(before: Mapping[str, object]) -> int:
    """The cores of this machine; of a cluster, as many as it has."""
    return 4096 if before.get("runner") == "ray" else _usable_cores()


def _cluster_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise refusal(
            f"is {shown(value)}", "allowed: http:// or https:// with the host and port of Ray's dashboard",
            "for instance http://head:8265",
        )  # fmt: skip
    return value


class WorkersTable(Table):
    """What all campaigns together may use of this machine, None: everything; or the cluster that they use."""

    runner: Literal["local", "ray"] = "local"
    address: Annotated[str, AfterValidator(_cluster_address)] | None = None
    token: SecretReference | None = None
    shared: OwnersPath | None = None
    python: Text = "python3"
    slots: Annotated[Integer, Field(ge=1, le=4096)] = Field(default_factory=_usable_slots)
    memory_bytes: MemoryBytes | None = Field(default=None, alias="memory")
    gpus: tuple[Annotated[Integer, Field(ge=0, le=1023)], ...] | None = None

    @model_validator(mode="after")
    def _names_its_cluster(self) -> Self:
        if self.runner == "local":
            return self
        for key, example in (("address", "http://head:8265"), ("shared", "/mnt/shared/retuned")):
            if getattr(self, key) is None:
                found = "is missing, which runner = 'ray' needs"
                raise refusal(found, f"allowed: the cluster's {key}", f"for instance {key} = '{example}'", key=key)
        return self

"""What the verbs return: plain records, the same ones in this process and from a service over HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, SerializationInfo

from ...strategies.drift.drift import DriftPoint
from ...strategies.records import Configuration, plain
from ...strategies.verdict.verdict_records import Verdict
from ..config.model_file import ModelFile
from ..state.campaigns.campaigns import Campaign
from ..state.models.cool_down import CoolDown
from ..state.models.history_list import Measured
from ..state.models.registry import Model, Settings
from ..state.outbox import place_of
from ..state.store import from_text


def _model_out(model: Model, info: SerializationInfo) -> dict[str, Any]:
    row = {field.name: getattr(model, field.name) for field in fields(Model)}
    row = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    file = json.loads(model.file.to_json())
    if info.context is not None and "webhook" in file.get("alerts", {}):  # the path of a webhook is a secret
        file["alerts"]["webhook"] = place_of(file["alerts"]["webhook"])
    return row | {"file": file, "source": str(model.source), "configuration": plain(model.configuration)}


def _model_in(value: object) -> Model:
    if isinstance(value, Model):
        return value
    if not isinstance(value, dict):
        raise ValueError("a model is an object")
    file = ModelFile.from_json(json.dumps(value["file"]))
    moments = {
        name: None if value[name] is None else from_text(value[name])
        for name in ("anchor_at", "next_due_at", "registered_at")
    }
    configuration = file.space().validate(value["configuration"], strict=False)
    return Model(**value | moments | {"file": file, "source": Path(value["source"]), "configuration": configuration})


SentModel = Annotated[Model, PlainSerializer(_model_out), PlainValidator(_model_in)]
"""A model whose file is sent in the form that the registry keeps; in a context, webhooks without their secret part."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A model with its last verdict and its open campaigns.

    `next_look_at`: when a service looks for changes next; None: never, or it is about to. `cool_down`: the time in
    which no change makes it due; None where it is in none.
    """

    model: SentModel
    last: Verdict | None
    campaigns: tuple[Campaign, ...]
    next_look_at: datetime | None = None
    cool_down: CoolDown | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Settings versions and campaigns of a model; `measured` by version of the model file. `next`: the cursor of the
    next page, None at the end."""

    model: SentModel
    settings: tuple[Settings, ...]
    campaigns: tuple[Campaign, ...]
    measured: tuple[Measured, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration did, in words; `waits_for_baseline`: one is queued."""

    name: str
    sentence: str
    waits_for_baseline: bool


@dataclass(frozen=True, slots=True)
class Queued:
    """A requested campaign, and the open baseline that runs before it; None: there is none."""

    campaign: Campaign
    baseline: Campaign | None


@dataclass(frozen=True, slots=True)
class Replicates:
    """The runs of a baseline: scores (higher is better), how many runs were made, why the first failed one failed."""

    scores: tuple[float, ...]
    runs: int
    failure: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a campaign ended, with the settings that it judged."""

    model: SentModel
    campaign: Campaign
    incumbent: Configuration
    replicates: Replicates


@dataclass(frozen=True, slots=True)
class Drift:
    """Points of the drift record of a model. `next`: the cursor of the next page, None at the end."""

    model: SentModel
    points: tuple[DriftPoint, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """What a re-evaluation would do, in sentences and in figures."""

    sentences: tuple[str, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PageView:
    """The page about a campaign."""

    campaign: int
    html: str


@dataclass(frozen=True, slots=True)
class CopyMade:
    """A copy of the database that was made on request."""

    file: Path
    size_bytes: int

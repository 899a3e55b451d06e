"""A model as the verbs return it, by itself and with what is going on around it."""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, SerializationInfo

from ...strategies.records import plain
from ...strategies.verdict.verdict_records import Verdict
from ..config.model_file import ModelFile
from ..state.models.adoption_log import Adoption
from ..state.models.auto_adoptions import AutoAdoption
from ..state.models.cool_down import CoolDown
from ..state.models.registry import Model
from ..state.outbox import place_of
from ..state.overview import OpenCampaign
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
    which no change makes it due; None where it is in none. `adoption`: how its current settings were adopted, None
    where they were registered; `auto_adoption`: the last decision about adopting without a person; `account`: what
    re-tuning has earned, as a sentence, empty while nothing was adopted.
    """

    model: SentModel
    last: Verdict | None
    campaigns: tuple[OpenCampaign, ...]
    next_look_at: datetime | None = None
    cool_down: CoolDown | None = None
    adoption: Adoption | None = None
    auto_adoption: AutoAdoption | None = None
    account: str = ""

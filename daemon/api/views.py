"""What the verbs return: plain records, the same ones in this process and from a service over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...strategies.drift.drift import DriftPoint
from ...strategies.records import Configuration
from ..state.campaigns.campaigns import Campaign
from ..state.models.adoption_log import Adoption
from ..state.models.auto_adoptions import AutoAdoption
from ..state.models.history_list import Measured
from ..state.models.registry import Settings
from .model_view import SentModel


@dataclass(frozen=True, slots=True)
class History:
    """Settings versions and campaigns of a model; `measured` by version of the model file. `next`: the cursor of the
    next page, None at the end. `adoptions` are those of these settings, `auto_adoptions` those of these campaigns;
    `account`: what re-tuning has earned, as a sentence."""

    model: SentModel
    settings: tuple[Settings, ...]
    campaigns: tuple[Campaign, ...]
    measured: tuple[Measured, ...] = ()
    next: str | None = None
    adoptions: tuple[Adoption, ...] = ()
    auto_adoptions: tuple[AutoAdoption, ...] = ()
    account: str = ""


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

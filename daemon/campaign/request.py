"""How a campaign that a person requests begins, whether in the command's own process or over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...strategies.errors import ConflictError, InputError
from ...strategies.space import derive_seed
from ..clock import Clock
from ..state.campaigns.campaign_writes import ask_by_hand, queue_campaign
from ..state.campaigns.campaigns import Campaign, count_campaigns, find_campaign, open_campaigns
from ..state.models.adoption import write_pending_settings
from ..state.models.model_calendar import campaign_seed
from ..state.models.models import find_entry
from ..state.models.registry import Model, find_model
from ..state.store import Store

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Request:
    """A campaign that may be run: its model is not retired and its options are allowed. `seed` None: the model's next
    one."""

    model: Model
    kind: str
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def baseline_request(store: Store, name: str) -> Request:
    """The request to train the model's current settings on fresh seeds. Raises UnknownName and ConflictError."""
    return Request(trainable(store, name), "baseline")


def retune_request(
    store: Store, name: str, strategy: str | None = None, budget_s: float | None = None, seed: int | None = None
) -> Request:
    """The request to re-evaluate a model; settings that a crash kept out of its settings file are written first.

    An option that is None is the model file's. Raises UnknownName, ConflictError, and InputError for a bad option.
    """
    model = trainable(store, name)
    options = _retune_options(strategy, budget_s, seed, model)
    write_pending_settings(store, model)
    return Request(model, "retune", seed, options)


def ask_for(store: Store, request: Request, clock: Clock) -> Campaign:
    """The open or newly queued campaign of a request. From now on it counts as manual: windows and limits do not defer
    it. Raises ConflictError as `open_or_queue` does."""
    campaign = open_or_queue(store, request.model, request.kind, request.seed, request.options, clock)
    if campaign.phase == "queued" and campaign.trigger != "manual":
        with store.transaction():
            ask_by_hand(store, campaign.id)
    return find_campaign(store, campaign.id)


def trainable(store: Store, name: str) -> Model:
    """The model of that name. Raises UnknownName, and ConflictError for a retired one."""
    model = find_model(store, name)
    refuse_retired(model)
    return model


def open_or_queue(
    store: Store, model: Model, kind: str, seed: int | None, options: Mapping[str, Any], clock: Clock
) -> Campaign:
    """The model's open campaign of that kind, which is continued, or a new one.

    Raises ConflictError when the open one was started with another seed or other options.
    """
    with store.transaction():
        already_open = [campaign for campaign in open_campaigns(store, model.id) if campaign.kind == kind]
        if already_open:
            _refuse_other_options(already_open[0], seed, options)
            return already_open[0]
        entry = find_entry(store, model.id)
        assert entry is not None
        number = count_campaigns(store, model.id)
        next_seed = derive_seed(model.id, kind, number) if kind == "baseline" else campaign_seed(store, model)
        campaign_id = queue_campaign(
            store,
            model=entry,
            kind=kind,
            trigger="manual",
            seed=next_seed if seed is None else seed,
            options=options,
            now=clock.now(),
        )
    return find_campaign(store, campaign_id)


def refuse_retired(model: Model) -> None:
    """Raise ConflictError for a retired model."""
    if model.state == "retired":
        raise ConflictError(
            f"{model.name} is retired", "allowed: an active or paused model", f"retuned resume {model.name}"
        )


def check_seed(seed: int | None) -> None:
    """Raise InputError for a seed out of range."""
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"--seed {seed} is out of range", f"allowed: 0 to {LARGEST_SEED}", "choose another")


def _retune_options(strategy: str | None, budget_s: float | None, seed: int | None, model: Model) -> dict[str, Any]:
    """The checked options of a re-evaluation that were given; raises InputError."""
    if strategy not in (None, "auto", "caviar", "panda"):
        raise InputError(
            f"--strategy {strategy} is not available",
            "allowed: auto, caviar, panda",
            "omit it to use the model file's strategy",
        )
    if strategy == "panda" and (why := model.file.why_no_panda()):
        raise InputError(f"{model.name} cannot be babysat: {why}", "", "omit --strategy")
    check_seed(seed)
    if budget_s is not None and not 0 < budget_s < 1e9:
        raise InputError(f"--budget {budget_s:g}s is out of range", "allowed: a time above zero", "for instance 2h")
    options = {"strategy": strategy, "budget_s": budget_s}
    return {name: value for name, value in options.items() if value is not None}


def _refuse_other_options(campaign: Campaign, seed: int | None, options: Mapping[str, Any]) -> None:
    has_other_seed = seed is not None and seed != campaign.seed
    has_other_options = any(campaign.options.get(name) != value for name, value in options.items())
    if has_other_seed or has_other_options:
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} is still open, with seed {campaign.seed}",
            "one open campaign for each model, which keeps its seed, strategy and budget",
            f"to continue it: retuned retune {campaign.model}; to start afresh, first: retuned cancel {campaign.model}",
        )

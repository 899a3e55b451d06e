"""How a campaign that a person asks for begins: in the command's own process and over HTTP alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...strategies.errors import ConflictError, InputError
from ...strategies.space import derive_seed
from ..clock import Clock
from ..state.campaigns.campaign_writes import ask_by_hand, queue_campaign
from ..state.campaigns.campaigns import Campaign, campaigns_of, find_campaign, open_campaigns
from ..state.models.adoption import write_pending_settings
from ..state.models.model_calendar import campaign_seed
from ..state.models.models import find_entry
from ..state.models.registry import Model, find_model
from ..state.store import Store

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Request:
    """A campaign that may be run: its model is not retired and its options are allowed. `seed` None: the model's own
    next one."""

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
    """The request to re-evaluate a model; what a crash kept out of its settings file is written first.

    None for an option: what the model file says. Raises UnknownName, ConflictError, and InputError for a bad option.
    """
    model = trainable(store, name)
    options = _retune_options(strategy, budget_s, seed, model)
    write_pending_settings(store, model)
    return Request(model, "retune", seed, options)


def ask_for(store: Store, request: Request, clock: Clock) -> Campaign:
    """The open or newly queued campaign of a request, which from now on is one that a person asked for: such a one is
    not put off by windows and limits. Raises ConflictError as `open_or_queue` does."""
    campaign = open_or_queue(store, request.model, request.kind, request.seed, request.options, clock)
    if campaign.phase == "queued" and campaign.trigger != "manual":
        with store.transaction():
            ask_by_hand(store, campaign.id)
    return find_campaign(store, campaign.id)


def trainable(store: Store, name: str) -> Model:
    """The model of that name. Raises UnknownName, and ConflictError for one that is retired."""
    model = find_model(store, name)
    refuse_retired(model)
    return model


def open_or_queue(
    store: Store, model: Model, kind: str, seed: int | None, options: Mapping[str, Any], clock: Clock
) -> Campaign:
    """The model's open campaign of that kind, which then goes on, or a new one.

    Raises ConflictError when an open one was started with another seed or budget.
    """
    with store.transaction():
        found = [campaign for campaign in open_campaigns(store, model.id) if campaign.kind == kind]
        if found:
            _refuse_other_options(found[0], seed, options)
            return found[0]
        entry = find_entry(store, model.id)
        assert entry is not None
        number = len(campaigns_of(store, model.id))
        own = derive_seed(model.id, kind, number) if kind == "baseline" else campaign_seed(store, model)
        campaign_id = queue_campaign(
            store,
            model=entry,
            kind=kind,
            trigger="manual",
            seed=own if seed is None else seed,
            options=options,
            now=clock.now(),
        )
    return find_campaign(store, campaign_id)


def refuse_retired(model: Model) -> None:
    """Raise ConflictError for a retired model."""
    if model.state == "retired":
        raise ConflictError(
            f"{model.name} is retired", "active and paused models can be trained", f"retuned resume {model.name}"
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
            "leave it out for the model file's",
        )
    if strategy == "panda" and (why := model.file.why_no_panda()):
        raise InputError(f"{model.name} cannot be babysat: {why}", "", "leave --strategy out")
    check_seed(seed)
    if budget_s is not None and not 0 < budget_s < 1e9:
        raise InputError(f"--budget {budget_s:g} is out of range", "allowed: a time above zero", "for instance 2h")
    given = {"strategy": strategy, "budget_s": budget_s}
    return {name: value for name, value in given.items() if value is not None}


def _refuse_other_options(campaign: Campaign, seed: int | None, options: Mapping[str, Any]) -> None:
    has_other_seed = seed is not None and seed != campaign.seed
    has_other_options = any(campaign.options.get(name) != value for name, value in options.items())
    if has_other_seed or has_other_options:
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} is still open, with seed {campaign.seed}",
            "one open campaign a model; it goes on with the seed and budget that it was started with",
            f"retuned retune {campaign.model}, or first: retuned cancel {campaign.model}",
        )

"""Campaigns from the command line: run here, or watched while a running service works on them."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..strategies.errors import CampaignFailed, ConflictError
from ..strategies.space import derive_seed
from .clock import Clock
from .config import Config
from .instance import is_serving
from .ledger import Campaign, campaigns_of, find_campaign, open_campaigns, queue_campaign
from .registry import Model
from .report import Progress, progress_of
from .schedule import campaign_seed
from .store import Store

Display = Callable[[Model, Callable[[], tuple[Campaign, Progress]]], AbstractContextManager[Callable[[], None]]]
WATCH_S = 0.25


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
        row = store.row("SELECT * FROM models WHERE id = ?", (model.id,))
        assert row is not None
        number = len(campaigns_of(store, model.id))
        own = derive_seed(model.id, kind, number) if kind == "baseline" else campaign_seed(store, model)
        campaign_id = queue_campaign(
            store,
            model=row,
            kind=kind,
            trigger="manual",
            seed=own if seed is None else seed,
            options=options,
            now=clock.now(),
        )
    return find_campaign(store, campaign_id)


def finish_baseline(store: Store, model: Model, clock: Clock, config: Config, display: Display) -> None:
    """Run the model's queued baseline first: without it a verdict knows neither noise nor causes."""
    for campaign in open_campaigns(store, model.id):
        if campaign.kind == "baseline":
            ended = conduct(store, model, campaign, clock, config, display)
            if ended.phase != "done":
                raise CampaignFailed(f"the baseline of {model.name} {ended.phase}: {ended.failure}")


def conduct(store: Store, model: Model, campaign: Campaign, clock: Clock, config: Config, display: Display) -> Campaign:
    """Bring a campaign to its end: in this process, or by watching the service that owns the state folder."""

    def read() -> tuple[Campaign, Progress]:
        present = find_campaign(store, campaign.id)
        return present, progress_of(store, present)

    with display(model, read) as show:
        show()
        if not is_serving(store.state):
            return _run_here(store, campaign, clock, config, show)
        while (present := find_campaign(store, campaign.id)).is_open:
            show()
            if not is_serving(store.state):
                with contextlib.suppress(ConflictError):  # the process that the service had started may still hold it
                    return _run_here(store, campaign, clock, config, show)
            clock.sleep(WATCH_S)
        return present


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the process like Ctrl-C, so that workers are stopped and the lease is given back."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_here(store: Store, campaign: Campaign, clock: Clock, config: Config, show: Callable[[], None]) -> Campaign:
    from .campaign import run_campaign

    with interruptible():
        return run_campaign(store, campaign.id, clock=clock, config=config, environ=os.environ, watch=show)


def _refuse_other_options(campaign: Campaign, seed: int | None, options: Mapping[str, Any]) -> None:
    has_other_seed = seed is not None and seed != campaign.seed
    has_other_options = any(campaign.options.get(name) != value for name, value in options.items())
    if has_other_seed or has_other_options:
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} is still open, with seed {campaign.seed}",
            "one open campaign a model; it goes on with the seed and budget that it was started with",
            f"retuned retune {campaign.model}, or first: retuned cancel {campaign.model}",
        )

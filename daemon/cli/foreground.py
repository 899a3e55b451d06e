"""Campaigns from the command line: run here, or watched while a running service works on them."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ...strategies.errors import CampaignFailed, ConflictError, RetunedError
from ..api.client import Gone
from ..api.verbs import Verbs
from ..api.views import Standing
from ..clock import Clock
from ..config.config import Config
from ..reports.progress import Progress, progress_of
from ..state.campaigns.campaigns import Campaign, find_campaign, open_campaigns
from ..state.models.registry import Model
from ..state.running_service import is_serving
from ..state.store import Store

Display = Callable[[Model, Callable[[], tuple[Campaign, Progress]]], AbstractContextManager[Callable[[], None]]]
WATCH_S = 0.25


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
    from ..campaign.campaign import run_campaign

    with interruptible():
        return run_campaign(store, campaign.id, clock=clock, config=config, environ=os.environ, watch=show)


PATIENCE_S = 30.0  # with a service that is being restarted; the campaign goes on meanwhile


class Parted(RetunedError):
    """The watcher left; the campaign goes on."""

    exit_code = 130


def follow(
    verbs: Verbs, campaign_id: int, clock: Clock, display: Display, again: Callable[[], Verbs | None] = lambda: None
) -> Campaign:
    """The campaign once it has ended. Ctrl-C raises Parted: the service goes on with it.

    `again` finds the service once more after it was gone, and gives None while there is none.
    """
    standing = verbs.standing(campaign_id)
    seen = [standing]
    try:
        with display(standing.model, lambda: (seen[-1].campaign, seen[-1].progress)) as show:
            show()
            while seen[-1].campaign.is_open:
                clock.sleep(WATCH_S)
                verbs, seen[0] = _look(verbs, campaign_id, clock, again)
                show()
    except KeyboardInterrupt:
        raise Parted(
            f"detached; campaign {campaign_id} goes on",
            f"watch it again: retuned watch {campaign_id}",
            f"stop it: retuned cancel {campaign_id}",
        ) from None
    return seen[-1].campaign


def _look(verbs: Verbs, campaign_id: int, clock: Clock, again: Callable[[], Verbs | None]) -> tuple[Verbs, Standing]:
    """Where the campaign stands, by the service or by the one that takes its place; raises Gone when none does."""
    until = clock.monotonic() + PATIENCE_S
    while True:
        try:
            return verbs, verbs.standing(campaign_id)
        except Gone:
            if clock.monotonic() > until:
                raise
            clock.sleep(WATCH_S)
            verbs = again() or verbs

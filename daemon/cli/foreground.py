"""Campaigns from the command line: run here, or watched while a running service works on them."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ...strategies.errors import CampaignFailed, ConflictError, RetunedError
from ..api.client import Gone
from ..api.progress_view import Standing
from ..api.verbs import Verbs
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
    """Run the model's queued baseline first: without it neither the noise nor the causes are known."""
    for campaign in open_campaigns(store, model.id):
        if campaign.kind == "baseline":
            ended = conduct(store, model, campaign, clock, config, display)
            if ended.phase != "done":
                raise CampaignFailed(f"the baseline of {model.name} {ended.phase}: {ended.failure}")


def conduct(store: Store, model: Model, campaign: Campaign, clock: Clock, config: Config, display: Display) -> Campaign:
    """The campaign once it has ended: run in this process, or watched while the service that owns the state folder runs
    it."""

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
                with contextlib.suppress(ConflictError):  # the process that the service started may still hold it
                    return _run_here(store, campaign, clock, config, show)
            clock.sleep(WATCH_S)
        return present


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM end the process as Ctrl-C does, so that workers are stopped and the lease is released."""

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


PATIENCE_S = 30.0  # while a service restarts; the campaign continues meanwhile


class Parted(RetunedError):
    """The watcher left; the campaign continues."""

    exit_code = 130


def follow(
    verbs: Verbs, campaign_id: int, clock: Clock, display: Display, again: Callable[[], Verbs | None] = lambda: None
) -> Campaign:
    """The campaign once it has ended. Ctrl-C raises Parted: the service continues it.

    `again` finds the service again after it went away; None while there is none.
    """
    standing = verbs.standing(campaign_id)
    latest = [standing]
    try:
        with display(standing.model, lambda: (latest[-1].campaign, latest[-1].progress)) as show:
            show()
            while latest[-1].campaign.is_open:
                clock.sleep(WATCH_S)
                verbs, latest[0] = _look(verbs, campaign_id, clock, again)
                show()
    except KeyboardInterrupt:
        raise Parted(
            f"detached; campaign {campaign_id} continues",
            f"watch it again: retuned watch {campaign_id}",
            f"stop it: retuned cancel {campaign_id}",
        ) from None
    return latest[-1].campaign


def _look(verbs: Verbs, campaign_id: int, clock: Clock, again: Callable[[], Verbs | None]) -> tuple[Verbs, Standing]:
    """The campaign's state, from the service or from its successor; raises Gone when there is none."""
    until = clock.monotonic() + PATIENCE_S
    while True:
        try:
            return verbs, verbs.standing(campaign_id)
        except Gone:
            if clock.monotonic() > until:
                raise
            clock.sleep(WATCH_S)
            verbs = again() or verbs

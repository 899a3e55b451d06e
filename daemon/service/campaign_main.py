"""The process that runs one campaign for the service: it outlives the service, and its workers may outlive it."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ...strategies.errors import DiskFull
from ..campaign.campaign import run_campaign
from ..campaign.context import Detached
from ..clock import Clock
from ..config.config import Config
from ..durable_files import NO_ROOM_CODE
from ..state.campaigns.campaigns import Campaign, find_campaign
from ..state.campaigns.lease import as_only_one
from ..state.disk import is_full_error
from ..state.store import Store
from ..training.supervisor import end_workers


def lead(store: Store, campaign_id: int, clock: Clock, config: Config, environ: Mapping[str, str]) -> Campaign:
    """The campaign, run to its end or until SIGTERM; on_stop decides what then becomes of its workers.

    Ctrl-C always ends them. Raises ConflictError while another process works on the campaign.
    """
    try:
        with _stoppable(leaves_workers=config.service.on_stop == "detach"):
            run_campaign(store, campaign_id, clock=clock, config=config, environ=environ, is_of_service=True)
    except Detached:
        return find_campaign(store, campaign_id)
    with as_only_one(store.state, campaign_id) as is_mine:
        campaign = find_campaign(store, campaign_id)
        if is_mine and not campaign.is_open:
            end_workers(store.state / "campaigns" / str(campaign_id), clock)
    return campaign


@contextmanager
def counted_by_room() -> Iterator[None]:
    """End the process with a code of its own where its disk has no room: the service does not count that as a death."""
    try:
        yield
    except (DiskFull, OSError) as error:
        if not is_full_error(error):
            raise
        sys.stderr.write(f"retuned: {error}\n")
        sys.exit(NO_ROOM_CODE)


@contextmanager
def _stoppable(leaves_workers: bool) -> Iterator[None]:
    def interrupt(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: what follows must not be interrupted
        raise Detached if leaves_workers else KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""The right to work on a campaign: one process at a time has it.

A lease is a file lock, which the kernel releases when the holder dies, and an epoch in the row, which fences off a
holder that was merely slow. The file names its holder, so that the service finds campaign processes that outlived it.
Its modification time changes whenever the holder gets on: whoever looks on sees one that stands still.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ....strategies.errors import ConflictError
from ....strategies.records import LegRequest, LegResult
from ....strategies.verdict.verdict_records import Verdict
from ...processes import identify
from ..store import Store
from .campaign_facts import CampaignFacts
from .campaign_writes import claim_campaign, fail_campaign, finish_campaign, set_facts, set_phase, set_waits
from .campaigns import Campaign, find_campaign
from .lease_file import folder_of, locked
from .legs import end_legs, plan_legs, planned_legs

Change = Callable[[CampaignFacts], CampaignFacts]
"""Returns new facts for the current ones inside the transaction; other processes may write them too."""


def unchanged(facts: CampaignFacts) -> CampaignFacts:
    """The change that leaves the facts unchanged."""
    return facts


class LostLease(ConflictError):
    """Another process has taken over this campaign; nothing more may be written for it."""


class Lease:
    """The right to work on one campaign, held from `claim` until `release` or the end of the process."""

    def __init__(self, store: Store, campaign_id: int, *, is_of_service: bool = False) -> None:
        """Claim the campaign; raises ConflictError while another living process holds it.

        `is_of_service`: the process was started by the service, which may end it again.
        """
        self._store = store
        self.campaign_id = campaign_id
        self.folder = folder_of(store.state, campaign_id)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = locked(self.folder / "lease", fcntl.LOCK_EX)
        if lock is None:
            raise ConflictError(
                f"campaign {campaign_id} is already being worked on",
                "one process per campaign",
                "wait for it, or end that process",
            )
        self._lock = lock
        _sign(lock, is_of_service)
        with store.transaction():
            claim_campaign(store, campaign_id, os.getpid())
            self.epoch = find_campaign(store, campaign_id).epoch

    def campaign(self) -> Campaign:
        """The campaign's present row."""
        return find_campaign(self._store, self.campaign_id)

    def advance(self, phase: str, change: Change, now: datetime) -> Campaign:
        """Move to a phase and change the facts."""
        with self._store.transaction():
            set_phase(self._store, self.campaign_id, phase, change(self._fenced().facts), now)
        return self.campaign()

    def amend(self, change: Change) -> Campaign:
        """Change facts that other processes write too, in one transaction."""
        with self._store.transaction():
            set_facts(self._store, self.campaign_id, change(self._fenced().facts))
        return self.campaign()

    def planned(self) -> frozenset[str]:
        """The names of the recorded legs."""
        return planned_legs(self._store, self.campaign_id)

    def plan(self, requests: Iterable[LegRequest], now: datetime) -> None:
        """Record legs that are about to run; those already recorded stay unchanged."""
        with self._store.transaction():
            self._fenced()
            plan_legs(self._store, self.campaign_id, requests, now)

    def ingest(self, results: Sequence[LegResult], now: datetime) -> None:
        """Record how legs ended; a leg that ended earlier keeps its first record."""
        with self._store.transaction():
            self._fenced()
            end_legs(self._store, self.campaign_id, results, now)

    def finish(self, verdict: Verdict | None, change: Change, now: datetime) -> Campaign:
        """Mark the campaign done inside the open transaction, so that its alert is committed with it."""
        finish_campaign(self._store, self.campaign_id, verdict, change(self._fenced().facts), now)
        return self.campaign()

    def fail(self, phase: str, reason: str, now: datetime, also: Callable[[Campaign], None] = lambda _: None) -> None:
        """End the campaign without a verdict: `phase` is 'failed' or 'cancelled'; `also` is called with it in
        the same transaction.

        A reopened campaign keeps its earlier verdict: it is done, and `failure` says why it stopped.
        """
        with self._store.transaction():
            self._fenced()
            fail_campaign(self._store, self.campaign_id, phase, reason, now)
            also(find_campaign(self._store, self.campaign_id))

    def check(self) -> None:
        """Raise LostLease when another process has taken over or the campaign was cancelled. It is called at each wait,
        so it also shows that the process gets on."""
        self.show_progress()
        self._fenced()

    def tell_waits(self, why: str) -> None:
        """Record why the campaign gets no further for now; empty: it goes on."""
        with self._store.transaction():
            if (self._fenced().waits or "") != why:
                set_waits(self._store, self.campaign_id, why or None)

    def show_progress(self) -> None:
        """Show that the process gets on; to be called at least every few minutes, in long steps too."""
        with contextlib.suppress(OSError):  # a full disk
            os.utime(self._lock)

    def release(self) -> None:
        """Release the lease."""
        os.close(self._lock)

    def _fenced(self) -> Campaign:
        campaign = self.campaign()
        if not campaign.is_open:
            raise LostLease(f"campaign {self.campaign_id} has ended: {campaign.failure or campaign.phase}")
        if campaign.epoch != self.epoch:
            raise LostLease(f"campaign {self.campaign_id} was taken over by another process")
        return campaign


def progress_of_holder(state: Path, campaign_id: int) -> tuple[int, int] | None:
    """What changes whenever the holder of a campaign's lease gets on; None where there is no lease."""
    with contextlib.suppress(OSError):
        status = (folder_of(state, campaign_id) / "lease").stat()
        return status.st_ino, status.st_mtime_ns
    return None


@contextlib.contextmanager
def as_only_one(state: Path, campaign_id: int) -> Iterator[bool]:
    """Hold a campaign's lock briefly, without claiming its row; False while another process holds it."""
    folder = folder_of(state, campaign_id)
    lock = locked(folder / "lease", fcntl.LOCK_EX) if folder.exists() else None
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _sign(lock: int, is_of_service: bool) -> None:
    """Write the holder's identity into the lock file."""
    process = identify(os.getpid())
    assert process is not None
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({**asdict(process), "is_of_service": is_of_service}).encode(), 0)

"""Every change to a row of the table `campaigns`; the records and how they are read: campaigns.py.

All but `cancel_campaign` run inside the open transaction of their caller. What a campaign's own process writes goes
through its lease (lease.py), which first makes sure that it still holds the campaign.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ....strategies.schedule.grants import Grant
from ....strategies.verdict.verdict_records import Verdict
from ..models.models import ModelEntry
from ..numbers import next_number
from ..store import Store, to_json, to_text
from .campaign_facts import CampaignFacts
from .campaigns import Campaign, open_campaigns

BY_A_PERSON = "cancelled by a person"
"""Why a campaign ended that was cancelled."""


def queue_campaign(
    store: Store,
    *,
    model: ModelEntry,
    kind: str,
    trigger: str,
    seed: int,
    options: Mapping[str, Any],
    now: datetime,
    due_at: datetime | None = None,
    stands_until: datetime | None = None,
    reason: str | None = None,
    priority: int = 0,
) -> int:
    """Insert a queued campaign inside the open transaction; returns its number.

    `stands_until`: the last due date that it covers, so that a clock that is set back brings none of them again.
    `priority` is added to that of the model's file; `reason` says what made it due.
    """
    return store.insert(
        "campaigns",
        {
            "id": next_number(store, "campaigns"),
            "model_id": model.id,
            "model_version": model.version,
            "settings_version": model.settings_version,
            "kind": kind,
            "trigger": trigger,
            "due_at": None if due_at is None else to_text(due_at),
            "phase": "queued",
            "seed": seed,
            "options": to_json(options),
            "created_at": to_text(now),
            "stands_until": None if stands_until is None else to_text(stands_until),
            "reason": reason,
            "priority": priority,
        },
    )


def claim_campaign(store: Store, campaign_id: int, owner: int) -> None:
    """Begin a new epoch, which fences off the previous holder; `owner` is a process id."""
    store.change("UPDATE campaigns SET epoch = epoch + 1, owner = ? WHERE id = ?", (str(owner), campaign_id))


def set_phase(store: Store, campaign_id: int, phase: str, facts: CampaignFacts, now: datetime) -> None:
    """Move to a phase and replace the facts; the first time is the campaign's start."""
    store.change(
        "UPDATE campaigns SET phase = ?, facts = ?, started_at = coalesce(started_at, ?) WHERE id = ?",
        (phase, to_json(facts.to_json()), to_text(now), campaign_id),
    )


def set_facts(store: Store, campaign_id: int, facts: CampaignFacts) -> None:
    """Replace the facts."""
    store.change("UPDATE campaigns SET facts = ? WHERE id = ?", (to_json(facts.to_json()), campaign_id))


def finish_campaign(
    store: Store, campaign_id: int, verdict: Verdict | None, facts: CampaignFacts, now: datetime
) -> None:
    """Mark a campaign done, with its verdict, and replace the facts."""
    store.change(
        "UPDATE campaigns SET phase = 'done', verdict = ?, failure = NULL, facts = ?, ended_at = ? WHERE id = ?",
        (None if verdict is None else to_json(verdict.to_json()), to_json(facts.to_json()), to_text(now), campaign_id),
    )


def fail_campaign(store: Store, campaign_id: int, phase: str, reason: str, now: datetime) -> None:
    """End a campaign as 'failed' or 'cancelled'; one that has a verdict keeps it and is done."""
    store.change(
        """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN ? ELSE 'done' END, failure = ?,
        ended_at = ? WHERE id = ?""",
        (phase, reason, to_text(now), campaign_id),
    )


def give_up_campaign(store: Store, campaign: Campaign, reason: str, now: datetime) -> bool:
    """End an open campaign as failed inside the open transaction, for a process that cannot; False if it had ended.

    The epoch is increased, so that a late process of the campaign writes nothing.
    """
    changed = store.change(
        """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN 'failed' ELSE 'done' END, failure = ?,
        epoch = epoch + 1, waits = NULL, ended_at = ? WHERE id = ? AND ended_at IS NULL""",
        (reason, to_text(now), campaign.id),
    )
    return changed == 1


def cancel_campaign(store: Store, campaign: Campaign, now: datetime) -> None:
    """End an open campaign without a verdict; the epoch is increased, so that its process stops at its next check.

    A reopened campaign keeps its earlier verdict, as after `Lease.fail`.
    """
    with store.transaction():
        store.change(
            """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN 'cancelled' ELSE 'done' END,
            failure = ?, epoch = epoch + 1, waits = NULL, ended_at = ?
            WHERE id = ? AND ended_at IS NULL""",
            (BY_A_PERSON, to_text(now), campaign.id),
        )


def cancel_outdated_baselines(store: Store, model_id: int, now: datetime) -> None:
    """End the queued baselines of a model whose current settings have just changed."""
    for campaign in open_campaigns(store, model_id):
        if campaign.kind == "baseline" and campaign.phase == "queued":
            store.change(
                "UPDATE campaigns SET phase = 'cancelled', failure = 'newer settings were adopted', ended_at = ? "
                "WHERE id = ?", (to_text(now), campaign.id),
            )  # fmt: skip


def reopen_campaign(store: Store, campaign_id: int, facts: CampaignFacts) -> None:
    """Return an ended campaign to the confirm phase and replace its facts, inside the open transaction.

    Its verdict stays until there is another.
    """
    store.change(
        """UPDATE campaigns SET phase = 'confirm', failure = NULL, facts = ?, failures = 0, not_before = NULL,
        ended_at = NULL WHERE id = ?""",
        (to_json(facts.to_json()), campaign_id),
    )


def set_waits(store: Store, campaign_id: int, why: str | None) -> None:
    """Record why a campaign is not started, or gets no further; None: it does not wait."""
    store.change("UPDATE campaigns SET waits = ? WHERE id = ?", (why, campaign_id))


def grant_resources(store: Store, campaign_id: int, grant: Grant) -> None:
    """Give a campaign its share of the machine; it no longer waits."""
    store.change(
        "UPDATE campaigns SET waits = NULL, resources = ? WHERE id = ?", (to_json(grant.to_json()), campaign_id)
    )


def put_off(store: Store, campaign_id: int, until: datetime) -> None:
    """Start the campaign no earlier than `until`."""
    store.change("UPDATE campaigns SET not_before = ? WHERE id = ?", (to_text(until), campaign_id))


def put_off_after_death(store: Store, campaign_id: int, failures: int, until: datetime) -> None:
    """Count a death of the campaign's process and start it no earlier than `until`; nothing if it has ended."""
    store.change(
        "UPDATE campaigns SET failures = ?, not_before = ? WHERE id = ? AND ended_at IS NULL",
        (failures, to_text(until), campaign_id),
    )


def ask_by_hand(store: Store, campaign_id: int) -> None:
    """Mark a waiting campaign as requested by a person."""
    store.change("UPDATE campaigns SET trigger = 'manual' WHERE id = ? AND phase = 'queued'", (campaign_id,))


def stand_alone_after(store: Store, model_id: int, moment: datetime) -> None:
    """Let campaigns of a model that were queued after a moment cover only their own due date."""
    store.change(
        "UPDATE campaigns SET stands_until = NULL WHERE model_id = ? AND created_at > ?", (model_id, to_text(moment))
    )


def move_baselines(store: Store, settings_version: int) -> None:
    """Assign all finished baselines to another settings version. For `selftest`, in its own state folder."""
    store.change(
        "UPDATE campaigns SET settings_version = ? WHERE kind = 'baseline' AND phase = 'done'", (settings_version,)
    )

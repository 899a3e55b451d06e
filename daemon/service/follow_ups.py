"""Campaigns that look whether a promised gain arrived, where no due date brings one soon enough after an adoption."""

from datetime import datetime, timedelta

from ...strategies.errors import RetunedError
from ..state.campaigns.campaign_writes import queue_campaign
from ..state.campaigns.campaigns import open_campaigns
from ..state.faults import note_fault
from ..state.models.adoption_log import Unmeasured, unmeasured_adoptions
from ..state.models.model_calendar import campaign_seed
from ..state.models.models import find_entry
from ..state.models.registry import model_of
from ..state.store import Store


def queue_follow_ups(store: Store, now: datetime) -> tuple[int, ...]:
    """Queue a re-evaluation for each adoption that has waited for one as long as its model file allows.

    There is one for each adoption, however it ends; what it cannot measure, the next one by date does. A model that
    cannot be read is recorded as a fault and does not hold up the others.
    """
    queued = []
    for waiting in unmeasured_adoptions(store):
        try:
            queued.append(_queue(store, waiting, now))
        except (RetunedError, ValueError, TypeError, KeyError, AssertionError) as error:
            sentence = f"{waiting.model}: whether its adoption brought a gain cannot be looked at: {error}"
            note_fault(store, "schedule", sentence, now, model_id=waiting.model_id)
    return tuple(number for number in queued if number is not None)


def _queue(store: Store, waiting: Unmeasured, now: datetime) -> int | None:
    with store.transaction():
        entry = find_entry(store, waiting.model_id)
        if entry is None or open_campaigns(store, waiting.model_id):
            return None  # another process was faster
        model = model_of(store, entry)
        if now < waiting.adopted_at + timedelta(seconds=model.file.adoption.follow_up_s):
            return None
        return queue_campaign(
            store, model=entry, kind="retune", trigger="follow-up", seed=campaign_seed(store, model), options={},
            now=now, reason=f"new settings were adopted on {waiting.adopted_at:%Y-%m-%d}: did the gain arrive?",
        )  # fmt: skip

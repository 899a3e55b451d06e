"""A look at a model: what changed since its last campaign, and what follows from that.

The service has one made from time to time, a person makes one with `retuned look NAME`; both do the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...strategies.errors import CampaignFailed
from ..clock import Clock
from ..config.config import Config
from ..state.campaigns.campaigns import Campaign, campaigns_of, open_campaigns
from ..state.campaigns.phase_records import Prepared
from ..state.models.change_checks import check_again
from ..state.models.cool_down import CoolDown, cool_down_of
from ..state.models.registry import Model
from ..state.store import Store
from .seen_parts import PARTS, SeenPart, SharedReads, Unsettled, note_failure, see
from .triggered import queue_triggered

UNSETTLED_S = 3600.0
NAMED_FIRST = ("code", "environment", "data")  # which change the campaign is named after


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a model saw and what follows: `campaign` is the number of the one that it queued, if any.

    `next_look_at`: when a service looks again. `cool_down`: the time in which no change makes the model due; None where
    it is in none.
    """

    model: str
    at: datetime
    parts: tuple[SeenPart, ...]
    campaign: int | None
    follows: str
    next_look_at: datetime
    cool_down: CoolDown | None


def look_at(store: Store, model: Model, config: Config, clock: Clock, shared: SharedReads) -> Looked:
    """Look at a model's data, code and environment now, and queue a campaign where a change makes it due."""
    last = _last_seen(store, model.id)
    again_s = model.file.triggers.look_every_s
    parts: list[SeenPart] = []
    for part in PARTS:
        try:
            parts.append(see(store, model, part, last, shared, clock.now()))
        except Unsettled:
            again_s = min(again_s, UNSETTLED_S)
            parts.append(SeenPart(part, "", "changed while it was read; it is looked at again soon"))
        except (CampaignFailed, OSError) as error:
            parts.append(note_failure(store, model, part, error, clock.now()))
    now = clock.now()
    changes = {part.part: part.change for part in parts if part.change}
    cool_down = cool_down_of(store, model.id, now)
    again_at = now + timedelta(seconds=again_s)
    if changes and cool_down is not None:
        again_at = min(again_at, cool_down.until)  # what waits for its end is not made to wait longer
    check_again(store, model.id, again_at)
    campaign, follows = _follow(store, model, config, changes, cool_down, last, now)
    return Looked(model.name, now, tuple(parts), campaign, follows, again_at, cool_down)


def _follow(
    store: Store,
    model: Model,
    config: Config,
    changes: dict[str, str],
    cool_down: CoolDown | None,
    last: Prepared | None,
    now: datetime,
) -> tuple[int | None, str]:
    """The campaign that was queued, if any, and what follows in words."""
    if last is None:
        return None, f"no campaign to compare with has ended yet: retuned baseline {model.name}"
    if not changes:
        return None, "nothing follows: no change that counts"
    if model.state != "active":
        return None, f"nothing follows: {model.name} is {model.state}; to undo: retuned resume {model.name}"
    if cool_down is not None:
        return None, (
            f"in the cool-down until {cool_down.sentence}: the first look after it makes the model due; "
            f"to re-evaluate now: retuned retune {model.name}"
        )
    trigger = next(part for part in NAMED_FIRST if part in changes)
    number = queue_triggered(store, model, trigger, "; ".join(changes.values()), now, config.schedule)
    if number is not None:
        return number, f"campaign {number} is queued, because of the {trigger}"
    still_open = open_campaigns(store, model.id)
    return None, f"nothing is queued: campaign {still_open[0].id} is still open" if still_open else "nothing is queued"


def _last_seen(store: Store, model_id: int) -> Prepared | None:
    """What the last ended campaign recorded of data, code and environment; None where none did."""
    ended: list[Campaign] = [campaign for campaign in campaigns_of(store, model_id) if not campaign.is_open]
    seen = [(campaign.id, campaign.facts.prepared) for campaign in ended if campaign.facts.prepared is not None]
    return max(seen, key=lambda found: found[0])[1] if seen else None

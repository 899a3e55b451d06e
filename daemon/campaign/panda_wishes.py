"""What a person asks of a living panda, written into its record; it takes effect at the start of the next day."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...strategies.errors import ConflictError, InputError
from ...strategies.panda.diary import Wish, WishKind
from ...strategies.panda.moved import moved_by_panda
from ...strategies.panda.states import RING
from ...strategies.search.choose import Strategy
from ..state.campaigns.campaign_writes import set_facts
from ..state.campaigns.campaigns import Campaign, find_campaign
from ..state.models.registry import configuration_of_version, file_of_version
from ..state.store import Store

BY_HAND = "by hand"  # stored with each nudge


@dataclass(frozen=True, slots=True)
class Wished:
    """A recorded wish, in a sentence."""

    campaign: int
    sentence: str


def wish_values(store: Store, campaign_id: int, values: Mapping[str, float]) -> Wished:
    """Set other values from the start of the next day. Raises InputError for what the panda cannot move to."""
    campaign = _living(store, campaign_id)
    file = file_of_version(store, campaign.model_id, campaign.model_version)
    configuration = configuration_of_version(store, campaign.model_id, campaign.settings_version, file.space())
    moves = {moved.name: moved for moved in moved_by_panda(file.space(), configuration)}
    if not values:
        raise InputError("no value to move to", f"the panda moves {', '.join(moves)}", "for instance lr=0.01")
    for name, value in values.items():
        if name not in moves:
            raise InputError(
                f"the panda does not move {name!r}", f"it moves {', '.join(moves)}", "for instance lr=0.01"
            )
        reason = moves[name].explain(value)
        if reason is not None:
            raise InputError(reason)
    words = ", ".join(f"{name} {value:g}" for name, value in values.items())
    return _record(store, campaign_id, Wish(WishKind.SET, values=dict(values), by=BY_HAND), words)


def wish_back(store: Store, campaign_id: int, to_day: int) -> Wished:
    """Roll back to the end of an earlier day. Raises InputError for a day that cannot be rolled back to."""
    days = _days_so_far(_living(store, campaign_id))
    first = max(0, days - RING // 2)  # a day or two pass before it takes effect, and older checkpoints are removed
    if not first <= to_day <= days:
        allowed = f"allowed: {first} to {days}, the last day" + (" (0 is the probe)" if first == 0 else "")
        raise InputError(f"--to-day {to_day}", allowed, f"see: retuned watch {campaign_id}")
    return _record(
        store, campaign_id, Wish(WishKind.BACK, to_day=to_day, by=BY_HAND), f"back to the end of day {to_day}"
    )


def wish_hold(store: Store, campaign_id: int, *, release: bool) -> Wished:
    """Hold the values, without moves and decay, or `release` them again."""
    _living(store, campaign_id)
    kind, words = (WishKind.RELEASE, "moves by itself again") if release else (WishKind.HOLD, "holds its values")
    return _record(store, campaign_id, Wish(kind, by=BY_HAND), words)


def _living(store: Store, campaign_id: int) -> Campaign:
    """The campaign, if its panda lives; else raises ConflictError."""
    campaign = find_campaign(store, campaign_id)
    chosen = campaign.facts.chosen
    has_panda = chosen is not None and chosen.strategy is Strategy.PANDA
    if campaign.phase == "search" and has_panda:
        return campaign
    at = campaign.phase if has_panda else f"{campaign.phase}, without a panda"
    raise ConflictError(
        f"campaign {campaign_id} of {campaign.model} has no living panda ({at})",
        "a person steps in while a panda searches",
        f"see: retuned history {campaign.model}",
    )


def _days_so_far(campaign: Campaign) -> int:
    return 0 if campaign.facts.panda is None else campaign.facts.panda.days


def _record(store: Store, campaign_id: int, wish: Wish, words: str) -> Wished:
    with store.transaction():
        campaign = _living(store, campaign_id)
        set_facts(store, campaign_id, replace(campaign.facts, wishes=(*campaign.facts.wishes, wish)))
    return Wished(campaign_id, f"campaign {campaign_id} of {campaign.model}: {words}, from the next day")

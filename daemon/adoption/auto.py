"""Adopting without a person what a campaign's process found fit for it, once the schedule's windows allow."""

from dataclasses import dataclass
from datetime import datetime

from ...strategies.alerting.message import Event
from ...strategies.errors import InputError, RetunedError, StateError
from ...strategies.schedule.windows import next_open
from ..clock import Clock
from ..config.config import Config
from ..state.audit import BY_SERVICE, Act, recorded
from ..state.campaigns.campaigns import find_campaign
from ..state.faults import note_fault
from ..state.models.adoption import Proposal, edited_by_hand, make_current, proposal
from ..state.models.adoption_log import Kind
from ..state.models.auto_adoptions import (
    AutoAdoption,
    end_auto_adoption,
    waiting_auto_adoptions,
)
from ..state.models.model_calendar import calendar_of
from ..state.models.models import find_entry
from ..state.models.registry import Model, model_of
from ..state.store import Store
from .telling import News, tell_adoption


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a campaign's values: adopted without a person or not, and why, as a sentence."""

    model: str
    campaign_id: int
    is_adopted: bool
    sentence: str


def adopt_what_waits(store: Store, config: Config, clock: Clock) -> tuple[Decided, ...]:
    """Make the automatic adoptions whose time has come; those that were made or refused.

    One that can never be made is refused with the error, one that the disk or the database does not let through is a
    fault and is tried again; the others still go on.
    """
    decided: list[Decided | None] = []
    for waiting in waiting_auto_adoptions(store):
        try:
            decided.append(_decide(store, waiting, config, clock.now()))
        except (RetunedError, ValueError, AssertionError) as error:
            sentence = f"campaign {waiting.campaign_id} is not adopted by itself: {error}"
            note_fault(store, "adoption", sentence, clock.now(), model_id=waiting.model_id)
            if not isinstance(error, StateError):
                with store.transaction():
                    end_auto_adoption(store, waiting.campaign_id, "refused", str(error), clock.now())
    return tuple(made for made in decided if made is not None)


def _decide(store: Store, waiting: AutoAdoption, config: Config, now: datetime) -> Decided | None:
    entry = find_entry(store, waiting.model_id)
    if entry is None:
        return None
    model = model_of(store, entry)
    refused = _refusal(store, waiting, model)
    if refused:
        return _refuse(store, waiting, model, refused, config, now)
    calendar = calendar_of(model, config.schedule, entry.interval_days)
    if next_open(calendar.windows, now, calendar.zone) > now:
        return None
    return _adopt(store, waiting, model, config, now)


def _refusal(store: Store, waiting: AutoAdoption, model: Model) -> str:
    """What speaks against it by now, as a clause; empty: nothing."""
    campaign = find_campaign(store, waiting.campaign_id)
    if model.state != "active":
        return f"the model is {model.state}"
    if model.settings_version != campaign.settings_version:
        return "other settings became current meanwhile"
    if not model.file.adoption.auto:
        return "the model file no longer asks for it"
    try:
        edited = edited_by_hand(model)
    except InputError as error:
        return error.found
    return f"the settings file was edited by hand ({', '.join(edited)})" if edited else ""


def _adopt(store: Store, waiting: AutoAdoption, model: Model, config: Config, now: datetime) -> Decided:
    found = proposal(store, model.name, waiting.campaign_id)
    origin = f"adopted by itself from campaign {waiting.campaign_id}, because {waiting.reason}"
    proposed = Proposal(model, found.configuration, Kind.BY_ITSELF, origin, found.campaign)
    sentence = f"The values of campaign {waiting.campaign_id} were adopted without a person, because {waiting.reason}."
    commands = (f"retuned show {model.name}", f"retuned rollback {model.name}")

    def together() -> None:
        end_auto_adoption(store, waiting.campaign_id, "adopted", waiting.reason, now)
        _tell(store, waiting, model, "new settings were adopted", sentence, commands, config, now)

    act = Act(BY_SERVICE, "adopt", model.name, f"campaign {waiting.campaign_id}", waiting.reason)
    with recorded(store, act, now, also=together):
        make_current(store, proposed, now, by=BY_SERVICE, why=waiting.reason)
    return Decided(model.name, waiting.campaign_id, True, sentence)


def _refuse(store: Store, waiting: AutoAdoption, model: Model, why: str, config: Config, now: datetime) -> Decided:
    sentence = f"The values of campaign {waiting.campaign_id} were not adopted without a person, because {why}."
    with store.transaction():
        end_auto_adoption(store, waiting.campaign_id, "refused", why, now)
        _tell(store, waiting, model, "new settings were not adopted", sentence, (f"retuned adopt {model.name}",),
              config, now)  # fmt: skip
    return Decided(model.name, waiting.campaign_id, False, sentence)


def _tell(
    store: Store,
    waiting: AutoAdoption,
    model: Model,
    news: str,
    sentence: str,
    commands: tuple[str, ...],
    config: Config,
    now: datetime,
) -> None:
    """Queue a message to the owner inside the open transaction, beside the alert of the campaign."""
    number = f"{waiting.campaign_id}_adoption"
    told = News(number, Event.CHANGED, waiting.campaign_id, news, sentence, commands)
    tell_adoption(store, model, told, config, now)

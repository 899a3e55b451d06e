"""Whether the values that a campaign recommends become current without a person; decided with its verdict."""

from datetime import datetime

from ...strategies.adoption.guards import Circumstances, Rules, reason_of, refusals
from ...strategies.errors import InputError
from ...strategies.verdict.verdict_records import Verdict
from ..state.models.adoption import edited_by_hand
from ..state.models.auto_adoptions import AutoAdoption
from ..state.models.registry import find_model
from .context import CampaignContext


def decide_on_adoption(context: CampaignContext, verdict: Verdict, now: datetime) -> AutoAdoption | None:
    """The decision about a confirmed challenger, by the newest model file; None where nobody asked for one.

    It is made in the service's next round, or refused; the campaign's own process changes no settings.
    """
    model = find_model(context.store, context.model.name)
    table = model.file.adoption
    if not table.auto or table.least_gain is None or not verdict.challenger_confirmed:
        return None
    rules = Rules(table.evidence, table.least_gain, model.file.goal.metric)
    edited: tuple[str, ...] = ()
    unreadable = ""
    try:
        edited = edited_by_hand(model)
    except InputError as error:
        unreadable = error.found
    is_same_goal = (model.file.goal.metric, model.file.goal.direction) == (
        context.file.goal.metric, context.file.goal.direction,
    )  # fmt: skip
    is_current = model.settings_version == context.campaign.settings_version and is_same_goal
    seen = Circumstances(edited, unreadable, is_current, model.state == "active")
    refused = refusals(rules, verdict, seen)
    state, reason = ("refused", "; ".join(refused)) if refused else ("waiting", reason_of(rules, verdict))
    return AutoAdoption(context.campaign.id, model.id, state, reason, now)

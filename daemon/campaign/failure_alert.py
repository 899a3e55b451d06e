"""The alert about a campaign that failed: a cause is told once, and again after a time or a success."""

import re
from datetime import datetime, timedelta

from ...strategies.verdict.notice import Notice
from ...strategies.words import duration
from ..config.config import Config
from ..state.alert import alert_times, raise_alert
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.models.registry import find_model
from ..state.store import Store

_CHANGING = (
    (re.compile(r"\S*/\S*"), "/"),  # paths, which carry the campaign's number
    (re.compile(r"\b0x[0-9a-fA-F]+"), "#"),
    # numbers, such as process ids, times and steps; but exit codes and signals tell causes apart
    (re.compile(r"(?<!exit code )(?<!exit code -)(?<!signal )(?<!\d)\d+"), "#"),
)


def alert_of_failure(store: Store, campaign: Campaign, reason: str, config: Config, now: datetime) -> None:
    """Tell the owner, inside the open transaction, that a campaign which nobody started by hand failed.

    One that a person started is watched by that person. A cause that was told already is not told again yet.
    """
    if campaign.trigger == "manual" or campaign.verdict is not None or is_told(store, campaign, reason, config, now):
        return
    is_baseline = campaign.kind == "baseline"
    unknown = (
        "Without a baseline, re-evaluations cannot name causes"
        if is_baseline
        else "Nothing is known about the stored hyperparameters"
    )
    repeat = duration(config.alerts.repeat_s)
    notice = Notice(
        title=f"{campaign.model}: {'its baseline' if is_baseline else 'a re-evaluation'} failed",
        sentences=(
            f"Campaign {campaign.id} ({campaign.trigger}) ended without a verdict: {reason}",
            f"{unknown} until this is fixed. The same failure is reported again after {repeat} at the earliest, "
            "another one at once.",
        ),
        severity="alert",
        commands=(f"retuned history {campaign.model}", f"retuned {campaign.kind} {campaign.model}"),
    )
    raise_alert(store, find_model(store, campaign.model), campaign, notice, {"outcome": "failed"}, config, now)


def is_told(store: Store, campaign: Campaign, reason: str, config: Config, now: datetime) -> bool:
    """Whether the owner of the model was told of this cause within `[alerts] repeat`, and no campaign succeeded since.

    A cause is the reason without its paths and numbers, whatever kind of campaign it ended.
    """
    told, others = alert_times(store, campaign.model_id), campaigns_of(store, campaign.model_id)
    succeeded = max((other.id for other in others if other.phase == "done"), default=0)
    repeat = timedelta(seconds=config.alerts.repeat_s)
    recent = (other for other in others if other.id in told and now - told[other.id] < repeat)
    return any(
        other.phase == "failed"
        and succeeded < other.id != campaign.id
        and _cause(other.failure or "") == _cause(reason)
        for other in recent
    )


def _cause(reason: str) -> str:
    for changing, sign in _CHANGING:
        reason = changing.sub(sign, reason)
    return reason

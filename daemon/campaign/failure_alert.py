"""The alert about a campaign that failed: one for each cause, which ends with the next success."""

import re
from datetime import datetime

from ...strategies.alerting.message import Kind
from ...strategies.verdict.notice import Notice
from ...strategies.words import duration
from ..config.config import Config
from ..state.alert_raising import found_in, raise_alert
from ..state.campaigns.campaigns import Campaign
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

    One that a person started is watched by that person. A cause that is told already is repeated as its alert is.
    """
    if campaign.trigger == "manual" or campaign.verdict is not None:
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
            f"{unknown} until this is fixed. Until a campaign succeeds, the same failure is reported again after "
            f"{repeat} at the earliest, another one at once.",
        ),
        severity="alert",
        commands=(f"retuned history {campaign.model}", f"retuned {campaign.kind} {campaign.model}"),
    )
    found = found_in(notice, Kind.FAILED, cause_of(reason))
    raise_alert(store, find_model(store, campaign.model), campaign, notice, {"outcome": "failed"}, config, now, found)


def cause_of(reason: str) -> str:
    """A reason without its paths and numbers: the same for campaigns that fail of the same, whatever their kind."""
    for changing, sign in _CHANGING:
        reason = changing.sub(sign, reason)
    return reason

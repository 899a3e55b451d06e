"""Campaigns whose process dies: retried with growing delay, and given up, with an alert, when that does not help."""

from datetime import timedelta

from ...strategies.schedule.queueing import retry_delay_s
from ...strategies.verdict.notice import Notice
from ..clock import Clock
from ..config.config import Config
from ..logs import log
from ..state.alert import raise_alert
from ..state.campaigns.campaign_writes import give_up_campaign, put_off_after_death
from ..state.campaigns.campaigns import Campaign, find_campaign
from ..state.faults import note_fault
from ..state.models.registry import find_model
from ..state.store import Store
from .campaign_processes import Ended


def note_death(
    store: Store, campaign: Campaign, ended: Ended, config: Config, clock: Clock, *, has_moved: bool
) -> None:
    """Defer a campaign whose process ended before the campaign did, or give it up.

    Deaths in a row are counted; a process that finished a leg (`has_moved`) starts a new count.
    """
    failures = 1 if has_moved else campaign.failures + 1
    delay_s = retry_delay_s(failures)
    code = "an unknown exit code" if ended.exit_code is None else f"exit code {ended.exit_code}"
    if delay_s is None:
        _give_up(
            store, campaign, f"its process died {failures} times in a row, the last time with {code}", config, clock
        )
        return
    now = clock.now()
    with store.transaction():
        put_off_after_death(store, campaign.id, failures, now + timedelta(seconds=delay_s))
    log.warning("campaign_process_died", campaign=campaign.id, model=campaign.model, exit_code=ended.exit_code,
                failures=failures, again_in_s=delay_s)  # fmt: skip
    sentence = (
        f"the process of campaign {campaign.id} of {campaign.model} died with {code}; next attempt in {delay_s:g} s"
    )
    note_fault(store, "campaign", sentence, now, model_id=campaign.model_id, campaign_id=campaign.id)


def _give_up(store: Store, campaign: Campaign, why: str, config: Config, clock: Clock) -> None:
    remedy = f"see the service's log, fix the cause, then: retuned {campaign.kind} {campaign.model}"
    now = clock.now()
    with store.transaction():
        is_ours = give_up_campaign(store, campaign, f"{why}; {remedy}", now)
        if is_ours and campaign.verdict is None:  # a continued one keeps its verdict and that verdict's alert
            _alert(store, find_campaign(store, campaign.id), why, remedy, config, clock)


def _alert(store: Store, campaign: Campaign, why: str, remedy: str, config: Config, clock: Clock) -> None:
    kind = "baseline" if campaign.kind == "baseline" else "re-evaluation"
    notice = Notice(
        title=f"{campaign.model}: its {kind} was given up",
        sentences=(
            f"Campaign {campaign.id} was given up without a verdict: {why}.",
            "Nothing is known about the stored hyperparameters until the cause is fixed.",
        ),
        severity="alert",
        commands=(f"retuned {campaign.kind} {campaign.model}",),
    )
    try:
        model = find_model(store, campaign.model)
    except Exception as error:  # a model that cannot be read has no owner to alert; the fault is recorded
        log.warning("owner_not_told", campaign=campaign.id, error=f"{type(error).__name__}: {error}"[:300])
        return
    details = {"outcome": None, "reason": "given_up", "failure": campaign.failure, "is_critical": False}
    raise_alert(store, model, campaign, notice, details, config, clock.now())

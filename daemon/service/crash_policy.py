"""Campaigns whose process dies: retried with growing delay, and given up, with an alert, when that does not help.

Those whose process stands still are reported first, then ended, which is a death like others. A death for lack of room
on the disk is none of the campaign's: it is retried, and not counted.
"""

from collections.abc import Iterable
from datetime import timedelta

from ...strategies.alerting.message import Kind
from ...strategies.schedule.queueing import retry_delay_s
from ...strategies.verdict.notice import Notice
from ...strategies.words import duration
from ..campaign.failure_alert import cause_of
from ..clock import Clock
from ..config.config import Config
from ..durable_files import NO_ROOM_CODE
from ..logs import log
from ..state.alert_raising import found_in, raise_alert
from ..state.campaigns.campaign_writes import give_up_campaign, put_off_after_death, set_waits
from ..state.campaigns.campaigns import Campaign, find_campaign
from ..state.faults import note_fault
from ..state.models.registry import find_model
from ..state.store import Store
from .campaign_processes import Ended, Seen
from .standstill import Sign

NO_ROOM_DELAY = timedelta(minutes=1)


def note_death(
    store: Store,
    campaign: Campaign,
    ended: Ended,
    config: Config,
    clock: Clock,
    *,
    has_moved: bool,
    is_disk_full: bool = False,
) -> None:
    """Defer a campaign whose process ended before the campaign did, or give it up.

    Deaths in a row are counted; a process that finished a leg (`has_moved`) starts a new count.
    """
    if is_disk_full or ended.exit_code == NO_ROOM_CODE:
        # with a full disk nothing starts anyway; what a quota stops is seen by nobody else
        _wait_for_room(store, campaign, clock, timedelta(0) if is_disk_full else NO_ROOM_DELAY)
        return
    failures = 1 if has_moved else campaign.failures + 1
    delay_s = retry_delay_s(failures)
    code = "an unknown exit code" if ended.exit_code is None else f"exit code {ended.exit_code}"
    if delay_s is None:
        last = f"the last time it {ended.why}" if ended.why else f"the last time with {code}"
        _give_up(store, campaign, f"its process died {failures} times in a row, {last}", config, clock)
        return
    now = clock.now()
    with store.transaction():
        put_off_after_death(store, campaign.id, failures, now + timedelta(seconds=delay_s))
    log.warning("campaign_process_died", campaign=campaign.id, model=campaign.model, exit_code=ended.exit_code,
                why=ended.why, failures=failures, again_in_s=delay_s)  # fmt: skip
    how = ended.why or f"died with {code}"
    sentence = f"the process of campaign {campaign.id} of {campaign.model} {how}; next attempt in {delay_s:g} s"
    note_fault(store, "campaign", sentence, now, model_id=campaign.model_id, campaign_id=campaign.id)


def note_signs(store: Store, seen: Iterable[Seen], clock: Clock) -> None:
    """Record and log what is new about campaign processes; one that stands still shows it in the campaign's row."""
    for news in seen:
        log.warning("campaign_process", campaign=news.campaign_id, pid=news.pid, sign=news.sign.value,
                    still_s=round(news.still_s, 1))  # fmt: skip
        why, campaign = _sentence(news), find_campaign(store, news.campaign_id)
        if campaign.is_open and news.sign in (Sign.STILL, Sign.MOVES):
            with store.transaction():
                set_waits(store, campaign.id, why or None)
        if why:
            sentence = f"campaign {campaign.id} of {campaign.model}: {why}"
            note_fault(store, "campaign", sentence, clock.now(), model_id=campaign.model_id, campaign_id=campaign.id)


def _sentence(news: Seen) -> str:
    """What a person must know about a process; empty where nothing is wrong, or the next step says it."""
    who = "its process" if news.pid is None else f"its process ({news.pid})"
    if news.sign is Sign.STILL:
        return f"{who} has stood still for {duration(news.still_s)}; unless it moves it is ended soon and started again"
    if news.sign is Sign.UNDYING:
        return (
            f"{who} cannot be ended, not even by SIGKILL; see what it waits for, such as a network mount that is gone"
        )
    return ""


def _wait_for_room(store: Store, campaign: Campaign, clock: Clock, delay: timedelta) -> None:
    now = clock.now()
    with store.transaction():
        put_off_after_death(store, campaign.id, campaign.failures, now + delay)
    log.warning("campaign_without_room", campaign=campaign.id, model=campaign.model)
    sentence = (
        f"the process of campaign {campaign.id} of {campaign.model} ended because the disk had no room; it is tried "
        "again, and this does not count as a failure"
    )
    note_fault(store, "campaign", sentence, now, model_id=campaign.model_id, campaign_id=campaign.id)


def _give_up(store: Store, campaign: Campaign, why: str, config: Config, clock: Clock) -> None:
    remedy = f"see the service's log, fix the cause, then: retuned {campaign.kind} {campaign.model}"
    now = clock.now()
    with store.transaction():
        reason = f"{why}; {remedy}"
        is_ours = give_up_campaign(store, campaign, reason, now)
        # a continued one keeps its verdict and that verdict's alert
        if is_ours and campaign.verdict is None:
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
    found = found_in(notice, Kind.FAILED, cause_of(campaign.failure or ""))
    raise_alert(store, model, campaign, notice, details, config, clock.now(), found)

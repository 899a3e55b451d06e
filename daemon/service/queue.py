"""The open campaigns as the queue's decision takes them, and the hours of training that were used."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.schedule.due_calendar import Calendar
from ...strategies.schedule.grants import Grant, Need, Running
from ...strategies.schedule.queueing import Allowance, Waiting
from ...strategies.search import choose
from ..config.config import Config
from ..config.model_file import ModelFile
from ..config.schedule_tables import LimitsTable
from ..state.campaigns.campaign_queue import QueuedCampaign, queued_campaigns
from ..state.campaigns.campaigns import last_compute_s
from ..state.campaigns.legs import baseline_run_s, hours_used, training_s
from ..state.models.registry import file_of_version
from ..state.store import Store

HOURS_ARE_READ_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """Open campaigns, those that run and those that do not, and what all models together may still use.

    `waits`: why each was last said to wait. `claimed`: those that some process has led before. `unreadable`: those
    whose model cannot be read, with the reason.
    """

    waiting: tuple[Waiting, ...]
    running: tuple[Running, ...]
    house: tuple[Allowance, ...]
    waits: Mapping[int, str | None]
    unreadable: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the files of a model say of a campaign, and the hours that it was expected to take when it was queued."""

    need: Need
    priority: int
    limits: LimitsTable
    calendar: Calendar
    hours: float | None


@dataclass(slots=True)
class QueueReader:
    """Reads the queue; what model files say is kept from one time to the next."""

    store: Store
    config: Config
    _known: dict[int, tuple[int, _Known]] = field(default_factory=dict)
    _used: dict[datetime, tuple[datetime, dict[int, float]]] = field(default_factory=dict)

    def read(self, running: Collection[int], now: datetime) -> Queue:
        """The queue as it stands, without and with the campaigns that run. A model that cannot be read keeps only
        its own campaigns back."""
        campaigns = queued_campaigns(self.store, running)
        numbers = {campaign.id for campaign in campaigns}
        self._known = {number: kept for number, kept in self._known.items() if number in numbers}
        waiting, active, unreadable = [], [], []
        for campaign in campaigns:
            try:
                known = self._of(campaign)
            except Exception as error:  # whatever a broken row raises; the others shall be served
                why = f"its model cannot be read: {_first_line(error)}"
                unreadable.append((campaign.id, campaign.model_id, why))
                known = None
            if campaign.id in running:
                active.append(self._running(campaign, known))
            else:
                waiting.append(self._waiting(campaign, known, unreadable[-1][2] if known is None else "", now))
        house = self._allowances(self.config.limits, None, "", now)
        waits = {campaign.id: campaign.waits for campaign in campaigns}
        return Queue(tuple(waiting), tuple(active), house, waits, tuple(unreadable))

    def _waiting(self, campaign: QueuedCampaign, known: _Known | None, hindrance: str, now: datetime) -> Waiting:
        waiting = Waiting(
            id=campaign.id,
            model_id=campaign.model_id,
            model=campaign.model,
            queued_at=campaign.created_at,
            is_baseline=campaign.kind == "baseline",
            is_manual=campaign.trigger == "manual",
            has_begun=campaign.has_begun,
            not_before=campaign.not_before,
            failures=campaign.failures,
            gpus=() if campaign.grant is None else campaign.grant.gpus,
            hindrance=hindrance or ("its model is retired" if campaign.model_state == "retired" else ""),
        )
        return waiting if known is None else self._with_files(waiting, campaign, known, now)

    def _with_files(self, waiting: Waiting, campaign: QueuedCampaign, known: _Known, now: datetime) -> Waiting:
        opens_at = known.calendar.starts_at(now)
        return replace(
            waiting,
            priority=known.priority + campaign.priority,
            need=known.need,
            hours=known.hours,
            opens_at=None if opens_at <= now else opens_at,
            allowances=self._allowances(known.limits, campaign.model_id, campaign.model, now),
        )

    def _running(self, campaign: QueuedCampaign, known: _Known | None) -> Running:
        grant = Grant(1) if campaign.grant is None else campaign.grant
        left = 0.0 if known is None or known.hours is None else known.hours
        if left and _has_limits(self.config.limits):
            left = max(0.0, left - training_s(self.store, campaign.id) / 3600.0)
        return Running(campaign.id, campaign.model_id, grant, left)

    def _of(self, campaign: QueuedCampaign) -> _Known:
        """What the model's files say: the campaign's own version of the training, the newest of everything else."""
        version, known = self._known.get(campaign.id, (0, None))
        latest = campaign.newest_version
        if known is None or version != latest:
            own = file_of_version(self.store, campaign.model_id, campaign.model_version)
            is_newest = campaign.model_version == latest
            newest = own if is_newest else file_of_version(self.store, campaign.model_id, latest)
            needs = own.training.resources
            known = _Known(
                need=Need(own.training.slots, needs.memory_bytes or 0, needs.gpus),
                priority=newest.schedule.priority,
                limits=newest.limits,
                calendar=newest.schedule.calendar(self.config.schedule, campaign.model),
                hours=expected_hours(self.store, campaign, own),
            )
            self._known[campaign.id] = (latest, known)
        return known

    def _allowances(
        self, limits: LimitsTable, model_id: int | None, whose: str, now: datetime
    ) -> tuple[Allowance, ...]:
        asked = (("month", limits.hours_a_month), ("year", limits.hours_a_year))
        return tuple(
            Allowance(span, hours, self._hours_since(span_start(span, now), model_id, now), span_end(span, now), whose)
            for span, hours in asked
            if hours is not None
        )

    def _hours_since(self, since: datetime, model_id: int | None, now: datetime) -> float:
        """Hours used by one model, or by all; read again once in a while."""
        read_at, used = self._used.get(since, (now, None))
        if used is None or not timedelta(0) <= now - read_at < HOURS_ARE_READ_EVERY:
            used = hours_used(self.store, since)
            self._used = {since: (now, used)} | {start: kept for start, kept in self._used.items() if start != since}
        return sum(used.values()) if model_id is None else used.get(model_id, 0.0)


def expected_hours(store: Store, campaign: QueuedCampaign, file: ModelFile) -> float | None:
    """Hours of training that a campaign will about take: as the model's last one of its kind took, else from the runs
    of its baseline. None while nothing was ever timed."""
    given = json.loads(campaign.options).get("budget_s")
    budget_s = file.search.budget_s if given is None else float(given)
    seconds = last_compute_s(store, campaign.model_id, campaign.kind)
    if seconds is None and campaign.kind == "retune":
        seconds = _cost_by_baseline_s(store, campaign.model_id, file)
    bounds = [bound for bound in (seconds, budget_s) if bound is not None]
    return min(bounds) / 3600.0 if bounds else None


def span_start(span: str, now: datetime) -> datetime:
    """The beginning, in UTC, of the present 'month' or 'year'."""
    month = now.month if span == "month" else 1
    return datetime(now.year, month, 1, tzinfo=UTC)


def span_end(span: str, now: datetime) -> datetime:
    """The end of it."""
    if span == "year" or now.month == 12:
        return datetime(now.year + 1, 1, 1, tzinfo=UTC)
    return datetime(now.year, now.month + 1, 1, tzinfo=UTC)


def _cost_by_baseline_s(store: Store, model_id: int, file: ModelFile) -> float | None:
    per_run_s, budget = baseline_run_s(store, model_id), file.training.budget
    if per_run_s is None:
        return None
    capacity = choose.Capacity(per_run_s, 1, file.training.is_resumable, budget.amount, budget.unit, probe_runs=0)
    if file.search.challengers is not None:
        capacity = replace(capacity, challengers=file.search.challengers)
    expected = choose.estimate(capacity, file.search.max_pairs)
    return per_run_s * (expected.full_runs_search + expected.runs_confirm_expected)


def _has_limits(limits: LimitsTable) -> bool:
    return limits.hours_a_month is not None or limits.hours_a_year is not None


def _first_line(error: Exception) -> str:
    text = str(error) if isinstance(error, RetunedError) else f"{type(error).__name__}: {error}"
    return text.splitlines()[0][:200] if text else type(error).__name__

"""The open campaigns as the queue's decision needs them, and the hours of training used."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.schedule.due_calendar import Calendar
from ...strategies.schedule.grants import Grant, Machine, Need, Running
from ...strategies.schedule.queueing import Allowance, Waiting
from ..campaign.forecast import forecast, need_of
from ..config.config import Config
from ..config.model_file import ModelFile
from ..config.schedule_tables import LimitsTable
from ..state.campaigns.campaign_queue import QueuedCampaign, queued_campaigns
from ..state.campaigns.campaigns import finished_baseline, last_compute_s
from ..state.campaigns.legs import hours_used, results_of, training_s
from ..state.models.registry import file_of_version
from ..state.store import Store

HOURS_ARE_READ_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """Open campaigns, running and waiting ones, and what all models together may still use.

    `waits`: the last recorded reason why each waits. `unreadable`: campaign, model and reason of those whose model
    cannot be read.
    """

    waiting: tuple[Waiting, ...]
    running: tuple[Running, ...]
    house: tuple[Allowance, ...]
    waits: Mapping[int, str | None]
    unreadable: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class _FileFacts:
    """What a model's files say about a campaign, and the hours it was expected to take when first read."""

    need: Need
    priority: int
    limits: LimitsTable
    calendar: Calendar
    hours: float | None


@dataclass(slots=True)
class QueueReader:
    """Reads the queue; what model files say is cached between calls."""

    store: Store
    config: Config
    _facts: dict[int, tuple[int, _FileFacts]] = field(default_factory=dict)
    _used: dict[datetime, tuple[datetime, dict[int, float]]] = field(default_factory=dict)

    def read(self, running: Collection[int], machine: Machine, now: datetime) -> Queue:
        """The present queue; `running` are the campaigns that run. A model that cannot be read holds back only its own
        campaigns."""
        campaigns = queued_campaigns(self.store, running)
        numbers = {campaign.id for campaign in campaigns}
        self._facts = {number: entry for number, entry in self._facts.items() if number in numbers}
        waiting, active, unreadable = [], [], []
        for campaign in campaigns:
            try:
                facts = self._of(campaign, machine)
            except Exception as error:  # whatever a broken row raises; the others must still be served
                why = f"its model cannot be read: {_first_line(error)}"
                unreadable.append((campaign.id, campaign.model_id, why))
                facts = None
            if campaign.id in running:
                active.append(self._running(campaign, facts))
            else:
                waiting.append(self._waiting(campaign, facts, unreadable[-1][2] if facts is None else "", now))
        house = self._allowances(self.config.limits, None, "", now)
        waits = {campaign.id: campaign.waits for campaign in campaigns}
        return Queue(tuple(waiting), tuple(active), house, waits, tuple(unreadable))

    def _waiting(self, campaign: QueuedCampaign, facts: _FileFacts | None, hindrance: str, now: datetime) -> Waiting:
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
        return waiting if facts is None else self._with_files(waiting, campaign, facts, now)

    def _with_files(self, waiting: Waiting, campaign: QueuedCampaign, facts: _FileFacts, now: datetime) -> Waiting:
        opens_at = facts.calendar.starts_at(now)
        return replace(
            waiting,
            priority=facts.priority + campaign.priority,
            need=facts.need,
            hours=facts.hours,
            opens_at=None if opens_at <= now else opens_at,
            allowances=self._allowances(facts.limits, campaign.model_id, campaign.model, now),
        )

    def _running(self, campaign: QueuedCampaign, facts: _FileFacts | None) -> Running:
        grant = Grant(1) if campaign.grant is None else campaign.grant
        left = 0.0 if facts is None or facts.hours is None else facts.hours
        if left and _has_limits(self.config.limits):
            left = max(0.0, left - training_s(self.store, campaign.id) / 3600.0)
        return Running(campaign.id, campaign.model_id, grant, left)

    def _of(self, campaign: QueuedCampaign, machine: Machine) -> _FileFacts:
        """What the model's files say: the campaign's own version for the training, the newest for everything else."""
        version, facts = self._facts.get(campaign.id, (0, None))
        latest = campaign.newest_version
        if facts is None or version != latest:
            own = file_of_version(self.store, campaign.model_id, campaign.model_version)
            is_newest = campaign.model_version == latest
            newest = own if is_newest else file_of_version(self.store, campaign.model_id, latest)
            facts = _FileFacts(
                need=need_of(own.training, machine),
                priority=newest.schedule.priority,
                limits=newest.limits,
                calendar=newest.schedule.calendar(self.config.schedule, campaign.model),
                hours=expected_hours(self.store, campaign, own, machine, self.config),
            )
            self._facts[campaign.id] = (latest, facts)
        return facts

    def _allowances(
        self, limits: LimitsTable, model_id: int | None, whose: str, now: datetime
    ) -> tuple[Allowance, ...]:
        spans = (("month", limits.hours_a_month), ("year", limits.hours_a_year))
        return tuple(
            Allowance(span, hours, self._hours_since(span_start(span, now), model_id, now), span_end(span, now), whose)
            for span, hours in spans
            if hours is not None
        )

    def _hours_since(self, since: datetime, model_id: int | None, now: datetime) -> float:
        """Hours used by one model, or by all (`model_id` None); read again periodically."""
        read_at, used = self._used.get(since, (now, None))
        if used is None or not timedelta(0) <= now - read_at < HOURS_ARE_READ_EVERY:
            used = hours_used(self.store, since)
            self._used = {since: (now, used)} | {start: entry for start, entry in self._used.items() if start != since}
        return sum(used.values()) if model_id is None else used.get(model_id, 0.0)


def expected_hours(
    store: Store, campaign: QueuedCampaign, file: ModelFile, machine: Machine, config: Config
) -> float | None:
    """Hours of training that a campaign will take: those of the model's last one of its kind, else forecast from the
    runs of its baseline. None while nothing has been timed."""
    options = json.loads(campaign.options)
    requested = options.get("budget_s")
    budget_s = file.search.budget_s if requested is None else float(requested)
    seconds = last_compute_s(store, campaign.model_id, campaign.kind)
    if seconds is None and campaign.kind == "retune":
        baseline = finished_baseline(store, campaign.model_id, campaign.settings_version)
        legs = () if baseline is None else results_of(store, baseline.id)
        strategy = options.get("strategy")
        seconds = forecast(file, legs, machine, config, budget_s=budget_s, strategy=strategy).training_s
    bounds = [bound for bound in (seconds, budget_s) if bound is not None]
    return min(bounds) / 3600.0 if bounds else None


def span_start(span: str, now: datetime) -> datetime:
    """The start, in UTC, of the present 'month' or 'year'."""
    month = now.month if span == "month" else 1
    return datetime(now.year, month, 1, tzinfo=UTC)


def span_end(span: str, now: datetime) -> datetime:
    """The end, in UTC, of the present 'month' or 'year'."""
    if span == "year" or now.month == 12:
        return datetime(now.year + 1, 1, 1, tzinfo=UTC)
    return datetime(now.year, now.month + 1, 1, tzinfo=UTC)


def _has_limits(limits: LimitsTable) -> bool:
    return limits.hours_a_month is not None or limits.hours_a_year is not None


def _first_line(error: Exception) -> str:
    text = str(error) if isinstance(error, RetunedError) else f"{type(error).__name__}: {error}"
    return text.splitlines()[0][:200] if text else type(error).__name__

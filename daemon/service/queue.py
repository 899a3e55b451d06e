"""The open campaigns as the queue's decision takes them, and the hours of training that were used."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.records import Purpose
from ...strategies.schedule.due_calendar import Calendar
from ...strategies.schedule.grants import Grant, Need, Running
from ...strategies.schedule.queueing import Allowance, Candidate
from ...strategies.search import choose
from ..config.config import Config
from ..config.model_file import ModelFile
from ..config.schedule_tables import LimitsTable
from ..state.registry import file_of_version
from ..state.store import Row, Store, from_text, to_text

HOURS_ARE_READ_EVERY = timedelta(minutes=1)

_COLUMNS = """SELECT campaigns.id, model_id, models.name AS model, models.state, models.version AS newest,
    model_version, kind, trigger, priority, waits, failures, not_before, resources, options, epoch, started_at,
    campaigns.created_at AS created_at
    FROM campaigns JOIN models ON models.id = campaigns.model_id WHERE """


@dataclass(frozen=True, slots=True)
class Queue:
    """Open campaigns, those that run and those that do not, and what all models together may still use.

    `waits`: why each was last said to wait. `claimed`: those that some process has led before. `unreadable`: those
    whose model cannot be read, with the reason.
    """

    candidates: tuple[Candidate, ...]
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
class Candidates:
    """Reads the queue; what model files say is kept from one time to the next."""

    store: Store
    config: Config
    _known: dict[int, tuple[int, _Known]] = field(default_factory=dict)
    _used: dict[datetime, tuple[datetime, dict[int, float]]] = field(default_factory=dict)

    def open_ids(self) -> frozenset[int]:
        """Every open campaign."""
        return frozenset(row["id"] for row in self.store.rows("SELECT id FROM campaigns WHERE ended_at IS NULL"))

    def claimed_ids(self) -> tuple[int, ...]:
        """Open campaigns that some process has led: it may still do so."""
        rows = self.store.rows("SELECT id FROM campaigns WHERE ended_at IS NULL AND epoch > 0")
        return tuple(row["id"] for row in rows)

    def read(self, running: Collection[int], now: datetime) -> Queue:
        """The queue as it stands, without and with the campaigns that run. A model that cannot be read keeps only
        its own campaigns back."""
        rows = self.store.rows(f"{_COLUMNS} ended_at IS NULL")
        # what has ended and whose process still clears away keeps its room until that is gone
        leaving = sorted(set(running) - {row["id"] for row in rows})
        rows += [row for number in leaving for row in self.store.rows(f"{_COLUMNS} campaigns.id = ?", (number,))]
        self._known = {row["id"]: self._known[row["id"]] for row in rows if row["id"] in self._known}
        candidates, active, unreadable = [], [], []
        for row in rows:
            try:
                known = self._of(row)
            except Exception as error:  # whatever a broken row raises; the others shall be served
                why = f"its model cannot be read: {_first_line(error)}"
                unreadable.append((row["id"], row["model_id"], why))
                known = None
            if row["id"] in running:
                active.append(self._running(row, known, now))
            else:
                candidates.append(self._candidate(row, known, unreadable[-1][2] if known is None else "", now))
        house = self._allowances(self.config.limits, None, "", now)
        waits = {row["id"]: row["waits"] for row in rows}
        return Queue(tuple(candidates), tuple(active), house, waits, tuple(unreadable))

    def _candidate(self, row: Row, known: _Known | None, hindrance: str, now: datetime) -> Candidate:
        told = Candidate(
            id=row["id"],
            model_id=row["model_id"],
            model=row["model"],
            queued_at=from_text(row["created_at"]),
            is_baseline=row["kind"] == "baseline",
            is_manual=row["trigger"] == "manual",
            has_begun=row["started_at"] is not None,
            not_before=None if row["not_before"] is None else from_text(row["not_before"]),
            failures=row["failures"],
            gpus=() if row["resources"] is None else Grant.from_json(json.loads(row["resources"])).gpus,
            hindrance=hindrance or ("its model is retired" if row["state"] == "retired" else ""),
        )
        return told if known is None else self._with_files(told, row, known, now)

    def _with_files(self, told: Candidate, row: Row, known: _Known, now: datetime) -> Candidate:
        opens_at = known.calendar.starts_at(now)
        return replace(
            told,
            priority=known.priority + row["priority"],
            need=known.need,
            hours=known.hours,
            opens_at=None if opens_at <= now else opens_at,
            allowances=self._allowances(known.limits, row["model_id"], row["model"], now),
        )

    def _running(self, row: Row, known: _Known | None, now: datetime) -> Running:
        grant = Grant(1) if row["resources"] is None else Grant.from_json(json.loads(row["resources"]))
        left = 0.0 if known is None or known.hours is None else known.hours
        if left and _has_limits(self.config.limits):
            left = max(0.0, left - self._campaign_hours(row["id"]))
        return Running(row["id"], row["model_id"], grant, left)

    def _of(self, row: Row) -> _Known:
        """What the model's files say: the campaign's own version of the training, the newest of everything else."""
        version, known = self._known.get(row["id"], (0, None))
        if known is None or version != row["newest"]:
            own = file_of_version(self.store, row["model_id"], row["model_version"])
            is_newest = row["model_version"] == row["newest"]
            newest = own if is_newest else file_of_version(self.store, row["model_id"], row["newest"])
            needs = own.training.resources
            known = _Known(
                need=Need(own.training.slots, needs.memory_bytes or 0, needs.gpus),
                priority=newest.schedule.priority,
                limits=newest.limits,
                calendar=newest.schedule.calendar(self.config.schedule, row["model"]),
                hours=expected_hours(self.store, row, own),
            )
            self._known[row["id"]] = (row["newest"], known)
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

    def _campaign_hours(self, campaign_id: int) -> float:
        row = self.store.row("SELECT total(seconds) AS seconds FROM legs WHERE campaign_id = ?", (campaign_id,))
        assert row is not None
        return float(row["seconds"]) / 3600.0


def hours_used(store: Store, since: datetime) -> dict[int, float]:
    """Hours of training that ended since then, parallel trainings added up, by model."""
    rows = store.rows(
        """SELECT model_id, total(seconds) AS seconds FROM legs JOIN campaigns ON campaigns.id = legs.campaign_id
        WHERE legs.ended_at >= ? GROUP BY model_id""",
        (to_text(since),),
    )
    return {row["model_id"]: row["seconds"] / 3600.0 for row in rows}


def expected_hours(store: Store, row: Row, file: ModelFile) -> float | None:
    """Hours of training that a campaign will about take: as the model's last one of its kind took, else from the runs
    of its baseline. None while nothing was ever timed."""
    given = json.loads(row["options"]).get("budget_s")
    budget_s = file.search.budget_s if given is None else float(given)
    seconds = _last_cost_s(store, row["model_id"], row["kind"])
    if seconds is None and row["kind"] == "retune":
        seconds = _cost_by_baseline_s(store, row["model_id"], file)
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


def _last_cost_s(store: Store, model_id: int, kind: str) -> float | None:
    row = store.row(
        """SELECT facts ->> '$.compute_s' AS seconds FROM campaigns
        WHERE model_id = ? AND kind = ? AND phase = 'done' ORDER BY id DESC LIMIT 1""",
        (model_id, kind),
    )
    return None if row is None or row["seconds"] is None else float(row["seconds"])


def _cost_by_baseline_s(store: Store, model_id: int, file: ModelFile) -> float | None:
    row = store.row(
        """SELECT total(seconds) AS seconds, count(*) AS runs FROM legs
        WHERE request ->> '$.purpose' = ? AND campaign_id =
        (SELECT max(id) FROM campaigns WHERE model_id = ? AND kind = 'baseline' AND phase = 'done')""",
        (Purpose.REPLICATE.value, model_id),
    )
    if row is None or not row["runs"]:
        return None
    per_run_s, budget = float(row["seconds"]) / int(row["runs"]), file.training.budget
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

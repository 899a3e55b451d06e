"""Figures for Prometheus, computed from the database whenever they are asked for.

How many series there are does not grow with the models: those of a single model are given for the MODELS_TOLD models
that are due next only. All other labels take a few fixed values (phases, outcomes, states, severities).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from ...strategies.records import Outcome
from ..config.config import Config
from ..state.campaigns.campaigns import OPEN_PHASES
from ..state.models.due_dates import overdue_since
from ..state.overview import JudgedModel, campaigns_by_phase, next_models_due, verdicts_by_outcome
from ..state.store import Store
from .health import health_of
from .health_records import Health

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MODELS_TOLD = 500
PHASES = (*OPEN_PHASES, "done", "failed", "cancelled")
STATES = ("active", "paused", "retired")
DAY_S = 86400.0


class _Figures(Collector):
    """All figures of one moment, as prometheus_client takes them."""

    def __init__(self, store: Store, config: Config, now: datetime) -> None:
        self._store, self._config, self._now = store, config, now

    def collect(self) -> Iterator[Metric]:
        health = health_of(self._store, self._config, self._now)
        yield from _of_service(health)
        yield from _of_campaigns(self._store, health)
        yield from _of_messages_and_disk(health, self._now)
        yield _gauge(
            "overdue_seconds",
            "How long the longest overdue model has been due without a campaign",
            _since(overdue_since(self._store, self._now), self._now) or 0.0,
        )
        yield from _of_models(self._store, self._now)


def metrics_text(store: Store, config: Config, now: datetime) -> bytes:
    """Every figure in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(store, config, now))
    return generate_latest(registry)


def _of_service(health: Health) -> Iterator[Metric]:
    yield _labelled("info", "The version", ("version",), [((health.version,), 1.0)])
    yield _gauge("is_serving", "1 while a service holds the state folder", float(health.is_serving))
    words = ("ok", "degraded", "failing")
    yield _labelled(
        "health", "1 for the present state", ("state",), [((w,), float(w == health.overall)) for w in words]
    )
    if health.up_since is not None:
        yield _gauge("up_since_timestamp_seconds", "When the service started", health.up_since.timestamp())
    if health.last_tick is not None:
        yield _gauge("last_tick_timestamp_seconds", "When the last round ended", health.last_tick.at.timestamp())
        yield _gauge("tick_seconds", "How long the last round took", health.last_tick.seconds)


def _of_campaigns(store: Store, health: Health) -> Iterator[Metric]:
    phases, outcomes = campaigns_by_phase(store), verdicts_by_outcome(store)
    yield _labelled(
        "campaigns", "Campaigns by phase", ("phase",), [((phase,), float(phases.get(phase, 0))) for phase in PHASES]
    )
    verdicts = CounterMetricFamily("retuned_verdicts", "Verdicts by outcome", labels=("outcome",))
    for outcome in Outcome:
        verdicts.add_metric((outcome.value,), float(outcomes.get(outcome.value, 0)))
    yield verdicts
    yield _gauge("campaigns_running", "Campaigns that a process works on", len(health.running))
    yield _gauge("queue_length", "Campaigns that wait", health.queue_length)
    states = dict(health.models)
    yield _labelled("models", "Models by state", ("state",), [((one,), float(states.get(one, 0))) for one in STATES])


def _of_messages_and_disk(health: Health, now: datetime) -> Iterator[Metric]:
    yield _gauge("outbox_pending", "Messages that wait to be delivered", health.messages.pending)
    yield _gauge("outbox_dead", "Messages that were given up", health.messages.dead)
    yield _gauge("outbox_oldest_seconds", "Age of the oldest of them", _since(health.messages.oldest_at, now) or 0.0)
    newest = max((fault.id for fault in health.faults), default=0)
    # the rows are numbered from 1 and only the newest are kept, so that the newest number counts them all
    yield CounterMetricFamily("retuned_faults", "Errors ever recorded", value=newest)
    yield _gauge("disk_free_bytes", "Free on the disk of the state folder", health.disk.free_bytes)
    yield _gauge("disk_is_full", "1 while nothing new is begun, for lack of space", float(health.disk.mode != "normal"))
    if health.disk.models_bytes is not None:
        yield _gauge("models_disk_bytes", "Used by all models", health.disk.models_bytes)
    if health.last_backup is not None:
        yield _gauge(
            "last_backup_timestamp_seconds", "When the last good backup was made", health.last_backup.at.timestamp()
        )


def _of_models(store: Store, now: datetime) -> Iterator[Metric]:
    models = next_models_due(store, MODELS_TOLD)
    judged = [(model, model.judged_at) for model in models if model.judged_at is not None]
    yield _labelled(
        "model_next_due_timestamp_seconds", f"When a model is due, of the {MODELS_TOLD} that are due next", ("model",),
        [((model.name,), model.due_at.timestamp()) for model in models],
    )  # fmt: skip
    yield _labelled(
        "model_days_since_verdict", "Days since a model's last verdict", ("model",),
        [((model.name,), (now - at).total_seconds() / DAY_S) for model, at in judged],
    )  # fmt: skip
    yield _labelled(
        "model_is_stale", "1 where the last verdict on the settings in force was STALE", ("model",),
        [((model.name,), float(_is_stale(model))) for model, _ in judged],
    )  # fmt: skip


def _is_stale(model: JudgedModel) -> bool:
    return model.outcome == Outcome.STALE.value and model.is_of_current


def _since(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"retuned_{name}", what, value=float(value))


def _labelled(
    name: str, what: str, labels: Sequence[str], series: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"retuned_{name}", what, labels=labels)
    for values, value in series:
        family.add_metric(values, value)
    return family

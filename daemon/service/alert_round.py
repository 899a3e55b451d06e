"""The alerts' part of a round: what is wrong by the passing of time is raised and ended, and what is due is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...strategies.alerting.message import Kind, Severity
from ...strategies.errors import RetunedError
from ...strategies.schedule.queueing import Hold, hold_of
from ...strategies.words import age, counted
from ..config.config import Config
from ..logs import log
from ..state.alert_causes import Waits, missed_dates, waiting_campaigns
from ..state.alert_raising import Found, raise_for_model, raise_for_service
from ..state.alert_rows import AlertRow, end_alert, unheard_alerts, unresolved_alerts
from ..state.alert_telling import MOST_IN_A_ROUND, pass_on, tell_due, tell_group, tell_unheard
from ..state.digests import send_digests
from ..state.due_changes import tell_due_changes
from ..state.faults import get_fact, note_fault
from ..state.store import Store

LOOKED_EVERY = timedelta(minutes=1)
_BY_TIME = (Kind.OVERDUE, Kind.BUDGET, Kind.DISK)
_ENDS = {
    Kind.OVERDUE: "nothing waits too long any more",
    Kind.BUDGET: "no re-evaluation waits for hours of training any more",
    Kind.DISK: "the disk has space again",
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An alert that should be open now; `of` None: about the service."""

    found: Found
    of: Waits | None = None

    @property
    def key(self) -> tuple[int | None, Kind, str]:
        return (None if self.of is None else self.of.model_id, self.found.kind, self.found.cause)


class AlertRound:
    """Looks at most once a minute for what time brings, and tells in each round what is due."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._looked_at: datetime | None = None
        self._unheard: Mapping[int, int | None] = {}

    def step(self, now: datetime) -> None:
        """Tell what is due; then, now and then, raise and end what time brings, and send digests.

        A service that has just started first catches up with what was due meanwhile, before it is called overdue.
        """
        told = tell_due(self._store, self._config, now)
        if told:
            log.info("alerts_told", messages=told)
        if self._looked_at is None:
            self._looked_at = now
        elif not timedelta(0) <= now - self._looked_at < LOOKED_EVERY:
            self._looked_at = now
            self._look(now)
            self._tell_unheard(now)
            send_digests(self._store, self._config, now)
            tell_due_changes(self._store, self._config, now)
            for letter, places in pass_on(self._store, self._config, now):
                log.warning("message_passed_on", id=letter.id, alert=letter.alert_id, to=list(places))

    def _tell_unheard(self, now: datetime) -> None:
        """Tell what nobody was told of and somebody asks for by now: another configuration comes with another service,
        the model's file with another version of it."""
        unheard, asked = unheard_alerts(self._store), self._unheard
        new = [number for number, version in unheard.items() if number not in asked or asked[number] != version]
        told = tell_unheard(self._store, new[:MOST_IN_A_ROUND], self._config, now)
        left = frozenset(new[MOST_IN_A_ROUND:])
        self._unheard = {number: version for number, version in unheard.items() if number not in left}
        if told:
            log.info("alerts_told", messages=told)

    def _look(self, now: datetime) -> None:
        wanted = {each.key: each for each in self._wanted(now)}
        present = {_key(row): row for row in unresolved_alerts(self._store) if row.kind in _BY_TIME}
        for key in sorted(present.keys() - wanted.keys(), key=str):
            self._end(present[key], now)
        for key in sorted(wanted.keys() - present.keys(), key=str):
            try:
                with self._store.transaction():
                    self._raise(wanted[key], now)
            except (RetunedError, ValueError, KeyError, TypeError) as error:  # the others are still raised
                note_fault(self._store, "alerts", f"'{wanted[key].found.title}' cannot be told: {error}", now)

    def _end(self, row: AlertRow, now: datetime) -> None:
        with self._store.transaction():
            end_alert(self._store, row, _ENDS[row.kind], now)
            tell_group(self._store, row.group_id, self._config, now)

    def _wanted(self, now: datetime) -> Iterable[_Wanted]:
        waiting = waiting_campaigns(self._store)
        held = {each.campaign_id: hold_of(each.why) for each in waiting}
        yield from _over_budget(waiting, held)
        overdue_before = now - timedelta(seconds=self._config.alerts.overdue_after_s)
        late = [each for each in waiting if held[each.campaign_id] is Hold.OTHER and each.since < overdue_before]
        for each in (*late, *missed_dates(self._store, overdue_before)):
            yield _Wanted(_overdue(each, now), each)
        disk = get_fact(self._store, "disk_mode")
        if disk is not None and disk[0].get("mode") == "full":
            yield _Wanted(_disk_full(str(disk[0].get("why", ""))))

    def _raise(self, wanted: _Wanted, now: datetime) -> None:
        of = wanted.of
        if of is None:
            raise_for_service(self._store, wanted.found, self._config, now)
            return
        raise_for_model(
            self._store, of.model_id, of.model, of.owner, of.campaign_id, wanted.found, self._config, now, tags=of.tags
        )


def _key(row: AlertRow) -> tuple[int | None, Kind, str]:
    return (row.model_id, row.kind, row.cause)


def _over_budget(waiting: Sequence[Waits], held: Mapping[int | None, Hold]) -> Iterable[_Wanted]:
    """One alert for all models that the service's own hours hold up, and one for each that its own do."""
    house = [each for each in waiting if held[each.campaign_id] is Hold.HOUSE_BUDGET]
    if house:
        first = house[0]
        yield _Wanted(
            Found(
                Kind.BUDGET, "house", Severity.WARNING,
                f"{counted(len(house), 're-evaluation')} cannot run: the hours of training for all models are used up",
                (f"Campaign {first.campaign_id} of {first.model}: {first.why}.", *_other_models(house[1:])),
                ("retuned status", f"retuned retune {first.model}"), facts=(_WAITS,),
            )
        )  # fmt: skip
    for each in waiting:
        if held[each.campaign_id] is Hold.BUDGET:
            title = f"{each.model}: its re-evaluation cannot run, its hours of training are used up"
            commands = (f"retuned plan {each.model}", f"retuned retune {each.model}")
            sentences = (f"Campaign {each.campaign_id}: {each.why}.", _BY_HAND)
            yield _Wanted(
                Found(Kind.BUDGET, "model", Severity.WARNING, title, sentences, commands, facts=(_WAITS,)), each
            )


_WAITS = ("Tonight", "no: nothing is lost, it runs once hours are free")
_BY_HAND = "Raise the limit under [limits], or start it by hand, which no limit holds up."


def _other_models(others: Sequence[Waits]) -> tuple[str, ...]:
    names = ", ".join(each.model for each in others[:10]) + (" ..." if len(others) > 10 else "")
    return (*((f"So do {len(others)} others: {names}.",) if others else ()), _BY_HAND)


def _overdue(each: Waits, now: datetime) -> Found:
    waited = age(now - each.since)
    if each.campaign_id is None:
        title = f"{each.model}: its re-evaluation is overdue and could not be queued"
        why = f"It was due {waited} ago, on {each.since:%Y-%m-%d %H:%M} UTC. The service's errors say why it is not."
    else:
        title = f"{each.model}: its re-evaluation has not started for {waited}"
        why = f"Campaign {each.campaign_id} was queued {waited} ago and waits: {each.why}."
    sentences = (why, "Until it runs, nothing new is known about these hyperparameters.")
    return Found(
        Kind.OVERDUE, "waits", Severity.WARNING, title, sentences,
        ("retuned status", f"retuned history {each.model}"), change="re-evaluations that do not start",
        facts=(("Tonight", "no: the model itself is not concerned"),),
    )  # fmt: skip


def _disk_full(why: str) -> Found:
    sentences = ("Nothing new is started: no re-evaluation, no training run.", f"{why[:1].upper()}{why[1:]}.")
    return Found(
        Kind.DISK, "full", Severity.WARNING, "retuned: the disk of its state folder is full", sentences,
        ("retuned status", "retuned doctor"),
        facts=(("Tonight", "no for the models; perhaps for what else is on that disk"),),
    )  # fmt: skip

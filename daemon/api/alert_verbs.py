"""The verbs by which a person answers alerts."""

from contextlib import AbstractContextManager

from ...strategies.schedule.due import parse_duration_s
from ..state.alert import Alert, alerts_numbered
from ..state.alert_answers import acknowledge, model_of_named, snapshot_of_named, snooze, unsnooze
from ..state.audit import Act, recorded
from .around import Around


class AlertVerbs(Around):
    """One method for each answer; who gives it is on record."""

    def ack(self, alert: int, note: str = "") -> tuple[Alert, ...]:
        """Say that someone has seen an alert, and with it those with the same cause: they are not told again."""
        with self._answers("ack", str(alert), note):
            done = acknowledge(self.store, alert, self.by, note, self.config, self.clock.now())
        return alerts_numbered(self.store, done)

    def snooze(self, named: str, length: str, reason: str) -> tuple[Alert, ...]:
        """Put an alert by its number, or the open ones of a model, off for a time such as 14d."""
        seconds = parse_duration_s(length)
        with self._answers("snooze", named, reason):
            done = snooze(self.store, named, seconds, self.by, reason, self.clock.now())
        return alerts_numbered(self.store, done)

    def unsnooze(self, named: str) -> tuple[Alert, ...]:
        """End the snooze of an alert, or of a model's."""
        with self._answers("unsnooze", named):
            done = unsnooze(self.store, named, self.by, self.clock.now())
        return alerts_numbered(self.store, done)

    def _answers(self, verb: str, named: str, why: str = "") -> AbstractContextManager[None]:
        """Records the answer in the audit, in its own transaction."""
        model = model_of_named(self.store, named)
        subject = None if model == named else f"alert {named}"
        act = Act(self.by, verb, model, subject, why or None, self.request_id)
        return recorded(self.store, act, self.clock.now(), lambda: snapshot_of_named(self.store, named))

"""The verbs by which a person answers alerts."""

from ...strategies.schedule.due import parse_duration_s
from ..state.alert import Alert, alerts_numbered
from ..state.alert_answers import acknowledge, snooze, unsnooze
from .around import Around


class AlertVerbs(Around):
    """One method for each answer; who gives it is on record."""

    def ack(self, alert: int, note: str = "") -> tuple[Alert, ...]:
        """Say that someone has seen an alert, and with it those with the same cause: they are not told again."""
        done = acknowledge(self.store, alert, self.by, note, self.config, self.clock.now())
        return alerts_numbered(self.store, done)

    def snooze(self, named: str, length: str, reason: str) -> tuple[Alert, ...]:
        """Put an alert by its number, or the open ones of a model, off for a time such as 14d."""
        seconds = parse_duration_s(length)
        done = snooze(self.store, named, seconds, self.by, reason, self.clock.now())
        return alerts_numbered(self.store, done)

    def unsnooze(self, named: str) -> tuple[Alert, ...]:
        """End the snooze of an alert, or of a model's."""
        return alerts_numbered(self.store, unsnooze(self.store, named, self.by, self.clock.now()))

"""The verbs by which a person answers alerts."""

import os
import pwd

from ...strategies.schedule.due import parse_duration_s
from ..state.alert import Alert, alerts_numbered
from ..state.alert_answers import acknowledge, snooze, unsnooze
from .around import Around


class AlertVerbs(Around):
    """One method for each answer; who gives it is the token's name, or the user's at the command line."""

    def ack(self, alert: int, note: str = "") -> tuple[Alert, ...]:
        """Say that someone has seen an alert, and with it those with the same cause: they are not told again."""
        done = acknowledge(self.store, alert, self._who, note, self.config, self.clock.now())
        return alerts_numbered(self.store, done)

    def snooze(self, named: str, length: str, reason: str) -> tuple[Alert, ...]:
        """Put an alert by its number, or the open ones of a model, off for a time such as 14d."""
        seconds = parse_duration_s(length)
        done = snooze(self.store, named, seconds, self._who, reason, self.clock.now())
        return alerts_numbered(self.store, done)

    def unsnooze(self, named: str) -> tuple[Alert, ...]:
        """End the snooze of an alert, or of a model's."""
        return alerts_numbered(self.store, unsnooze(self.store, named, self._who, self.clock.now()))

    @property
    def _who(self) -> str:
        if self.caller is not None:
            return self.caller
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"user {os.getuid()}"

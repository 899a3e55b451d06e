"""The verbs that list what there is, page by page. Loads little: the commands that people type most need no more."""

from datetime import UTC, datetime

from ...strategies.errors import InputError
from ..state.alert import alerts_page
from ..state.audit import audit_page
from ..state.models.model_list import list_models
from ..state.models.models import known_entry
from ..state.models.schedule_list import schedule_page
from ..state.paging import USUAL
from .around import Around, Limit
from .listing_views import AlertsPage, AuditPage, ModelsPage, SchedulePage


class ListingVerbs(Around):
    """One method for each verb that lists."""

    def models(self, limit: Limit = USUAL, cursor: str | None = None, tag: str | None = None) -> ModelsPage:
        """Every registered model, in order of name, page by page; with `tag` those that have it in [alerts] tags."""
        return ModelsPage(*list_models(self.store, cursor, limit, tag))

    def alerts(self, name: str | None = None, limit: Limit = USUAL, cursor: str | None = None) -> AlertsPage:
        """The alerts, open ones first, then newest first, page by page; of one model where `name` is given."""
        if name is not None:
            known_entry(self.store, name)
        return AlertsPage(*alerts_page(self.store, name, cursor, limit))

    def audit(
        self, name: str | None = None, since: str | None = None, limit: Limit = USUAL, cursor: str | None = None
    ) -> AuditPage:
        """Who did what, newest first, page by page; of models of one name where it is given, removed ones included.

        `since`: a day or a moment in ISO 8601, in UTC where it names no zone.
        """
        moment = None if since is None else _moment(since)
        return AuditPage(*audit_page(self.store, name, moment, cursor, limit))

    def schedule(
        self, months: int = 12, name: str | None = None, limit: Limit = USUAL, cursor: str | None = None
    ) -> SchedulePage:
        """The due dates of the next months, soonest first, page by page."""
        if not 1 <= months <= 120:
            raise InputError(f"--months {months} is out of range", "allowed: 1 to 120", "for instance --months 12")
        if name is not None:
            known_entry(self.store, name)
        page = schedule_page(self.store, self.config.schedule, self.clock.now(), months, name, cursor, limit)
        return SchedulePage(*page)


def _moment(text: str) -> datetime:
    """The moment that a person typed. Raises InputError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        allowed = "allowed: a day such as 2026-01-31, or a moment such as 2026-01-31T09:00"
        raise InputError(f"--since is {ascii(text)[:60]}", allowed, "leave it out for all") from None

"""The verbs that list what there is, page by page. Loads little: the commands that people type most need no more."""

from typing import Annotated

from pydantic import Field

from ...strategies.errors import InputError
from ..state.alert import alerts_page
from ..state.models.model_list import list_models
from ..state.models.models import known_entry
from ..state.models.schedule_list import schedule_page
from ..state.paging import MOST, USUAL
from .around import Around
from .listing_views import AlertsPage, ModelsPage, SchedulePage

Limit = Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": MOST})]
"""How many rows a page has at most."""


class ListingVerbs(Around):
    """One method for each verb that lists."""

    def models(self, limit: Limit = USUAL, cursor: str | None = None) -> ModelsPage:
        """Every registered model, in order of name, page by page."""
        return ModelsPage(*list_models(self.store, cursor, limit))

    def alerts(self, name: str | None = None, limit: Limit = USUAL, cursor: str | None = None) -> AlertsPage:
        """The alerts, open ones first, then newest first, page by page; of one model where `name` is given."""
        if name is not None:
            known_entry(self.store, name)
        return AlertsPage(*alerts_page(self.store, name, cursor, limit))

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

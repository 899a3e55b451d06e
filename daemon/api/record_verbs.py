"""The verbs that show the record of a model, page by page."""

from ..reports.drift_record import drift_page
from ..state.models.adoption_log import adoptions_of, running_account
from ..state.models.auto_adoptions import auto_adoptions_of
from ..state.models.history_list import history_page
from ..state.models.registry import find_model
from ..state.paging import USUAL, Order
from .around import Around, Limit
from .views import Drift, History


class RecordVerbs(Around):
    """history and drift."""

    def history(
        self, name: str, limit: Limit = USUAL, cursor: str | None = None, order: Order = Order.OLDEST
    ) -> History:
        """A model's settings versions and campaigns, page by page."""
        model = find_model(self.store, name)
        settings, campaigns, measured, following = history_page(self.store, model, order, cursor, limit)
        versions, numbers = {version.version for version in settings}, {campaign.id for campaign in campaigns}
        account = running_account(self.store, model, self.clock.now())
        return History(
            model, settings, campaigns, measured, following,
            tuple(made for made in adoptions_of(self.store, model.id) if made.settings_version in versions),
            tuple(made for made in auto_adoptions_of(self.store, model.id) if made.campaign_id in numbers),
            "" if account is None else account.sentence,
        )  # fmt: skip

    def drift(self, name: str, limit: Limit = USUAL, cursor: str | None = None, order: Order = Order.OLDEST) -> Drift:
        """A model's drift record, page by page."""
        model = find_model(self.store, name)
        return Drift(model, *drift_page(self.store, model, order, cursor, limit))

"""The verb that shows a model."""

from ..state.campaigns.campaigns import last_verdict
from ..state.models.adoption_log import adoption_of, running_account
from ..state.models.auto_adoptions import auto_adoptions_of
from ..state.models.change_checks import next_check_at
from ..state.models.cool_down import cool_down_of
from ..state.models.registry import find_model
from ..state.overview import open_of_model
from .around import Around
from .model_view import Shown


class ModelVerb(Around):
    """show alone."""

    def show(self, name: str) -> Shown:
        """One model, its last verdict and its open campaigns."""
        model = find_model(self.store, name)
        cool_down = cool_down_of(self.store, model.id, self.clock.now())
        next_look = next_check_at(self.store, model.id) if model.state == "active" else None
        account = running_account(self.store, model, self.clock.now())
        decisions = auto_adoptions_of(self.store, model.id)
        return Shown(
            model,
            last_verdict(self.store, model.id),
            open_of_model(self.store, model.id),
            next_look,
            cool_down,
            adoption_of(self.store, model.id, model.settings_version),
            decisions[-1] if decisions else None,
            "" if account is None else account.sentence,
        )

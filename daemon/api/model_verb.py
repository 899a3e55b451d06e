"""The verb that shows a model."""

from ..state.models.change_checks import next_check_at
from ..state.models.cool_down import cool_down_of
from ..state.models.registry import find_model
from ..state.overview import last_verdict, open_of_model
from .around import Around
from .model_view import Shown


class ModelVerb(Around):
    """show alone."""

    def show(self, name: str) -> Shown:
        """One model, its last verdict and its open campaigns."""
        model = find_model(self.store, name)
        cool_down = cool_down_of(self.store, model.id, self.clock.now())
        next_look = next_check_at(self.store, model.id) if model.state == "active" else None
        return Shown(
            model, last_verdict(self.store, model.id), open_of_model(self.store, model.id), next_look, cool_down
        )

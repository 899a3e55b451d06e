"""The verb that tells the service's health."""

from ..upkeep.health import health_of
from ..upkeep.health_records import Health
from .around import Around


class StatusVerb(Around):
    """status alone."""

    def status(self) -> Health:
        """The service's health: what runs, what waits and what went wrong."""
        return health_of(self.store, self.config, self.clock.now())

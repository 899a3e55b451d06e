"""Pages of lists, as the listing verbs return them; `next` is the cursor of the next page, None at the end."""

from dataclasses import dataclass

from ..state.alert import Alert
from ..state.audit import AuditEntry
from ..state.models.model_list import ListedModel
from ..state.models.schedule_list import Planned


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """Models in order of name."""

    models: tuple[ListedModel, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """Alerts, newest first."""

    alerts: tuple[Alert, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """Due dates, soonest first."""

    dates: tuple[Planned, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Who did what, newest first."""

    entries: tuple[AuditEntry, ...]
    next: str | None

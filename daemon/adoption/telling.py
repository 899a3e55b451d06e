"""The message about an adoption, beside the alert that it settles."""

from dataclasses import dataclass
from datetime import datetime

from ...strategies.alerting.message import AlertMessage, Event, Kind, Severity
from ...strategies.words import readable
from ..config.config import Config
from ..masking import masked
from ..state.alert_messages import enqueue_message, place_here
from ..state.installation import installation_of
from ..state.models.registry import Model
from ..state.store import Store


@dataclass(frozen=True, slots=True)
class News:
    """What is told. `number`: what tells its message from others of this installation; `title`: after the model's
    name; `event`: CHANGED where nobody decided it, ADOPTED where a person did, who need not be told."""

    number: str
    event: Event
    campaign_id: int | None
    title: str
    sentence: str
    commands: tuple[str, ...]


def tell_adoption(store: Store, model: Model, news: News, config: Config, now: datetime) -> None:
    """Queue the message inside the open transaction."""
    id = f"msg_{installation_of(store, now)}_{news.number}"
    message = AlertMessage(
        id=id, event=news.event, kind=Kind.STALE, severity=Severity.INFO, key=id,
        title=readable(masked(f"{model.name}: {news.title}")), sentences=(readable(masked(news.sentence)),),
        owner=readable(model.file.owner), at=now, opened_at=now, model=model.name, campaign_id=news.campaign_id,
        tags=model.file.alerts.tags, facts=(("Where", place_here(store)),), commands=news.commands,
    )  # fmt: skip
    enqueue_message(store, message, config, (model.file.alerts,), now)

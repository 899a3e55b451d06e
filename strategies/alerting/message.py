"""One message about an alert, before any channel gives it a form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """What an alert is about."""

    STALE = "stale"  # better settings were confirmed
    DEGRADED = "degraded"  # scores fell, no better settings exist
    BROKEN = "broken"  # training with the stored settings fails now
    INCONCLUSIVE = "inconclusive"
    OVERDUE = "overdue"  # a re-evaluation could not run for days
    FAILED = "failed"  # a campaign ended without a verdict
    BUDGET = "budget"  # the hours of the month or year are used up
    DATA = "data"  # a suspect snapshot
    DISK = "disk"  # the service's own disk is full


class Severity(StrEnum):
    """How loudly to tell."""

    CRITICAL = "critical"  # must be looked at tonight
    WARNING = "warning"  # should be looked at this week
    INFO = "info"  # goes into the digest


class Event(StrEnum):
    """Why this message is sent now."""

    OPENED = "opened"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    SNOOZE_ENDED = "snooze_ended"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    CHANGED = "changed"  # a change without an alert: settings adopted without a person
    ADOPTED = "adopted"  # a person adopted settings: for programs, since people know it from the alert's end
    DUE = "due"  # a change of hardware or software made models due: for programs, people hear of the verdicts
    DIGEST = "digest"
    SAMPLE = "sample"  # `retuned channels test`


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """What any channel can say in its own form; every text is clean of control characters and secrets already.

    `id`: the same at every attempt. `key`: the same over the whole life of an alert, on which receivers that know open
    and resolved alerts join them; never made of message values. `facts`: labels and values for forms with fields
    ("Loses", "0.31 RMSE, at least"). `commands`: what to type, exactly. `model`, `campaign_id`: None where it is about
    several or none; `others`: how many further models share it. `opened_at`: when the alert was opened.
    `link`: the address of its page; None without one. `is_tonight`: whether it must be looked at at once.
    `details`: for machines, plain JSON.
    """

    id: str
    event: Event
    kind: Kind
    severity: Severity
    key: str
    title: str
    sentences: tuple[str, ...]
    owner: str
    at: datetime
    opened_at: datetime
    model: str | None = None
    campaign_id: int | None = None
    others: int = 0
    tags: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
    link: str | None = None
    is_tonight: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        facts = [f"{label}: {value}" for label, value in self.facts]
        facts += [] if self.link is None else [f"Page: {self.link}"]
        return "\n".join(
            (self.title, "", *self.sentences, *facts, "", *(f"  {command}" for command in self.commands))
        ).rstrip()

    def to_json(self) -> Mapping[str, Any]:
        """As plain JSON, to be stored."""
        return {
            "id": self.id, "event": self.event.value, "kind": self.kind.value, "severity": self.severity.value,
            "key": self.key, "title": self.title, "sentences": list(self.sentences), "owner": self.owner,
            "at": self.at.isoformat(), "opened_at": self.opened_at.isoformat(), "model": self.model,
            "campaign_id": self.campaign_id, "others": self.others, "tags": list(self.tags),
            "facts": [list(fact) for fact in self.facts], "commands": list(self.commands), "link": self.link,
            "is_tonight": self.is_tonight, "details": dict(self.details),
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` made."""
        return cls(
            id=stored["id"], event=Event(stored["event"]), kind=Kind(stored["kind"]),
            severity=Severity(stored["severity"]), key=stored["key"], title=stored["title"],
            sentences=tuple(stored["sentences"]), owner=stored["owner"], at=datetime.fromisoformat(stored["at"]),
            opened_at=datetime.fromisoformat(stored["opened_at"]), model=stored["model"],
            campaign_id=stored["campaign_id"], others=stored["others"], tags=tuple(stored["tags"]),
            facts=tuple((label, value) for label, value in stored["facts"]), commands=tuple(stored["commands"]),
            link=stored["link"], is_tonight=stored["is_tonight"], details=stored["details"],
        )  # fmt: skip

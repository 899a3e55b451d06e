"""A change of hardware or software that makes models due: told to programs that show what changed and when.

People hear of its outcome, by the alerts of the verdicts. The first model is told at once; those that the same change
makes due later join it and are told together, once the time for that is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..words import counted
from .message import AlertMessage, Event, Kind, Severity
from .texts import named


@dataclass(frozen=True, slots=True)
class MadeDue:
    """A re-evaluation that such a change queued."""

    model: str
    campaign_id: int
    owner: str
    change: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SharedChange:
    """A change and the models of one owner that it made due so far, in order; `told`: how many of them were told."""

    owner: str
    change: str
    at: datetime
    models: tuple[str, ...]
    campaigns: tuple[int, ...]
    told: int = 0

    def is_due(self, now: datetime, window: timedelta) -> bool:
        """Whether a message is due: about the first, or about those that have joined it."""
        return self.told == 0 or (len(self.models) > self.told and now >= self.at + window)

    def is_over(self, now: datetime, window: timedelta) -> bool:
        """Whether nothing can join any more, and all was told."""
        return now >= self.at + window and self.told == len(self.models)


def joined(changes: Sequence[SharedChange], due: Sequence[MadeDue], window: timedelta) -> tuple[SharedChange, ...]:
    """The changes with these re-evaluations, each joined to that of its owner, or the first of another one."""
    known = list(changes)
    for made in due:
        place = next((place for place, change in enumerate(known) if _is_of(made, change, window)), None)
        if place is None:
            known.append(SharedChange(made.owner, made.change, made.at, (made.model,), (made.campaign_id,)))
        else:
            change = known[place]
            models, campaigns = (*change.models, made.model), (*change.campaigns, made.campaign_id)
            known[place] = replace(change, models=models, campaigns=campaigns)
    return tuple(known)


def change_message(change: SharedChange, *, id: str, place: str, tags: tuple[str, ...] = ()) -> AlertMessage:
    """What is told, as of the moment of the change; `place`: host and state folder, `tags`: those of its models."""
    count, others = len(change.models), len(change.models) - 1
    who = change.models[0] if count == 1 else counted(count, "model")
    numbers = named([str(number) for number in change.campaigns])
    return AlertMessage(
        id=id, event=Event.DUE, kind=Kind.STALE, severity=Severity.INFO, key=id, owner=change.owner, at=change.at,
        title=f"{change.change}: {who} {'is' if count == 1 else 'are'} due for re-evaluation", opened_at=change.at,
        sentences=(
            f"This changed where {named(change.models)} {'is' if count == 1 else 'are'} trained.",
            "Whether the hyperparameters still fit is found out by re-evaluation; nothing else was changed.",
        ),
        model=change.models[0] if count == 1 else None, campaign_id=change.campaigns[0] if count == 1 else None,
        others=others, tags=tags, facts=(("Campaign" if count == 1 else "Campaigns", numbers), ("Where", place)),
        commands=("retuned status", *((f"retuned look {change.models[0]}",) if count == 1 else ())),
        details={"models": list(change.models), "campaigns": list(change.campaigns), "change": change.change},
    )  # fmt: skip


def _is_of(made: MadeDue, change: SharedChange, window: timedelta) -> bool:
    return (made.owner, made.change) == (change.owner, change.change) and made.at < change.at + window

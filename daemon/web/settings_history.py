"""The settings of a model over time: who made which values current, by which evidence, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from ...strategies.records import Configuration
from ...strategies.verdict.notice import render as render_value
from ..state.audit import registered_by
from ..state.campaigns.campaigns import Occasion, occasions_of
from ..state.models.adoption_log import Adoption, adoptions_of
from ..state.models.registry import Model, Settings, settings_of
from ..state.paging import Order
from ..state.tokens import Role
from .languages import Say
from .visit import Visit

MOST_VERSIONS, MOST_CHANGES = 20, 12


@dataclass(frozen=True, slots=True)
class SettingsLine:
    """A settings version. `words`: where it came from; `by` and `why`: the person's, empty where none is on record;
    `changes`: from the version before, one hyperparameter each. `campaign_id`: the one that recommended it; `trigger`,
    `reason`: what made that due; `cause`: why the old values had gone stale. `sentence`: what the adoption brought."""

    model: str
    version: int
    at: datetime
    words: str
    by: str
    why: str
    changes: tuple[str, ...]
    campaign_id: int | None
    trigger: str
    reason: str
    cause: str
    sentence: str


def settings_lines(visit: Visit, model: Model) -> tuple[SettingsLine, ...]:
    """The newest versions, the last one first, as the visitor may see them."""
    versions = settings_of(visit.store, model, Order.NEWEST, None, MOST_VERSIONS + 1)
    adoptions = {made.settings_version: made for made in adoptions_of(visit.store, model.id)}
    occasions = occasions_of(visit.store, [each.campaign_id for each in versions if each.campaign_id is not None])
    # who registers stands in the audit alone, which viewers do not read
    people = {} if visit.caller.role < Role.OPERATOR else registered_by(visit.store, model.name, model.registered_at)
    before: dict[int, Configuration] = {newer.version: older.configuration for newer, older in pairwise(versions)}
    lines = (
        _line(
            model.name, settings, before.get(settings.version), adoptions.get(settings.version), occasions,
            people.get(settings.version, ""), visit.say,
        )
        for settings in versions[:MOST_VERSIONS]
    )  # fmt: skip
    return visit.shown(tuple(lines))


def side_by_side(before: Mapping[str, Any], after: Mapping[str, Any], say: Say) -> list[tuple[str, str, str]]:
    """The name of each hyperparameter with its value before and after, in words."""
    return [(name, _value(before, name, say), _value(after, name, say)) for name in {**before, **after}]


def _value(values: Mapping[str, Any], name: str, say: Say) -> str:
    return render_value(values[name]) if name in values else say.gettext("(unused)")


def _line(
    name: str,
    settings: Settings,
    before: Configuration | None,
    adoption: Adoption | None,
    occasions: Mapping[int, Occasion],
    registered: str,
    say: Say,
) -> SettingsLine:
    number = settings.campaign_id
    occasion = Occasion("", "", "") if number is None else occasions.get(number, Occasion("", "", ""))
    return SettingsLine(
        model=name,
        version=settings.version,
        at=settings.created_at,
        words=settings.origin,
        by=registered if adoption is None else adoption.by,
        why="" if adoption is None else adoption.why or "",
        changes=() if before is None else _changes(before, settings.configuration, say),
        campaign_id=number,
        trigger=occasion.trigger,
        reason=occasion.reason,
        cause=occasion.cause,
        sentence="" if adoption is None else adoption.gain_sentence,
    )


def _changes(before: Configuration, after: Configuration, say: Say) -> tuple[str, ...]:
    change = say.gettext("%(name)s: %(old)s to %(new)s")
    both = side_by_side(before, after, say)
    rows = [change % {"name": name, "old": old, "new": new} for name, old, new in both if old != new]
    more = len(rows) - MOST_CHANGES
    return (*rows[:MOST_CHANGES], *((say.gettext("and %(num)d more") % {"num": more},) if more > 0 else ()))

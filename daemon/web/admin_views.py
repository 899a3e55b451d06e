"""What the pages show on which models are registered, adopted and rolled back, and who did what."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..api.proposed_view import Proposed
from .languages import Say
from .settings_history import side_by_side
from .views import A_PAGE, Shown
from .visit import Visit


def adoption(visit: Visit) -> Shown:
    """What adopting would change, with the evidence; nothing is changed."""
    campaign = visit.query.get("campaign", "")
    found = visit.verbs.proposed(visit.path["name"], int(campaign) if _is_number(campaign) else None)
    return "proposal", _proposal(found, visit.say) | {"verb": "adopt", "label": visit.say.gettext("Adopt these values")}


def rollback(visit: Visit) -> Shown:
    """What going back to an older settings version would change; nothing is changed."""
    to = visit.query.get("to", "")
    found = visit.verbs.proposed(visit.path["name"], back=True, to=int(to) if _is_number(to) else None)
    label = visit.say.gettext("Roll back to these values")
    return "proposal", _proposal(found, visit.say) | {"verb": "rollback", "label": label}


def audit(visit: Visit) -> Shown:
    """Who did what, newest first."""
    name, since = visit.query.get("name") or None, visit.query.get("since") or None
    found = visit.verbs.audit(name, since, A_PAGE, visit.query.get("cursor"))
    kept = {key: value for key, value in (("name", name), ("since", since)) if value}
    following = None if found.next is None else "/audit?" + urlencode({**kept, "cursor": found.next})
    rows = [{"entry": entry, "changes": _changes(entry.before, entry.after, visit.say)} for entry in found.entries]
    return "audit", {"rows": rows, "following": following, "name": name or "", "since": since or ""}


def register(_: Visit) -> Shown:
    """The form to register a model."""
    return "register", {}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def _proposal(found: Proposed, say: Say) -> dict[str, Any]:
    return {"proposed": found, "model": found.model, "rows": side_by_side(found.before, found.after, say)}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], say: Say) -> list[str]:
    """What an act changed, one sentence for each name."""
    none = say.gettext("(none)")
    return [
        f"{name}: {before.get(name, none)} -> {after.get(name, none)}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]

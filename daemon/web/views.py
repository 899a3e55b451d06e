"""What each page shows, read from the database: the name of its template, and the template's values."""

from typing import Any

from markupsafe import Markup

from ...strategies.drift.drift import DriftPoint
from ...strategies.verdict.notice import render as render_value
from ..api.views import Drift
from ..state.paging import Order
from ..state.tokens import Role
from .drift_curve import drift_curve
from .languages import ENGLISH, Say
from .live import live_of, mark_of
from .render import render
from .settings_history import settings_lines
from .terms import state_of
from .visit import Visit

Shown = tuple[str, dict[str, Any]]
A_PAGE = 100
MOST_POINTS = 50


def model(visit: Visit) -> Shown:
    """One model: current settings, what was found about it, when it is looked at again."""
    name = visit.path["name"]
    found = visit.verbs.show(name)
    shown, known = visit.shown(found), found.model
    points = visit.kept.of(("drift", name, visit.caller.role), lambda: _drift(visit, name))
    space = known.file.hyperparameters
    values = [(key, render_value(known.configuration[key])) for key in space if key in known.configuration]
    return "model", {
        "shown": shown,
        "model": shown.model,
        "values": values,
        "verdict": shown.last,
        "points": points,
        "curve": drift_curve(points[::-1], visit.say),
        "settings": settings_lines(visit, known),
        "now": visit.now,
    }


def _drift(visit: Visit, name: str) -> tuple[DriftPoint, ...]:
    """The newest campaigns of a model, the last one first, as the visitor may see them."""
    drift: Drift = visit.shown(visit.verbs.drift(name, MOST_POINTS, None, Order.NEWEST))
    return drift.points


def campaign(visit: Visit) -> Shown | None:
    """A campaign and how far it is; None where it has ended with something to report."""
    known = visit.verbs.standing(number_in(visit.path["campaign"]))
    standing = visit.shown(known)
    found = standing.campaign
    if found.verdict is not None or (found.kind == "baseline" and found.phase == "done"):
        return None

    def draw() -> Markup:
        live = live_of(visit.store, known.campaign, known.model.file, known.progress, visit.kept.curves,
                       visit.say)  # fmt: skip
        drawn = render(
            "live", visit.session.language, campaign=found, progress=standing.progress, live=live,
            sign=known.model.file.objective().sign,
            metric=standing.model.file.goal.metric, unit=known.model.file.training.budget.unit,
            is_operator=visit.caller.role >= Role.OPERATOR,
        )  # fmt: skip
        return Markup(drawn)  # noqa: S704 - a template of ours made it, which escapes

    # drawn once for all who watch in a language
    key = ("live", found.id, visit.caller.role, visit.session.language, found.phase, found.waits, found.failure)
    live = visit.kept.of(key, draw, mark_of(visit.store, known.campaign))
    return "campaign", {"campaign": found, "live": live}


def alerts(visit: Visit) -> Shown:
    """What owners were told, newest first."""
    found = visit.shown(visit.verbs.alerts(visit.query.get("model"), A_PAGE, visit.query.get("cursor")))
    return "alerts", {"alerts": found.alerts, "next": found.next, "model": visit.query.get("model"), "now": visit.now}


def health(visit: Visit) -> Shown:
    """What `retuned status` says."""
    return "health", {"health": visit.shown(visit.verbs.status()), "now": visit.now}


def done(verb: str, result: Any, say: Say = ENGLISH) -> str:  # noqa: ANN401 - each verb returns another record
    """What a form's action did, in a sentence."""
    if verb == "retune":
        queued = say.gettext("Re-evaluation %(number)d is queued.")
        after = say.gettext("Re-evaluation %(number)d is queued after the baseline.")
        return (queued if result.baseline is None else after) % {"number": result.campaign.id}
    if verb == "baseline":
        return say.gettext("Baseline %(number)d is queued.") % {"number": result.campaign.id}
    if verb in ("cancel", "ack", "snooze", "unsnooze"):
        num = len(result)
        words = {
            "cancel": say.ngettext("%(num)d campaign cancelled.", "%(num)d campaigns cancelled.", num),
            "ack": say.ngettext("%(num)d alert acknowledged.", "%(num)d alerts acknowledged.", num),
            "snooze": say.ngettext("%(num)d alert snoozed.", "%(num)d alerts snoozed.", num),
            "unsnooze": say.ngettext("%(num)d alert no longer snoozed.", "%(num)d alerts no longer snoozed.", num),
        }
        return words[verb] % {"num": num}
    if verb in ("pause", "resume"):
        return say.gettext("%(name)s is %(state)s now.") % {"name": result.name, "state": state_of(result.state, say)}
    return say.gettext("Settings v%(version)d are current now.") % {"version": result.settings_version}


def number_in(text: str) -> int:
    """The number in an address; 0, which nothing has, where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0

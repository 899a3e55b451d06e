"""What each page shows, read from the database: the name of its template, and the template's values."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from ...strategies.records import Outcome
from ...strategies.verdict.notice import render as render_value
from ...strategies.verdict.verdict_records import Verdict
from ...strategies.verdict.verdict_words import figure
from ...strategies.words import age, counted
from ..state.models.fleet import NO_VERDICT, ORDERS, Counts, FleetModel, Wanted, fleet_counts, fleet_page, owners
from ..state.models.registry import settings_of
from ..state.paging import Order
from .live import live_of
from .trend import trend_of
from .visit import Visit

Shown = tuple[str, dict[str, Any]]
A_PAGE = 100
MOST_OWNERS = 500
OVERDUE_AFTER = timedelta(days=1)
MONTHS = 12


def fleet(visit: Visit) -> Shown:
    """Every model in a row, the worst first."""
    wanted = wanted_of(visit)
    models, count = fleet_page(visit.store, wanted, A_PAGE)
    counts = fleet_counts(visit.store, visit.now - OVERDUE_AFTER)
    rows = [
        {"model": row, "what": _what(row, visit), "trend": trend_of(row.past), "is_late": _is_late(row, visit.now)}
        for row in models
    ]
    kept = {"q": wanted.text, "owner": wanted.owner, "verdict": wanted.verdict, "sort": wanted.order}
    return "fleet", {
        "rows": rows,
        "count": count,
        "headline": headline(counts, visit.now),
        "wanted": wanted,
        "owners": owners(visit.store, MOST_OWNERS),
        "verdicts": [*(outcome.value for outcome in Outcome), NO_VERDICT],
        "orders": ORDERS,
        "now": visit.now,
        "pages": _pages(count, wanted.page, {key: value for key, value in kept.items() if value}),
    }


def wanted_of(visit: Visit) -> Wanted:
    """What the address asks for; what it says of unknown words is left out."""
    query = visit.query
    page, verdict, order = query.get("page", "1"), query.get("verdict"), query.get("sort", "")
    known = {outcome.value for outcome in Outcome} | {NO_VERDICT}
    return Wanted(
        text=query.get("q", "")[:100],
        owner=query.get("owner") or None,
        verdict=verdict if verdict in known else None,
        order=order if order in ORDERS else ORDERS[0],
        page=int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 7 and int(page) else 1,
    )


def headline(counts: Counts, now: datetime) -> str:
    """The state of the fleet in one sentence."""
    if not counts.active:
        return "No model is watched yet."
    of = counts.by_verdict
    parts = [f"{of.get(Outcome.FRESH.value, 0)} of {counted(counts.active, 'model')} fresh"]
    bad = (Outcome.BROKEN, Outcome.STALE, Outcome.DEGRADED, Outcome.INCONCLUSIVE)
    parts += [f"{of[outcome.value]} {outcome.value}" for outcome in bad if of.get(outcome.value)]
    if of.get(NO_VERDICT):
        parts.append(f"{of[NO_VERDICT]} not yet re-evaluated")
    if counts.overdue and counts.oldest_due_at is not None:
        parts.append(f"{counts.overdue} overdue, the oldest for {age(now - counts.oldest_due_at)}")
    return ", ".join(parts) + "."


def model(visit: Visit) -> Shown:
    """One model: current settings, what was found about it, when it is looked at again."""
    name = visit.path["name"]
    found = visit.verbs.show(name)
    shown, known = visit.shown(found), found.model
    drift = visit.verbs.drift(name, 50, None, Order.NEWEST)
    space = known.file.hyperparameters
    values = [(key, render_value(known.configuration[key])) for key in space if key in known.configuration]
    return "model", {
        "shown": shown,
        "model": shown.model,
        "values": values,
        "verdict": shown.last,
        "points": visit.shown(drift.points),
        "settings": visit.shown(settings_of(visit.store, known, Order.NEWEST, None, 20)),
        "now": visit.now,
    }


def campaign(visit: Visit) -> Shown | None:
    """A campaign and how far it is; None where it has ended with something to report."""
    known = visit.verbs.standing(number_in(visit.path["campaign"]))
    standing, sign = visit.shown(known), known.model.file.objective().sign
    found = standing.campaign
    if found.verdict is not None or (found.kind == "baseline" and found.phase == "done"):
        return None
    return "campaign", {
        "campaign": found,
        "progress": standing.progress,
        "live": live_of(visit.store, known.campaign, known.model.file, known.progress),
        "sign": sign,
        "metric": standing.model.file.goal.metric,
        "unit": known.model.file.training.budget.unit,
        "now": visit.now,
    }


def alerts(visit: Visit) -> Shown:
    """What owners were told, newest first."""
    found = visit.shown(visit.verbs.alerts(visit.query.get("model"), A_PAGE, visit.query.get("cursor")))
    return "alerts", {"alerts": found.alerts, "next": found.next, "model": visit.query.get("model"), "now": visit.now}


def schedule(visit: Visit) -> Shown:
    """What is due in the coming year, soonest first."""
    found = visit.shown(visit.verbs.schedule(MONTHS, visit.query.get("model"), A_PAGE, visit.query.get("cursor")))
    months: dict[str, list[Any]] = {}
    for planned in found.dates:
        months.setdefault(f"{planned.due_at:%B %Y}", []).append(planned)
    return "schedule", {"months": months, "next": found.next, "model": visit.query.get("model")}


def health(visit: Visit) -> Shown:
    """What `retuned status` says."""
    return "health", {"health": visit.shown(visit.verbs.status()), "now": visit.now}


def done(verb: str, result: Any) -> str:  # noqa: ANN401 - each verb returns another record
    """What a form's action did, in a sentence."""
    if verb == "retune":
        after = " after the baseline" if result.baseline is not None else ""
        return f"Re-evaluation {result.campaign.id} is queued{after}."
    if verb == "baseline":
        return f"Baseline {result.campaign.id} is queued."
    if verb == "cancel":
        return f"{counted(len(result), 'campaign')} cancelled."
    if verb in ("ack", "snooze", "unsnooze"):
        words = {"ack": "acknowledged", "snooze": "snoozed", "unsnooze": "no longer snoozed"}
        return f"{counted(len(result), 'alert')} {words[verb]}."
    if verb in ("pause", "resume"):
        return f"{result.name} is {result.state} now."
    return f"Settings v{result.settings_version} are current now."


def number_in(text: str) -> int:
    """The number in an address; 0, which nothing has, where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _what(row: FleetModel, visit: Visit) -> str:
    """What it costs to leave the model as it is, or what happens to it, in a few words."""
    if row.running:
        number, kind, phase, waits = row.running[0]
        what = "re-evaluation" if kind == "retune" else kind
        return f"{what} {number}: {phase}" + (f", {waits}" if waits and not visit.is_viewer else "")
    if row.state != "active":
        return f"{row.state}: not re-evaluated by schedule"
    return "" if row.verdict is None else cost_of(row.verdict, row.metric, is_of_current=row.is_of_current)


def cost_of(verdict: Verdict, metric: str, *, is_of_current: bool) -> str:
    """What the verdict says that the current settings lose."""
    if not is_of_current:
        return "newer settings are current; not yet re-evaluated"
    if verdict.outcome is Outcome.STALE and verdict.lower is not None:
        return f"loses {figure(verdict.mean)} {metric}, at least {figure(verdict.lower)}"
    if verdict.outcome is Outcome.BROKEN:
        return f"{verdict.incumbent_failed} of {verdict.incumbent_runs} trainings fail"
    if verdict.outcome is Outcome.DEGRADED:
        return f"{metric} fell by {figure(verdict.drop)}; no better settings known"
    return "look at your data" if verdict.suspicions else ""


def _is_late(row: FleetModel, now: datetime) -> bool:
    is_due = row.next_due_at is not None and row.next_due_at < now - OVERDUE_AFTER
    return row.state == "active" and is_due and not row.running


def _pages(count: int, page: int, kept: dict[str, Any]) -> list[tuple[str, str]]:
    """Links to the pages before and after, with what was chosen."""
    last = max(1, -(-count // A_PAGE))
    links = [("previous", page - 1)] if page > 1 else []
    links += [("next", page + 1)] if page < last else []
    return [(word, "/?" + urlencode({**kept, "page": number})) for word, number in links]

"""The page of the fleet: every model in a row, the worst first, and above them what they have in common."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup

from ...strategies.records import Outcome
from ...strategies.verdict.verdict_records import Verdict
from ...strategies.verdict.verdict_words import figure
from ...strategies.words import age, counted
from ..state.alert_rows import shared_changes
from ..state.last_looks import SinceThen, note_look, since_then
from ..state.models.fleet import (
    NO_VERDICT,
    ORDERS,
    Condition,
    Counts,
    FleetModel,
    Wanted,
    fleet_counts,
    fleet_mark,
    fleet_page,
)
from ..state.models.model_list import owners, tags
from ..state.overview import claimed_campaigns, count_open, first_open
from ..state.tokens import Role
from .render import render
from .trend import trend_of
from .views import A_PAGE
from .visit import Visit

MOST_OWNERS, MOST_TAGS, MOST_CHANGES, MOST_NEXT = 500, 500, 10, 3
OVERDUE_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Body:
    """What is the same for everybody of a role who asks for these models."""

    headline: str
    rows: Markup
    count: int
    owners: tuple[str, ...]
    tags: tuple[str, ...]
    changes: tuple[tuple[str, str, int], ...]
    runs: str
    has_alerts: bool


def fleet(visit: Visit) -> tuple[str, dict[str, Any]]:
    """Every model in a row, the worst first."""
    wanted = wanted_of(visit)
    minute = visit.now.replace(second=0, microsecond=0)
    body = visit.kept.of(("fleet", wanted, visit.caller.role, minute), lambda: _body(visit, wanted, minute))
    narrowed = {"q": wanted.text, "owner": wanted.owner, "tag": wanted.tag, "verdict": wanted.verdict,
                "change": wanted.change}  # fmt: skip
    chosen = {key: value for key, value in (*narrowed.items(), ("sort", wanted.order)) if value}
    return "fleet", {
        "body": body,
        "wanted": wanted,
        "is_narrowed": any(narrowed.values()),
        "verdicts": [*(outcome.value for outcome in Outcome), NO_VERDICT],
        "orders": ORDERS,
        "pages": _pages(body.count, wanted.page, chosen),
        "back": urlencode({**chosen, "page": wanted.page}),
        "since": _since(visit, minute),
    }


def wanted_of(visit: Visit) -> Wanted:
    """What the address asks for; what it says of unknown words is left out."""
    query = visit.query
    page, verdict, order = query.get("page", "1"), query.get("verdict"), query.get("sort", "")
    known = {outcome.value for outcome in Outcome} | {NO_VERDICT}
    return Wanted(
        text=query.get("q", "")[:100],
        owner=query.get("owner") or None,
        tag=query.get("tag") or None,
        verdict=verdict if verdict in known else None,
        change=query.get("change") or None,
        order=order if order in ORDERS else ORDERS[0],
        page=int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 7 and int(page) else 1,
    )


def back_to(query: str) -> str:
    """The address of the fleet with the choice that a form of it sent along."""
    return "/?" + urlencode(parse_qsl(query[:2000], max_num_fields=20)) if query else "/"


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
    return ""


def reasons_of(row: FleetModel, now: datetime, role: Role) -> str:
    """Why the model stands as it does, the worst first: what staying costs, and what is wrong around it."""
    if row.condition is Condition.RESTING:
        return f"{row.state}: not re-evaluated by schedule"
    found = "" if row.verdict is None else cost_of(row.verdict, row.metric, is_of_current=row.is_of_current)
    parts = [found] if found else []
    if row.untold is not None:
        why = f" ({row.untold})" if role >= Role.OPERATOR and row.untold else ""
        parts.append(f"a message about it was not delivered{why}")
    if row.is_late and row.next_due_at is not None:
        parts.append(f"due for {age(now - row.next_due_at)}, and nothing is queued")
    if row.verdict is not None and row.verdict.suspicions:
        parts.append(f"look at your data: {row.verdict.suspicions[0]}")
    return "; ".join(parts)


def said_since(since: SinceThen) -> str:
    """What has happened, in a sentence; empty: nothing."""
    total = sum(since.verdicts.values())
    each = ", ".join(f"{count} {outcome}" for outcome, count in since.verdicts.items())
    parts = [f"{counted(total, 're-evaluation')} ended ({each})"] if total else []
    parts += [f"{counted(since.alerts, 'alert')} raised"] if since.alerts else []
    parts += [f"settings changed {counted(since.settings, 'time')}"] if since.settings else []
    return "; ".join(parts)


def _body(visit: Visit, wanted: Wanted, now: datetime) -> _Body:
    late = now - OVERDUE_AFTER
    models, count = fleet_page(visit.store, wanted, A_PAGE, late)
    rows = [
        {"model": row, "why": reasons_of(row, now, visit.caller.role), "runs": _runs(row, visit),
         "trend": trend_of(row.past), "wait": _wait(row, now)}
        for row in models
    ]  # fmt: skip
    is_operator = visit.caller.role >= Role.OPERATOR
    table = render("fleet_rows", rows=rows, now=now, is_operator=is_operator)
    changes, mark = shared_changes(visit.store, MOST_CHANGES), fleet_mark(visit.store)
    counts = visit.kept.of(("counts", now), lambda: fleet_counts(visit.store, late), mark)
    return _Body(
        headline=headline(counts, now),
        rows=Markup(table),  # noqa: S704 - a template of ours made it, which escapes
        count=count,
        owners=visit.kept.of("owners", lambda: owners(visit.store, MOST_OWNERS), mark),
        tags=visit.kept.of("tags", lambda: tags(visit.store, MOST_TAGS), mark),
        changes=tuple((change, "/?" + urlencode({"change": change}), n) for change, n in changes),
        runs=_what_runs(visit),
        has_alerts=any(row.unanswered for row in models),
    )


def _since(visit: Visit, minute: datetime) -> str:
    """The line about what has happened since the visitor's last visit; empty on the first."""
    then = note_look(visit.store, visit.caller.name, visit.now)
    if then is None:
        return ""
    since = visit.kept.of(("since", then, minute), lambda: since_then(visit.store, then))
    return f"Since you last looked, {age(visit.now - then)} ago: {said_since(since) or 'nothing has happened'}."


def _what_runs(visit: Visit) -> str:
    """What is re-evaluated now, and what comes next; empty: nothing."""
    claimed = claimed_campaigns(visit.store)
    numbers = {campaign.id for campaign in claimed}
    following = [each for each in first_open(visit.store, MOST_NEXT + len(claimed)) if each.id not in numbers]
    now = ", ".join(f"{each.model} ({each.phase})" for each in claimed[:MOST_NEXT])
    more = count_open(visit.store) - len(claimed) - len(following[:MOST_NEXT])
    then = ", ".join(each.model for each in following[:MOST_NEXT]) + (f" and {more} more" if more > 0 else "")
    parts = [f"runs now: {now}" if now else "", f"next: {then}" if then else ""]
    said = "; ".join(part for part in parts if part)
    return said[:1].upper() + said[1:] + "." if said else ""


def _runs(row: FleetModel, visit: Visit) -> tuple[int, str] | None:
    """The first open campaign of the model, in a few words."""
    if not row.running:
        return None
    number, kind, phase, waits = row.running[0]
    what = "re-evaluation" if kind == "retune" else kind
    return number, f"{what} {number}: {phase}" + (f", {waits}" if waits and not visit.is_viewer else "")


def _wait(row: FleetModel, now: datetime) -> tuple[float, str] | None:
    """How much of the time from the last re-evaluation, or the current settings, to the next one is over."""
    if row.state != "active" or row.next_due_at is None:
        return None
    last = max(row.settings_since, row.judged_at or row.settings_since)
    whole = row.next_due_at - last
    if whole <= timedelta(0):
        return None
    share = min(1.0, max(0.0, (now - last) / whole))
    return share, f"{age(now - last)} of {age(whole)}"


def _pages(count: int, page: int, kept: dict[str, Any]) -> list[tuple[str, str]]:
    """Links to the pages before and after, with what was chosen."""
    last = max(1, -(-count // A_PAGE))
    links = [("previous", page - 1)] if page > 1 else []
    links += [("next", page + 1)] if page < last else []
    return [(word, "/?" + urlencode({**kept, "page": number})) for word, number in links]

"""The page of the fleet: every model in a row, the worst first, and above them what they have in common."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup

from ...strategies.records import Outcome
from ..state.alert_rows import shared_changes
from ..state.last_looks import note_look, since_then
from ..state.models.fleet import (
    NO_VERDICT,
    ORDERS,
    FleetModel,
    Wanted,
    fleet_counts,
    fleet_mark,
    fleet_page,
)
from ..state.models.model_list import owners, tags
from ..state.overview import claimed_campaigns, count_open, first_open
from ..state.tokens import Role
from .fleet_words import condition_of, headline, reasons_of, said_since
from .languages import Say, aged
from .render import render
from .terms import campaign_called
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
    minute, say = visit.now.replace(second=0, microsecond=0), visit.say
    key = ("fleet", wanted, visit.caller.role, visit.session.language, minute)
    # who has just acted, and is told so, sees what came of it
    body = visit.kept.of(key, lambda: _body(visit, wanted, minute), or_older=not visit.session.news)
    narrowed = {"q": wanted.text, "owner": wanted.owner, "tag": wanted.tag, "verdict": wanted.verdict,
                "change": wanted.change}  # fmt: skip
    chosen = {key: value for key, value in (*narrowed.items(), ("sort", wanted.order)) if value}
    return "fleet", {
        "body": body,
        "wanted": wanted,
        "is_narrowed": any(narrowed.values()),
        "verdicts": [*(outcome.value for outcome in Outcome), NO_VERDICT],
        "orders": _orders(say),
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


def _body(visit: Visit, wanted: Wanted, now: datetime) -> _Body:
    late, say = now - OVERDUE_AFTER, visit.say
    models, count = fleet_page(visit.store, wanted, A_PAGE, late)
    rows = [
        {"model": row, "why": reasons_of(row, now, visit.caller.role, say), "runs": _runs(row, visit),
         "condition": condition_of(row, say), "trend": trend_of(row.past, say), "wait": _wait(row, now, say)}
        for row in models
    ]  # fmt: skip
    is_operator = visit.caller.role >= Role.OPERATOR
    table = render("fleet_rows", visit.session.language, rows=rows, now=now, is_operator=is_operator)
    changes, mark = shared_changes(visit.store, MOST_CHANGES), fleet_mark(visit.store)
    counts = visit.kept.of(("counts", now), lambda: fleet_counts(visit.store, late), mark)
    return _Body(
        headline=headline(counts, now, say),
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
    since, say = visit.kept.of(("since", then, minute), lambda: since_then(visit.store, then)), visit.say
    what = said_since(since, say) or say.gettext("nothing has happened")
    ago = aged(visit.now - then, say)
    return say.gettext("Since you last looked, %(ago)s ago: %(what)s.") % {"ago": ago, "what": what}


def _what_runs(visit: Visit) -> str:
    """What is re-evaluated now, and what comes next; empty: nothing."""
    claimed, say = claimed_campaigns(visit.store), visit.say
    numbers = {campaign.id for campaign in claimed}
    following = [each for each in first_open(visit.store, MOST_NEXT + len(claimed)) if each.id not in numbers]
    now = ", ".join(f"{each.model} ({each.phase})" for each in claimed[:MOST_NEXT])
    more = count_open(visit.store) - len(claimed) - len(following[:MOST_NEXT])
    then = ", ".join(each.model for each in following[:MOST_NEXT])
    then += say.gettext(" and %(num)d more") % {"num": more} if more > 0 else ""
    parts = [say.gettext("runs now: %(what)s") % {"what": now} if now else "",
             say.gettext("next: %(what)s") % {"what": then} if then else ""]  # fmt: skip
    said = "; ".join(part for part in parts if part)
    return said[:1].upper() + said[1:] + "." if said else ""


def _runs(row: FleetModel, visit: Visit) -> tuple[int, str] | None:
    """The first open campaign of the model, in a few words."""
    if not row.running:
        return None
    number, kind, phase, waits = row.running[0]
    what = campaign_called(kind, number, visit.say)
    return number, f"{what}: {phase}" + (f", {waits}" if waits and not visit.is_viewer else "")


def _wait(row: FleetModel, now: datetime, say: Say) -> tuple[float, str] | None:
    """How much of the time from the last re-evaluation, or the current settings, to the next one is over."""
    if row.state != "active" or row.next_due_at is None:
        return None
    last = max(row.settings_since, row.judged_at or row.settings_since)
    whole = row.next_due_at - last
    if whole <= timedelta(0):
        return None
    share = min(1.0, max(0.0, (now - last) / whole))
    return share, say.gettext("%(passed)s of %(whole)s") % {"passed": aged(now - last, say), "whole": aged(whole, say)}


def _orders(say: Say) -> dict[str, str]:
    """The orders of the fleet, in words."""
    words = (say.gettext("worst"), say.gettext("name"), say.gettext("owner"), say.gettext("due"), say.gettext("judged"),
             say.gettext("running"))  # fmt: skip
    return dict(zip(ORDERS, words, strict=True))


def _pages(count: int, page: int, kept: dict[str, Any]) -> list[tuple[str, str]]:
    """Links to the pages before and after, with what was chosen."""
    last = max(1, -(-count // A_PAGE))
    links = [("previous", page - 1)] if page > 1 else []
    links += [("next", page + 1)] if page < last else []
    return [(word, "/?" + urlencode({**kept, "page": number})) for word, number in links]

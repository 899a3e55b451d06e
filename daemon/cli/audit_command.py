"""The command that shows who did what."""

from typing import Annotated, Any

import typer

from ..state.audit import AuditEntry
from .output import print_json_line, say
from .paged import All, Limit, pages, say_more, wants_all

app = typer.Typer()


@app.command("audit")
def _audit(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only models of this name, removed ones included.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="From this day or moment on (UTC), such as 2026-01-31.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a JSON object a line, for programs.")] = False,
    limit: Limit = None,
    is_all: All = False,
) -> None:
    """Show who changed what, when and why, newest first; nothing in it can be changed."""
    is_whole, verbs = wants_all(limit, is_all, jsonl), context.obj.listing
    for page in pages(lambda rows, cursor: verbs.audit(name, since, rows, cursor), limit, is_whole):
        for entry in page.entries:
            if jsonl:
                print_json_line(audit_json(entry))
            else:
                say(_line(entry))
        if not jsonl:
            if not page.entries:
                say("nothing is on record")
            say_more(page, is_whole)


def audit_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry of the audit."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "by": entry.by,
        "act": entry.act,
        "model": entry.model,
        "subject": entry.subject,
        "before": dict(entry.before),
        "after": dict(entry.after),
        "why": entry.why,
        "request_id": entry.request_id,
    }


def _line(entry: AuditEntry) -> str:
    about = " ".join(part for part in (entry.act, entry.model, f"({entry.subject})" if entry.subject else "") if part)
    request = f", request {entry.request_id}" if entry.request_id else ""
    lines = [f"[{entry.at:%Y-%m-%d %H:%M} UTC] {entry.by}: {about}{request}"]
    lines += [f"  why: {entry.why}"] if entry.why else []
    changed = {**entry.before, **entry.after}
    lines += [f"  {name}: {_value(entry.before, name)} -> {_value(entry.after, name)}" for name in changed]
    return "\n".join(lines)


def _value(side: Any, name: str) -> str:  # noqa: ANN401 - JSON values by name
    if name not in side:
        return "-"
    value = side[name]
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)

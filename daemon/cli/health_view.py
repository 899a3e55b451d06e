"""The service's health for people."""

from datetime import datetime

from rich.console import Console

from ...strategies.words import age, readable
from ..upkeep.health_records import Health
from .looks import due_text
from .screen import Text, table

COLOURS = {"ok": "green", "degraded": "yellow", "failing": "red"}


def show_health(out: Console, health: Health, now: datetime) -> None:
    """Print what `retuned status` shows: overall health, problems, facts, campaigns, last errors."""
    out.print(Text.assemble(("retuned ", "bold"), health.version, ": ", (health.overall, COLOURS[health.overall])))
    for sentence in health.sentences:
        out.print(Text(f"  - {sentence}"))
    for name, value in _facts(health, now):
        out.print(Text.assemble((f"{name:<12}", "dim"), readable(value)))
    if health.running:
        out.print()
        rows = [
            (str(work.campaign), work.model, work.kind, work.phase, f"{work.runs_done} of {work.runs_planned}",
             "" if work.expected_end is None else f"{work.expected_end:%Y-%m-%d %H:%M}")
            for work in health.running
        ]  # fmt: skip
        table(out, ("running", "model", "kind", "phase", "runs", "expected end (UTC)"), rows, "")
    if health.queue:
        out.print()
        next_step = "about to start" if health.is_serving else "starts with a service, or by hand"
        queued = [
            (str(waiting.campaign), waiting.model, waiting.kind, waiting.why or next_step) for waiting in health.queue
        ]
        table(out, ("waiting", "model", "kind", "why"), queued, "")
        if health.queue_length > len(health.queue):
            out.print(f"... and {health.queue_length - len(health.queue)} more")
    if health.next_looks:
        out.print()
        looks = [(f"{look.at:%Y-%m-%d %H:%M}", look.model, due_text(look.cool_down)) for look in health.next_looks]
        table(out, ("next looks (UTC)", "model", "a change makes it due"), looks, "")
    if health.faults:
        out.print()
        shown = [(f"{fault.at:%Y-%m-%d %H:%M}", fault.part, fault.sentence) for fault in health.faults[:5]]
        table(out, ("last errors (UTC)", "part", "what"), shown, "")


def _facts(health: Health, now: datetime) -> list[tuple[str, str]]:
    facts = [("state", health.state)]
    if health.is_serving and health.up_since is not None:
        facts.append(
            ("up since", f"{health.up_since:%Y-%m-%d %H:%M} UTC ({age(now - health.up_since)}), pid {health.pid}")
        )
    if health.last_tick is not None:
        tick = health.last_tick
        facts.append(("last round", f"{age(now - tick.at)} ago, took {tick.seconds * 1000:.0f} ms"))
    facts.append(("models", ", ".join(f"{count} {state}" for state, count in health.models) or "none"))
    if health.next_due is not None:
        facts.append(("next due", f"{health.next_due.model}, {health.next_due.due_at:%Y-%m-%d %H:%M} UTC"))
    facts.append(("alerts", health.alerts.sentence))
    messages = f"{health.messages.pending} to deliver, {health.messages.dead} given up"
    places = ", ".join(channel.place for channel in health.channels)
    facts.append(("messages", messages + (f" ({places})" if places else "")))
    facts.append(("disk", _disk(health)))
    if health.last_backup is not None:
        backup = health.last_backup
        facts.append(("last backup", f"{backup.at:%Y-%m-%d %H:%M} UTC, {_size(backup.size_bytes)}, {backup.path}"))
    return facts


def _disk(health: Health) -> str:
    disk = health.disk
    free = f"{_size(disk.free_bytes)} free of {_size(disk.total_bytes)}"
    if disk.models_bytes is None:
        return free
    largest = ", ".join(f"{name} {_size(size)}" for name, size in disk.models[:5])
    return f"{free}; models use {_size(disk.models_bytes)}" + (f" ({largest})" if largest else "")


def _size(count: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count / size < 1000 else f"{count / size:.0f} {unit}"
    return f"{count} B"

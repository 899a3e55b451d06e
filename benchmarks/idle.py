"""What a service costs that waits: start, a round, memory and processor time with 10,000 registered models.

python benchmarks/idle.py --minutes 10      writes benchmarks/results/idle.json

The first model is registered as any other; the rest are copies of its rows under other names, with due dates spread
over the three months after the study and their baselines done, so that nothing falls due while it is watched. Their
looks at data, code and environment are spread over the day, as they are after a day of service; what the children cost
that look is in the figure, and told alone as well.
Memory and processor time are read from /proc, from outside; the length of a round from what the service writes down.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record
from process_costs import cpu_s, rss_bytes, status_of
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.models.registry import register
from retuned.daemon.state.store import Store, to_text
from retuned.daemon.upkeep.health import health_of
from retuned.daemon.upkeep.metrics import metrics_text
from scene import TOY_MODEL

RESULT = Path(__file__).parent / "results" / "idle.json"
LIMITS = {"start_s": 3.0, "tick_ms": 50.0, "rss_mib": 80.0, "cpu_percent": 0.5}
START_TIMEOUT_S, SAMPLED_EVERY_S, STOP_TIMEOUT_S = 60.0, 2.0, 30.0
SETTLED_AFTER_S = 5.0
LOOKS = 20
MIB = 1 << 20


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10.0, help="10: a look for changes falls into each")
    parser.add_argument("--tick-s", type=float, default=30.0, help="[service] tick_s; the default is the service's")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="retuned-idle-"))
    try:
        state = make_state(folder, given.models)
        config = folder / "config.toml"
        config.write_text(f'state = "{state}"\n[service]\ntick_s = {given.tick_s}\n')
        found = {**watch(folder, config, given.minutes * 60.0), **looks(state)}
    finally:
        shutil.rmtree(folder)
    kept = {name: found[name] < limit for name, limit in LIMITS.items()}
    record = header(f"python benchmarks/idle.py --models {given.models} --minutes {given.minutes:g}")
    record |= {"models": given.models, "tick_s": given.tick_s, **found, "limits": LIMITS, "is_within": kept}
    rows = [
        {"what": name, "found": found[name], "limit": limit, "within": kept[name]} for name, limit in LIMITS.items()
    ]
    print_table("a service that waits", rows)
    write_record(given.out, record)
    sys.exit(0 if all(kept.values()) else 1)


def make_state(folder: Path, models: int) -> Path:
    """A state folder with so many models, none of them due for a day."""
    (folder / "data.json").write_text("{}")
    source = folder / "model.toml"
    source.write_text(TOY_MODEL % "30s")
    state, now = folder / "state", datetime.now(UTC)
    with closing(Store(state)) as store:
        first = register(store, load_model_file(source), source, now).model
        with store.transaction():
            store.change("UPDATE campaigns SET phase = 'done', ended_at = ?", (to_text(now),))
            for number in range(1, models):
                _copy(store, first.id, f"toy-{number}")
            later = now + timedelta(days=1)
            for n in range(models):
                due, look = later + timedelta(days=89 * n / models), now + timedelta(days=n / models)
                row = (to_text(due), to_text(look), n + 1)
                store.change("UPDATE models SET next_due_at = ?, next_look_at = ? WHERE id = ?", row)
    return state


def _copy(store: Store, model_id: int, name: str) -> None:
    """The rows of a model once more, under another name."""
    for table in ("models", "model_versions", "settings", "campaigns"):
        key = "id" if table == "models" else "model_id"
        row = dict(store.row(f"SELECT * FROM {table} WHERE {key} = ?", (model_id,)) or {})  # noqa: S608 - four fixed names
        if table == "models":
            del row["id"]
            number = store.insert(table, row | {"name": name})
            continue
        if table == "model_versions":
            row["body"] = json.dumps(json.loads(row["body"]) | {"name": name})
        row.pop("id", None)
        store.insert(table, row | {"model_id": number})


def watch(folder: Path, config: Path, seconds: float) -> dict[str, Any]:
    """Start a service, and watch it from outside for so long."""
    with _listening(folder / "notify") as notified, (folder / "log").open("w") as log:
        environ = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        command = [sys.executable, "-m", "retuned.daemon", "--config", str(config), "serve"]
        began = time.monotonic()
        service = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            _wait_until_ready(notified, service, folder / "log")
            start_s = time.monotonic() - began
            time.sleep(SETTLED_AFTER_S)
            return {"start_s": start_s, **_sampled(service.pid, folder / "state", seconds)}
        finally:
            service.send_signal(signal.SIGTERM)
            try:
                service.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()


def _sampled(pid: int, state: Path, seconds: float) -> dict[str, Any]:
    ticks: dict[int, float] = {}
    rss: list[int] = []
    began, (own_s, children_s) = time.monotonic(), cpu_s(pid)
    while time.monotonic() - began < seconds:
        number, length_s = _last_tick(state)
        ticks[number] = length_s
        rss.append(rss_bytes(pid))
        time.sleep(SAMPLED_EVERY_S)
    watched_s, (own_then_s, children_then_s) = time.monotonic() - began, cpu_s(pid)
    used_s, looks_s = own_then_s + children_then_s - own_s - children_s, children_then_s - children_s
    return {
        "watched_s": round(watched_s, 1),
        "ticks": len(ticks),
        # the longest of all, the first included, which reads what the later ones know
        "tick_ms": max(ticks.values()) * 1000,
        "tick_ms_median": statistics.median(ticks.values()) * 1000,
        "rss_mib": max(rss) / MIB,
        "rss_mib_first": rss[0] / MIB,
        "rss_mib_last": rss[-1] / MIB,
        "cpu_s": used_s,
        "cpu_percent": 100 * used_s / watched_s,
        "looks_cpu_s": looks_s,
        "threads": int(status_of(pid)["Threads"]),
    }


def looks(state: Path) -> dict[str, float]:
    """How long `retuned status` and a scrape of /metrics read the database, in milliseconds, in this process."""
    config = Config(state=state)
    with closing(Store(state)) as store:
        return {
            "health_ms": _median_ms(lambda: health_of(store, config, datetime.now(UTC))),
            "metrics_ms": _median_ms(lambda: metrics_text(store, config, datetime.now(UTC))),
        }


def _median_ms(look: Callable[[], object]) -> float:
    lengths = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        look()
        lengths.append(time.perf_counter() - began)
    return statistics.median(lengths) * 1000


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket such as systemd gives to a service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(path))
        notified.settimeout(1.0)
        yield notified


def _wait_until_ready(notified: socket.socket, service: "subprocess.Popen[bytes]", log: Path) -> None:
    ends_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < ends_at and service.poll() is None:
        try:
            if b"READY=1" in notified.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            continue
    sys.exit(f"the service did not become ready:\n{log.read_text()[-3000:]}")


def _last_tick(state: Path) -> tuple[int, float]:
    """The number and the length of the last round, as the service wrote them down."""
    with closing(sqlite3.connect(f"file:{state}/retuned.sqlite3?mode=ro", uri=True)) as database:
        row = database.execute("SELECT value FROM service_facts WHERE name = 'heartbeat'").fetchone()
    told = json.loads(row[0])
    return told["tick"], told["tick_s"]


if __name__ == "__main__":
    main()

"""Alerts while the service is killed again and again: does each message arrive, and how often twice?

    python benchmarks/alerts.py --alerts 1000 --kills 40

Alerts are raised in batches by this process, as campaign processes do, while `retuned serve` delivers them to a
channel; the service is killed (SIGKILL) at random moments and started again. The receiver answers one request in fifty
with 500. Each message has a stable id: none may be lost, and what arrives twice is counted. Exit code 1 where one is
lost.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config, load_config
from retuned.daemon.state.alert_raising import Found, raise_for_service
from retuned.daemon.state.running_service import is_serving
from retuned.daemon.state.store import Store
from retuned.strategies.alerting.message import Kind, Severity

RESULT = Path(__file__).parent / "results" / "alerts.json"
LIVES_S = (0.0, 2.1)  # of a service, from when it serves to its death, so that a busy machine kills none before that
WAIT_S = 600.0
CONFIG = """[service]
tick_s = 0.2
log = "json"
[api]
listen = "off"
[alerts]
allow = ["127.0.0.1"]
[channels.ops]
kind = "webhook"
url = "http://127.0.0.1:{port}/hook"
insecure = true
"""


class Receiver(ThreadingHTTPServer):
    """Counts the messages that it accepts and those that it turns down, by their ids."""

    def __init__(self, seed: int) -> None:
        """Begin to answer."""
        super().__init__(("127.0.0.1", 0), _Answer)
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.generator, self.lock = random.Random(seed), threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, message: str) -> int:
        """The status of the answer to a message."""
        with self.lock:
            is_refused = self.generator.random() < 0.02
            (self.refused if is_refused else self.accepted)[message] += 1
        return 500 if is_refused else 204


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Read the message, and accept it or not."""
        self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Receiver)
        self.send_response(self.server.take(self.headers["webhook-id"]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> int:
    """Run the study, print and write what came out."""
    options = _options()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        row = study(Path(folder), options.alerts, options.kills, options.seed)
    print_table("alerts, and a service that is killed", [row])
    command = f"python benchmarks/alerts.py --alerts {options.alerts} --kills {options.kills} --seed {options.seed}"
    write_record(options.out, header(command) | {"seconds": round(time.perf_counter() - started, 1), "killed": row})
    return 1 if row["lost"] or row["dead"] else 0


def study(folder: Path, alerts: int, kills: int, seed: int) -> dict[str, Any]:
    """So many alerts, raised between so many kills, and what became of their messages."""
    generator, receiver = random.Random(seed), Receiver(seed)
    file = folder / "config.toml"
    file.write_text(f'state = "{folder / "state"}"\n{CONFIG.format(port=receiver.server_port)}')
    config = load_config(file, {})
    store, raised = Store(config.state), 0
    for kill in range(kills):
        service = _start(file, folder)
        while not is_serving(store.state):
            time.sleep(0.01)
        until = alerts * (kill + 1) // kills
        life_s = generator.uniform(*LIVES_S)
        raised = _raise(store, config, raised, until, life_s)
        service.kill()
        service.wait()
    service = _start(file, folder)
    _wait(store)
    service.terminate()
    service.wait(60)
    rows = store.rows("SELECT id, state, attempts FROM outbox")
    sent = [row["id"] for row in rows]
    receiver.shutdown()
    return {
        "alerts": alerts,
        "kills": kills,
        "messages": len(sent),
        "arrived": sum(receiver.accepted[name] > 0 for name in sent),
        "lost": sum(receiver.accepted[name] == 0 for name in sent) + max(0, alerts - len(sent)),
        "dead": sum(row["state"] == "dead" for row in rows),
        "arrived_twice": sum(receiver.accepted[name] > 1 for name in sent),
        "unknown": len(receiver.accepted.keys() - set(sent)),
        "turned_down": sum(receiver.refused.values()),
        "attempts": sum(row["attempts"] for row in rows),
    }


def _raise(store: Store, config: Config, first: int, until: int, within_s: float) -> int:
    """Raise alerts one by one, spread over a time; the number of those raised in all."""
    ends_at, count = time.monotonic() + within_s, max(1, until - first)
    for number in range(first, until):
        found = Found(Kind.FAILED, f"cause {number}", Severity.WARNING, f"alert {number}", ("It failed.",), ())
        with store.transaction():
            raise_for_service(store, found, config, SystemClock().now())
        time.sleep(max(0.0, min(within_s / count, ends_at - time.monotonic())))
    time.sleep(max(0.0, ends_at - time.monotonic()))
    return until


def _start(file: Path, folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "service.log").open("a") as log:
        command: Sequence[str] = (sys.executable, "-m", "retuned.daemon", "--config", str(file), "serve")
        return subprocess.Popen(command, stdout=log, stderr=log)


def _wait(store: Store) -> None:
    """Until nothing waits any more."""
    until = time.monotonic() + WAIT_S
    while store.rows("SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1"):
        if time.monotonic() > until:
            raise RuntimeError(json.dumps([dict(row) for row in store.rows("SELECT id, last_error FROM outbox "
                                           "WHERE state = 'pending' LIMIT 5")]))  # fmt: skip
        time.sleep(0.2)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

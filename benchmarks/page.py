"""How fast the pages come with 10,000 models: waiting times at a steady rate of requests, and what a page weighs.

python benchmarks/page.py            writes benchmarks/results/page.json
python benchmarks/page.py --few      a small state for some seconds, to see that it runs; writes nothing

A service in a process of its own over the state of large_state.py, which runs a campaign meanwhile. Requests are sent
at the set times, whether earlier ones have been answered or not, and each waiting time counts from its set time: a
service that falls behind shows it.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import requests
from large_state import BUSY, Size, make_large_state
from machine import header, print_table, write_record
from process_costs import cpu_s
from retuned.daemon.state.running_service import Place, read_place
from retuned.daemon.web.sign_in_link import sign_in_link
from scene import Scene

RESULT = Path(__file__).parent / "results" / "page.json"
PAGES = {"fleet": "/", "models over the API": "/api/v1/models", "model": f"/models/{BUSY}", "alerts": "/alerts"}
TIMED = ("fleet", "models over the API")
RATE_PER_S = 50.0
LIMIT_S, LIMIT_BYTES = 0.1, 200_000
START_TIMEOUT_S = 60.0
TRAINING_S = 25.0
SENDERS = 32
FEW = Size(models=50, campaigns=20, legs=500, alerts=20)


class Reader:
    """Somebody who is signed in, with a connection for each thread."""

    def __init__(self, place: Place) -> None:
        """Sign in at the service."""
        first = requests.Session()
        first.get(sign_in_link(place), timeout=60).raise_for_status()
        self._place, self._cookies, self._threads = place, first.cookies, threading.local()

    @property
    def cookies(self) -> dict[str, str]:
        """By which the service knows who reads."""
        return dict(self._cookies)

    def read(self, path: str) -> int:
        """The size of a page in bytes."""
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._threads.session.cookies.update(self._cookies)
            self._threads.session.headers["authorization"] = f"Bearer {self._place.token}"
        answer = self._threads.session.get(self._place.url + path, timeout=60)
        answer.raise_for_status()
        return len(answer.content)


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    size, seconds = (FEW, 3.0) if given.few else (Size(), given.seconds)
    folder = Path(tempfile.mkdtemp(prefix="retuned-page-"))
    try:
        state = make_large_state(folder, size)
        with Popen(
            [sys.executable, "-m", "retuned.daemon", "--state", str(state), "serve"], stdout=DEVNULL, stderr=DEVNULL
        ) as service:
            try:
                reader = Reader(_place(state, service))
                start_campaign(folder)
                rows = measure(reader, seconds, service.pid, TIMED)
                is_at_work = is_running(folder)  # all the time that counts
                rows += measure(reader, seconds, service.pid, [page for page in PAGES if page not in TIMED])
            finally:
                end_campaign(folder)
                service.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what a training that is ended still writes
    print_table("pages", rows)
    is_within = all(row["p99_s"] < LIMIT_S for row in rows if row["page"] in TIMED)
    is_within = is_within and rows[0]["bytes"] < LIMIT_BYTES and is_at_work
    if not given.few:
        record = header(f"python benchmarks/page.py --seconds {seconds:g}")
        limits = {"p99_s": LIMIT_S, "of": TIMED, "fleet_bytes": LIMIT_BYTES}
        record |= {"state": asdict(size), "rate_per_s": RATE_PER_S, "limits": limits, "is_within": is_within}
        record |= {"is_a_campaign_at_work": is_at_work}
        write_record(given.out, record | {"pages": rows})
        sys.exit(0 if is_within else 1)


def start_campaign(folder: Path) -> None:
    """Have the service re-evaluate the busy model, by trainings of some seconds, and wait until one has ended."""
    (folder / "data.json").write_text(json.dumps({"optimum": -3.0, "sleep_s": TRAINING_S}))
    Scene(folder, BUSY).run("retune", BUSY, "--detach")
    ends = time.monotonic() + START_TIMEOUT_S
    while not is_running(folder):
        if time.monotonic() > ends:
            raise SystemExit("the campaign does not start")
        time.sleep(0.5)


def end_campaign(folder: Path) -> None:
    """Cancel it, and wait until nothing of it is at work."""
    with suppress(RuntimeError):  # it may have ended
        Scene(folder, BUSY).run("cancel", BUSY)
    ends = time.monotonic() + START_TIMEOUT_S
    while is_running(folder) and time.monotonic() < ends:
        time.sleep(0.5)


def is_running(folder: Path) -> bool:
    """Whether a campaign is at work."""
    return '"runs_done"' in Scene(folder, BUSY).run("status", "--json")


def measure(reader: Reader, seconds: float, pid: int, pages: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each of the pages: its size, how long it was waited for at the set rate, and its processor time."""
    rows = []
    for name in pages:
        path = PAGES[name]
        size, before = reader.read(path), cpu_s(pid)[0]
        waits = sorted(waited(reader, path, seconds))
        cuts = statistics.quantiles(waits, n=100, method="inclusive")
        times = {"median_s": cuts[49], "p99_s": cuts[98], "most_s": waits[-1]}
        times["cpu_s"] = (cpu_s(pid)[0] - before) / len(waits)
        rows.append({"page": name, "bytes": size, "requests": len(waits)} | {k: round(v, 4) for k, v in times.items()})
    return rows


def waited(reader: Reader, path: str, seconds: float) -> list[float]:
    """Seconds from the set time of each request to its whole answer."""
    begin = time.perf_counter()

    def ask(number: int) -> float:
        at = begin + number / RATE_PER_S
        time.sleep(max(0.0, at - time.perf_counter()))
        reader.read(path)
        return time.perf_counter() - at

    with ThreadPoolExecutor(SENDERS) as senders:
        return list(senders.map(ask, range(int(seconds * RATE_PER_S))))


def _place(state: Path, service: Popen[bytes]) -> Place:
    ends = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < ends and service.poll() is None:
        place = read_place(state)
        if place is not None:
            return place
        time.sleep(0.05)
    raise SystemExit("the service does not start")


if __name__ == "__main__":
    main()

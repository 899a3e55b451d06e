"""What pages cost a browser: the fleet of 1,000 models and a running campaign of 500 curves, and who watches it.

python benchmarks/page_browser.py            writes benchmarks/results/page_browser.json
python benchmarks/page_browser.py --few      a small state, to see that it runs; writes nothing

Debian's Chromium reads the pages from the API's own process; each page is opened in a browser that has read nothing
yet, then again. The campaign is a copy of one that has ended, with reports of our own, and no service goes on with it.
"""

import argparse
import json
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from urllib.parse import urlsplit

from large_state import RETUNE, Size, make_large_state
from machine import header, print_table, write_record
from page import Reader
from playwright.sync_api import Browser, Page, sync_playwright
from process_costs import cpu_s, rss_bytes
from retuned.daemon.state.running_service import Place, read_place
from retuned.daemon.state.store import Store
from retuned.daemon.web.sign_in_link import sign_in_link

RESULT = Path(__file__).parent / "results" / "page_browser.json"
CHROMIUM = "/usr/bin/chromium"
LIMITS = {"fleet_bytes": 200_000, "fleet_interactive_s": 0.5, "curves_open_s": 1.0, "watchers_mib": 40.0}
MIB = 1 << 20
SETTLED_AFTER_S, WATCHED_S = 8.0, 10.0
SERVE = """
import sys, time
from pathlib import Path
from retuned.daemon.api.server import Api
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.web.pages import add_pages
state = Path(sys.argv[1])
Api(state, Config(state=state), SystemClock(), lambda: None, add_pages).start()
print("up", flush=True)
time.sleep(3600)
"""
TIMES = """() => { const it = performance.getEntriesByType("navigation")[0];
return {interactive_s: it.domInteractive / 1000, open_s: it.loadEventEnd / 1000} }"""


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--times", type=int, default=7, help="browsers that open each page; the median is told")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    models, curves, points, watchers = (20, 10, 50, 5) if given.few else (1_000, 500, 1_000, 200)
    folder = Path(tempfile.mkdtemp(prefix="retuned-browser-"))
    try:
        state = make_large_state(folder, Size(models=models, campaigns=models // 5, legs=models * 10, alerts=models))
        campaign = running_campaign(state, curves, points)
        with serving(state) as (place, pid):
            pages = [
                {"page": f"fleet of {models}"} | opened(place, "/", given.times),
                {"page": f"{curves} curves of {points} points"} | opened(place, f"/campaigns/{campaign}", given.times),
            ]
            watched = {"watchers": watchers} | watch(place, pid, f"/campaigns/{campaign}/events", watchers)
    finally:
        shutil.rmtree(folder)
    print_table("pages in Chromium", pages)
    print_table("watchers", [watched])
    seen = {
        "fleet_bytes": pages[0]["bytes"], "fleet_interactive_s": pages[0]["interactive_s"],
        "curves_open_s": pages[1]["open_s"], "watchers_mib": watched["mib"],
    }  # fmt: skip
    is_within = all(seen[name] <= most for name, most in LIMITS.items())
    if not given.few:
        record = header("python benchmarks/page_browser.py") | {"limits": LIMITS, "is_within": is_within}
        write_record(given.out, record | {"pages": pages, "watched": watched})
        sys.exit(0 if is_within else 1)


def running_campaign(state: Path, curves: int, points: int) -> int:
    """The number of an open campaign whose search has so many trials with so many reports each."""
    chance = random.Random(1)
    with closing(Store(state)) as store, store.transaction():
        campaign = store.rows("SELECT * FROM campaigns WHERE id = ?", (RETUNE,))[0]
        number = store.rows("SELECT max(id) AS last FROM campaigns")[0]["last"] + 1
        _insert(store, "campaigns", campaign | {"id": number, "phase": "search", "ended_at": None, "verdict": None})
        leg = store.rows("SELECT * FROM legs WHERE campaign_id = ? AND name LIKE 'search.001%' LIMIT 1", (RETUNE,))[0]
        for trial in range(curves):
            request = json.loads(leg["request"]) | {"name": f"search.{trial:03d}.r0", "trial": f"search.{trial:03d}"}
            request |= {"number": trial, "role": "candidate" if trial else "incumbent"}
            speed = chance.random() / 50
            curve = [[step, 1 - 1 / (1 + step * speed) + chance.gauss(0, 0.01)] for step in range(1, points + 1)]
            stored = zlib.compress(json.dumps(curve, separators=(",", ":")).encode())
            changed = {"campaign_id": number, "name": request["name"], "request": json.dumps(request)}
            _insert(store, "legs", leg | changed | {"curve": stored, "score": curve[-1][1]})
    return int(number)


def _insert(store: Store, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    store.change(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


@contextmanager
def serving(state: Path) -> Iterator[tuple[Place, int]]:
    """The pages, served by a process of their own: their place, and the process's number."""
    with Popen([sys.executable, "-c", SERVE, str(state)], stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            place = read_place(state)
            if place is None:
                raise SystemExit("the pages are not served")
            yield place, process.pid
        finally:
            process.terminate()


def opened(place: Place, path: str, times: int) -> dict[str, float]:
    """The medians over fresh browsers: bytes that come over the wire, seconds until the page is interactive and until
    it has opened, and until it has opened again."""
    found: list[dict[str, float]] = []
    with sync_playwright() as play:
        for _ in range(times):
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            found.append(_opened_once(browser, place, path))
            browser.close()
    return {name: round(statistics.median(one[name] for one in found), 4) for name in found[0]}


def _opened_once(browser: Browser, place: Place, path: str) -> dict[str, float]:
    # signed in by a request, so that nothing of ours lies in the browser's cache
    context = browser.new_context()
    context.request.get(sign_in_link(place))
    page = context.new_page()
    sizes: list[float] = []
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    first = _times(page, place.url + path)
    received = sum(sizes)
    again = _times(page, place.url + path)
    return {"bytes": received, **first, "again_open_s": again["open_s"]}


def _times(page: Page, address: str) -> dict[str, float]:
    page.goto(address, wait_until="load")
    page.wait_for_timeout(100)  # the entry is complete after the event
    times: dict[str, float] = page.evaluate(TIMES)
    return times


def watch(place: Place, pid: int, path: str, watchers: int) -> dict[str, float]:
    """What so many connections that follow a campaign add: memory in MiB, and seconds of processor time a second."""
    reader = Reader(place)
    reader.read("/")
    before, sockets = rss_bytes(pid), _connected(place, reader.cookies, path, watchers)
    time.sleep(SETTLED_AFTER_S)
    told = sum(b"progress" in one.recv(1 << 16) for one in sockets)
    used, began = cpu_s(pid)[0], time.monotonic()
    time.sleep(WATCHED_S)
    share = (cpu_s(pid)[0] - used) / (time.monotonic() - began)
    added = (rss_bytes(pid) - before) / MIB
    for one in sockets:
        one.close()
    return {"told": told, "mib": round(added, 1), "cpu_share": round(share, 4)}


def _connected(place: Place, cookies: dict[str, str], path: str, watchers: int) -> Sequence[socket.socket]:
    address = urlsplit(place.url)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    asked = f"GET {path} HTTP/1.1\r\nhost: {address.netloc}\r\ncookie: {cookie}\r\n\r\n".encode()
    found = []
    for _ in range(watchers):
        one = socket.create_connection((address.hostname or "", address.port or 80))
        one.sendall(asked)
        found.append(one)
    return found


if __name__ == "__main__":
    main()

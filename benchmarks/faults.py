"""SIGKILL and SIGSTOP of `retuned serve` at random moments while campaigns of several models run.

    python benchmarks/faults.py --out benchmarks/results/faults.json

The service is killed and started again. Now and then a process that leads a campaign is killed as well, or stopped for
good, which the service must notice; and the service, a leader, a worker, or all of them at once are stopped and go on
after a while. Compared with a service that was left alone, no campaign and no leg may be lost, none may be done twice,
every verdict and every alert must be the same, and no process and no temporary file may be left behind. Exit code 1
when a promise is broken.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaign_writes import queue_campaign
from retuned.daemon.state.campaigns.campaigns import Campaign, campaigns_of, open_campaigns
from retuned.daemon.state.models.models import all_entries
from retuned.daemon.state.models.registry import all_models, register
from retuned.daemon.state.store import Store
from retuned.daemon.training.worker_processes import WORKER
from scene import TOY_MODEL, everywhere, kill

# where the best value lies, the stored one being at -2: right, wrong, and a little off, which takes many pairs
OPTIMA = {"right": -2.0, "wrong": -3.0, "near": -2.35}
SLEEP_S = 0.05
CONFIG = """[service]
tick_s = 0.3
log = "json"
max_campaigns = 3
longest_step = "15s"
[api]
listen = "127.0.0.1:0"
[disk]
ballast = "1MiB"
"""
LONGEST_LIFE_S = 2.0  # of a service that is killed; it needs a good part of that until its first tick is done
LONGEST_PAUSE_S = 3.0  # of a process that is stopped and goes on
NOTICED_WITHIN_S = 90.0
WAIT_S = 600.0
PAUSED = ("service", "leader", "worker", "all")

Row = dict[str, Any]


@dataclass
class Fleet:
    """Several models in one state folder, and the service that runs their campaigns."""

    folder: Path
    models: Mapping[str, float]
    service: "subprocess.Popen[bytes] | None" = None
    rounds: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "config.toml").write_text(CONFIG)
        self.store = Store(self.folder / "state")
        for name, optimum in self.models.items():
            place = self.folder / name
            place.mkdir()
            toy = {"optimum": optimum, "sleep_s": SLEEP_S, "log": str(place / "log.txt")}
            (place / "data.json").write_text(json.dumps(toy))
            (place / "model.toml").write_text(TOY_MODEL.replace('name = "toy"', f'name = "{name}"') % "30s")
            file = load_model_file(place / "model.toml")
            register(self.store, file, place / "model.toml", SystemClock().now())

    def start(self) -> None:
        """Start the service, as systemd would after its death."""
        options = ["--config", self.folder / "config.toml", "--state", self.store.state]
        command = [str(word) for word in (sys.executable, "-m", "retuned.daemon", *options, "serve")]
        with (self.folder / "service.log").open("a") as log:
            self.service = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def queue_round(self) -> None:
        """One more re-evaluation of each model, by hand and with a seed of its own."""
        self.rounds += 1
        with self.store.transaction():
            for entry in sorted(all_entries(self.store), key=lambda entry: entry.id):
                queue_campaign(
                    self.store, model=entry, kind="retune", trigger="manual", seed=1000 * entry.id + self.rounds,
                    options={}, now=SystemClock().now(),
                )  # fmt: skip

    def finish(self) -> None:
        """Wait until no campaign is open, and stop the service."""
        assert self.service is not None
        until = time.monotonic() + WAIT_S
        while open_campaigns(self.store):
            if time.monotonic() > until or self.service.poll() is not None:
                raise RuntimeError(f"the service did not finish its campaigns, see {self.folder / 'service.log'}")
            time.sleep(0.1)
        self.service.send_signal(signal.SIGTERM)
        self.service.wait(60)
        while self.leaders() and time.monotonic() < until:  # they have written their verdicts, and clear away
            time.sleep(0.05)

    def campaigns(self) -> list[Campaign]:
        """Every campaign of every model."""
        return [campaign for model in all_models(self.store) for campaign in campaigns_of(self.store, model.id)]

    def leaders(self) -> list[int]:
        """The pids of the processes that lead campaigns."""
        return [pid for pid, line, _ in everywhere() if str(self.store.state) in line and "\0campaign\0" in line]

    def workers(self) -> list[int]:
        """The pids of the workers."""
        mine = str(self.store.state)
        return [pid for pid, line, _ in everywhere() if mine in line and str(WORKER) in line]

    def temporaries(self) -> list[str]:
        """What is still half written."""
        return sorted(str(path) for path in self.folder.rglob("*") if path.name.endswith((".part", ".new", ".partial")))

    def signs(self) -> Counter[str]:
        """What the service saw of campaign processes, by sign."""
        lines = (self.folder / "service.log").read_text().splitlines()
        whole = (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))
        return Counter(line["sign"] for line in whole if line["event"] == "campaign_process")

    def processes(self) -> list[str]:
        """The command lines of living processes that belong to the state folder, workers and trainings included."""
        mine = str(self.store.state)
        return [line for pid, line, environment in everywhere() if pid != os.getpid() and mine in line + environment]

    def running_legs(self) -> int:
        """Legs that are being trained."""
        return len(list(self.store.state.glob("campaigns/*/claimed/*")))

    def events(self) -> Counter[str]:
        """What the service logged, by event; a line that a kill cut short is left out."""
        lines = (self.folder / "service.log").read_text().splitlines()
        return Counter(json.loads(line)["event"] for line in lines if line.startswith("{") and line.endswith("}"))

    def verdicts(self) -> list[Row]:
        """How every campaign ended, apart from times and costs."""
        return [
            {
                "model": campaign.model, "kind": campaign.kind, "seed": campaign.seed, "phase": campaign.phase,
                "failure": campaign.failure,
                "verdict": None if campaign.verdict is None else campaign.verdict.to_json(),
                "recommended": campaign.facts.to_json().get("recommended"),
            }
            for campaign in self.campaigns()
        ]  # fmt: skip

    def alerts(self) -> list[str]:
        """The titles of all alerts with their campaigns."""
        rows = self.store.rows("SELECT campaign_id, message ->> '$.title' AS title FROM alerts ORDER BY campaign_id")
        return [f"{row['campaign_id']} {row['title']}" for row in rows]


def main() -> int:
    """Run the study, print and write what came out; 1 when a promise is broken."""
    options = _options()
    started = time.perf_counter()
    models = dict(list(OPTIMA.items())[: options.models])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        counts = {"service": options.kills, "leader": options.leader_kills, "stop": options.stops}
        row = study(Path(folder), models, counts | {"pause": options.pauses}, options.seed)
    print_table("the service, killed and started again", [{k: v for k, v in row.items() if k != "moments"}])
    seconds = round(time.perf_counter() - started, 1)
    command = f"python benchmarks/faults.py --kills {options.kills} --seed {options.seed}"
    write_record(options.out, header(command) | {"seconds": seconds, "killed": row})
    return 0 if row["kept"] else 1


def study(folder: Path, models: Mapping[str, float], counts: Mapping[str, int], seed: int) -> Row:
    """A fleet that is disturbed so often in each way, one that is left alone, and what differs."""
    disturbed = Fleet(folder / "disturbed", models)
    moments = disturb(disturbed, counts, random.Random(seed))
    alone = Fleet(folder / "alone", models)
    for _ in range(disturbed.rounds):
        alone.queue_round()
    alone.start()  # while the other one, which is left alone from now on, too, comes to its end
    disturbed.finish()
    left, halves = disturbed.processes(), disturbed.temporaries()
    alone.finish()
    found, expected = disturbed.verdicts(), alone.verdicts()
    did = Counter(moment["victim"] for moment in moments)
    row = {
        "models": len(models),
        "campaigns": len(found),
        "kills": did["service"],
        "leader_kills": did["leader"],
        "stops": did["stop"],
        "pauses": did["pause"],
        "paused": dict(Counter(moment["paused"] for moment in moments if moment["victim"] == "pause")),
        "noticed": sum(moment.get("noticed_s") is not None for moment in moments),
        "seen": dict(disturbed.signs()),
        "amid_campaigns": sum(moment["running_campaigns"] > 0 for moment in moments),
        "amid_legs": sum(moment["running_legs"] > 0 for moment in moments),
        "adopted": disturbed.events()["campaign_adopted"],
        "outcomes": dict(Counter(str((one["verdict"] or {}).get("outcome", one["phase"])) for one in found)),
        "legs": sum(ended_legs(disturbed).values()),
        "lost": lost(disturbed, expected),
        "doubled": doubled(disturbed),
        "orphans": len(left),
        "temporary_files": len(halves),
        "same_verdicts": found == expected,
        "same_alerts": disturbed.alerts() == alone.alerts(),
        "moments": moments,
    }
    broken = row["lost"] or row["doubled"] or row["orphans"] or row["temporary_files"]
    kept = not broken and row["same_verdicts"] and row["same_alerts"] and row["kills"] == counts["service"]
    kept = kept and row["noticed"] == row["stops"]
    return row | {"kept": kept}


def disturb(fleet: Fleet, counts: Mapping[str, int], generator: random.Random) -> list[Row]:
    """Kill the service again and again, with always something for it to do, and more; at the end it runs."""
    moments: list[Row] = []
    victims = [victim for victim, count in counts.items() for _ in range(count)]
    generator.shuffle(victims)
    fleet.start()
    for victim in victims:
        if len(open_campaigns(fleet.store)) <= len(fleet.models):
            fleet.queue_round()
        pause_s = generator.uniform(0, LONGEST_LIFE_S)
        time.sleep(pause_s)
        leaders = fleet.leaders() if victim == "service" else wait_for_leaders(fleet)
        moment = {
            "victim": victim,
            "pause_s": round(pause_s, 3),
            "phases": sorted(one.phase for one in open_campaigns(fleet.store) if one.phase != "queued"),
            "running_campaigns": len(leaders),
            "running_legs": fleet.running_legs(),
        }
        if victim == "service":
            assert fleet.service is not None
            fleet.service.kill()
            fleet.service.wait()
            fleet.start()
            moments.append(moment)
        elif victim == "pause":
            paused = generator.choice(PAUSED)
            pids = pick(fleet, paused, generator)
            if pause(pids, generator.uniform(0, LONGEST_PAUSE_S)):
                moments.append(moment | {"paused": paused})
        elif victim == "stop" and leaders:
            moments.append(moment | {"noticed_s": stop(generator.choice(leaders))})
        elif victim == "leader" and leaders and kill(generator.choice(leaders)):
            moments.append(moment)
    return moments


def wait_for_leaders(fleet: Fleet) -> list[int]:
    """The pids of the processes that lead campaigns, as soon as there are some; none where there are none for long."""
    until = time.monotonic() + NOTICED_WITHIN_S
    while not (leaders := fleet.leaders()) and time.monotonic() < until:
        time.sleep(0.1)
    return leaders


def pick(fleet: Fleet, which: str, generator: random.Random) -> list[int]:
    """The processes to be stopped for a while; none where there is none of that kind."""
    assert fleet.service is not None
    if which == "service":
        return [fleet.service.pid]
    leaders, workers = fleet.leaders(), fleet.workers()
    if which == "all":
        return [fleet.service.pid, *leaders, *workers]
    kind = leaders if which == "leader" else workers
    return [generator.choice(kind)] if kind else []


def pause(pids: Sequence[int], seconds: float) -> bool:
    """Stop processes and let them go on; False where there was none."""
    stopped = [pid for pid in pids if send(pid, signal.SIGSTOP)]
    time.sleep(seconds)
    for pid in stopped:
        send(pid, signal.SIGCONT)
    return bool(stopped)


def stop(pid: int) -> float | None:
    """Stop a process for good; the seconds until the service has ended it. None: it did not."""
    started = time.monotonic()
    send(pid, signal.SIGSTOP)
    while is_there(pid):
        if time.monotonic() - started > NOTICED_WITHIN_S:
            return None
        time.sleep(0.1)
    return round(time.monotonic() - started, 1)


def is_there(pid: int) -> bool:
    """Whether a process lives; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def send(pid: int, number: signal.Signals) -> bool:
    """Signal a process; False when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def ended_legs(fleet: Fleet) -> Counter[int]:
    """How many legs of each campaign are on record as ended."""
    rows = fleet.store.rows("SELECT campaign_id FROM legs WHERE ended IS NOT NULL")
    return Counter(row["campaign_id"] for row in rows)


def lost(fleet: Fleet, expected: Sequence[Row]) -> int:
    """Campaigns that are not there or not done, and legs of theirs that were planned and have no end."""
    missing = len(expected) - len(fleet.campaigns())
    undone = sum(campaign.phase != "done" for campaign in fleet.campaigns())
    row = fleet.store.row("SELECT count(*) AS n FROM legs WHERE ended IS NULL")
    assert row is not None
    return max(0, missing) + undone + int(row["n"])


def doubled(fleet: Fleet) -> int:
    """Legs that were trained once more although an attempt had come to an end of its own, by the record of the workers
    and by the trainings' own logs; and campaigns that were queued twice."""
    ended: Counter[str] = Counter()
    for path in fleet.store.state.glob("campaigns/*/legs/*/exit.json"):
        leg = f"{path.parents[2].name}/{path.parent.name.rpartition('.a')[0]}"
        ended[leg] += json.loads(path.read_text()).get("process") != "lost"
    seeds = Counter((campaign.model, campaign.kind, campaign.seed) for campaign in fleet.campaigns())
    planned = sum(ended_legs(fleet).values())
    logged = sum(
        line.startswith("end ")
        for name in fleet.models
        for line in (fleet.folder / name / "log.txt").read_text().splitlines()
    )
    twice = sum(count > 1 for count in (*ended.values(), *seeds.values()))
    return twice + max(0, logged - planned)


def _options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of the service")
    parser.add_argument("--leader-kills", type=int, default=10, help="of a process that leads a campaign, in between")
    parser.add_argument("--stops", type=int, default=4, help="of such a process, for good")
    parser.add_argument("--pauses", type=int, default=20, help="of the service, a leader, a worker or all of them")
    parser.add_argument("--models", type=int, default=len(OPTIMA))
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "faults.json")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())

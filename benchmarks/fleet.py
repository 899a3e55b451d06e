"""Models in one state folder, their service, and what became of their campaigns. For the studies that kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaign_writes import queue_campaign
from retuned.daemon.state.campaigns.campaigns import Campaign, campaigns_of, open_campaigns
from retuned.daemon.state.models.models import all_entries
from retuned.daemon.state.models.registry import all_models, register
from retuned.daemon.state.store import Store
from retuned.daemon.training.worker_processes import WORKER
from scene import TOY_MODEL, everywhere

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
WAIT_S = 600.0

Row = dict[str, Any]


@dataclass
class Fleet:
    """Several models in one state folder, and the service that runs their campaigns. `config`: further lines of its
    configuration; `sleep_s`: of each training."""

    folder: Path
    models: Mapping[str, float]
    config: str = ""
    sleep_s: float = SLEEP_S
    slots: int = 2
    service: "subprocess.Popen[bytes] | None" = None
    rounds: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "config.toml").write_text(CONFIG + self.config)
        self.store = Store(self.folder / "state")
        for name, optimum in self.models.items():
            place = self.folder / name
            place.mkdir()
            toy = {"optimum": optimum, "sleep_s": self.sleep_s, "log": str(place / "log.txt")}
            (place / "data.json").write_text(json.dumps(toy))
            (place / "model.toml").write_text(self._model_text(name))
            file = load_model_file(place / "model.toml")
            register(self.store, file, place / "model.toml", SystemClock().now())

    def _model_text(self, name: str) -> str:
        text = TOY_MODEL.replace('name = "toy"', f'name = "{name}"').replace("slots = 2", f"slots = {self.slots}")
        return text % "30s"

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


def doubled(fleet: Fleet, tolerated: int = 0) -> int:
    """Legs that were trained once more although an attempt had come to an end of its own, by the record of the workers
    and by the trainings' own logs; and campaigns that were queued twice.

    `tolerated`: how many trainings may have come to their end just before the loss of their worker, and be made again.
    """
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
    return twice + max(0, logged - planned - tolerated)

"""Ten years of quarterly campaigns on a hundred models, with the retention policy at work: what the disk holds.

    python benchmarks/decade.py --out benchmarks/results/decade.json

One campaign is really run. Its rows and its files, as it left them, are then written for each model each quarter, with
curves and logs of the size that a recipe with a hundred reports leaves; the data is new each time. Time is handed in,
and the policy is applied as the service does it. Exit code 1 where the state outgrows its limits, or where what must
stay is gone.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record
from retuned.daemon.config.config import Config
from retuned.daemon.state.store import FILE_NAME, Store, to_text
from retuned.daemon.upkeep.retention import empty_trash, prune_step, size_of
from scene import Scene, finished, make_toy

MODELS, YEARS, QUARTER = 100, 10, timedelta(days=91)
START = datetime(2026, 1, 1, tzinfo=UTC)
DATA_BYTES, LOG_BYTES, REPORTS = 200_000, 4_000, 100
LIMIT_STATE_MIB, LIMIT_DATABASE_MIB = 2048.0, 512.0
PRUNES_A_QUARTER = 40


def main() -> int:
    """Live ten years, say what the disk holds each year, and look whether what must stay is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--years", type=int, default=YEARS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "decade.json")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        scene = make_toy(Path(folder) / "real")
        finished(scene.retune(1))
        decade = Decade(scene, Path(folder) / "decade", options.models)
        years = [decade.live_a_year(year) for year in range(options.years)]
        kept = decade.what_must_stay()
        written = decade.written
    print_table("at the end of each year", years)
    print_table("what must stay", [kept])
    per_campaign = {name: round(size / decade.campaigns) for name, size in written.items()}
    without = round((written["folder_bytes"] + written["snapshot_bytes"]) / 2**20)
    print(f"\na campaign leaves {per_campaign}; without retention the folders alone would hold {without} MiB")
    is_within = all(
        row["state_mib"] <= LIMIT_STATE_MIB and row["database_mib"] <= LIMIT_DATABASE_MIB for row in years
    ) and all(kept.values())
    record = {
        "seconds": round(time.perf_counter() - started, 1), "models": options.models, "campaigns": decade.campaigns,
        "limits": {"state_mib": LIMIT_STATE_MIB, "database_mib": LIMIT_DATABASE_MIB}, "per_campaign": per_campaign,
        "folders_without_retention_mib": without, "years": years, "what_must_stay": kept, "is_within": is_within,
    }  # fmt: skip
    command = f"python benchmarks/decade.py --models {options.models} --years {options.years}"
    write_record(options.out, header(command) | record)
    return 0 if is_within else 1


class Decade:
    """A state folder that fills up quarter by quarter."""

    def __init__(self, scene: Scene, state: Path, models: int) -> None:
        self.store = Store(state)
        self.config = Config(state=state)
        self.models = models
        self.campaigns = 0
        self.written = {"folder_bytes": 0, "snapshot_bytes": 0}
        self._real = scene.state
        self._draw = random.Random(1)
        self._rows = self._read_real()
        self._register(scene)
        self._last: dict[int, int] = {}

    def live_a_year(self, year: int) -> dict[str, Any]:
        """Four quarters: campaigns, then the policy in its rounds."""
        pruned = 0
        for quarter in range(4):
            now = START + QUARTER * (4 * year + quarter)
            for model in range(1, self.models + 1):
                kinds = ("baseline", "retune") if year == quarter == 0 else ("retune",)
                for kind in kinds:
                    self._add_campaign(model, kind, now)
            for round_number in range(PRUNES_A_QUARTER):
                step = prune_step(self.store, self.config, now + QUARTER * (round_number + 1) / (PRUNES_A_QUARTER + 1))
                pruned += step.folders + step.snapshots
                empty_trash(self.store.state)
        state = self.store.state
        database = sum(path.stat().st_size for path in state.glob(f"{FILE_NAME}*"))
        return {
            "year": year + 1,
            "campaigns": self.campaigns,
            "state_mib": round((size_of(state)) / 2**20, 1),
            "database_mib": round(database / 2**20, 1),
            "campaign_folders": len(os.listdir(state / "campaigns")),
            "snapshots": len(list(state.glob("snapshots/*/*"))),
            "removed": pruned,
        }

    def what_must_stay(self) -> dict[str, bool]:
        """Verdicts and scores of all campaigns; of each model what its last verdict and its baseline need."""
        counted = self.store.row("SELECT count(verdict) AS n FROM campaigns WHERE kind = 'retune'")
        scores = self.store.row("SELECT count(*) AS n, count(score) AS scored FROM legs")
        rows = self.store.rows("SELECT id, kind, facts FROM campaigns")
        baselines = [row for row in rows if row["kind"] == "baseline"]
        last = [row for row in rows if row["id"] in self._last.values()]
        needed = [Path(json.loads(row["facts"])["snapshot"]) for row in (*baselines, *last)]
        page = self.store.state / "page.html"
        command = [sys.executable, "-m", "retuned.daemon", "--state", self.store.state]
        told = subprocess.run([*command, "report", str(self.models + 1), "--html", page], check=False)
        real = [row for row in self._rows["legs"] if row["score"] is not None]
        share = len(real) / len(self._rows["legs"])
        return {
            "every_verdict": counted is not None and counted["n"] == self.campaigns - self.models,
            "every_score": scores is not None and abs(scores["scored"] / scores["n"] - share) < 0.2,
            "snapshots_that_are_needed": all(path.exists() for path in needed),
            "folders_that_are_needed": all(
                (self.store.state / "campaigns" / str(row["id"])).is_dir() for row in (*baselines, *last)
            ),
            "report_of_the_first_year": told.returncode == 0,
        }

    def _read_real(self) -> dict[str, list[dict[str, Any]]]:
        database = sqlite3.connect(self._real / FILE_NAME)
        database.row_factory = sqlite3.Row
        tables = ("models", "model_versions", "settings", "campaigns", "legs")
        found = {name: [dict(row) for row in database.execute(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608
        database.close()
        return found

    def _register(self, scene: Scene) -> None:
        body = self._rows["model_versions"][0]
        with self.store.transaction():
            for number in range(1, self.models + 1):
                name = f"m{number}"
                file = body["body"].replace(f'"name":"{scene.name}"', f'"name":"{name}"', 1)
                self.store.insert("models", {**self._rows["models"][0], "id": number, "name": name})
                self.store.insert("model_versions", {**body, "model_id": number, "body": file})
                self.store.insert("settings", {**self._rows["settings"][0], "model_id": number})

    def _add_campaign(self, model: int, kind: str, now: datetime) -> None:
        """A copy of the real one: rows, leg folders with their files, and new data."""
        real = next(row for row in self._rows["campaigns"] if row["kind"] == kind)
        key = f"{self.campaigns:024x}"
        snapshot = self.store.state / "snapshots" / f"m{model}" / key / "data.json"
        snapshot.parent.mkdir(parents=True)
        snapshot.write_bytes(self._draw.randbytes(DATA_BYTES))
        os.utime(snapshot.parent, (now.timestamp(), now.timestamp()))
        facts = json.loads(real["facts"]) | {"snapshot": str(snapshot)}
        self.campaigns += 1
        number, ended = self.campaigns, now + timedelta(hours=3)
        moments = {"created_at": to_text(now), "started_at": to_text(now), "ended_at": to_text(ended), "due_at": None}
        legs = [leg for leg in self._rows["legs"] if leg["campaign_id"] == real["id"]]
        with self.store.transaction():
            self.store.insert(
                "campaigns", {**real, **moments, "id": number, "model_id": model, "facts": json.dumps(facts)}
            )
            for leg in legs:
                self.store.insert(
                    "legs", {**leg, "campaign_id": number, "ended_at": to_text(ended), "curve": self._curve()}
                )
        if kind == "retune":
            self._last[model] = number
        folder = self.store.state / "campaigns" / str(number)
        shutil.copytree(self._real / "campaigns" / str(real["id"]), folder)
        for leg_folder in (folder / "legs").iterdir():
            (leg_folder / "output.log").write_bytes(b"epoch 1: loss 0.123456\n" * (LOG_BYTES // 23))
        self.written["folder_bytes"] += size_of(folder)
        self.written["snapshot_bytes"] += size_of(snapshot.parent)

    def _curve(self) -> bytes:
        points = [[step, self._draw.random()] for step in range(REPORTS)]
        return zlib.compress(json.dumps(points).encode())


if __name__ == "__main__":
    raise SystemExit(main())

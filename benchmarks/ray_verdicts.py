"""Is the verdict on a Ray cluster that of one machine? The bike-share recipe on three nodes and here, seed by seed.

    python benchmarks/ray_verdicts.py --seeds 1 2 3 --out benchmarks/results/ray_verdicts.json

Each time a new state: the launch's window, a baseline, the window of a year later, a re-evaluation. Compared are the
verdict, the challenger's values, and the score of every leg, to the last bit. Exit code 1 when something differs.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fleet import Row
from machine import header, print_table, write_record
from ray_cluster import RayCluster
from retuned.daemon.state.store import FILE_NAME

EXAMPLE = Path(__file__).parents[1] / "examples" / "bike_share"
MODEL, LAUNCH, LATER = "bike-share", "2010H2", "2011H2"
NODES = 3
VERDICTS = (0, 10, 11, 12, 13)


def main() -> int:
    """Run the study, print and write what came out; 1 when something differs."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        (place / "ray").mkdir()
        cluster = RayCluster(place / "ray", (1,) * NODES)
        try:
            cluster.start()
            rows = [compare(place / f"seed{seed}", cluster, seed) for seed in options.seeds]
        finally:
            cluster.end()
    print_table("bike share, on three nodes and here", rows)
    command = f"python benchmarks/ray_verdicts.py --seeds {' '.join(map(str, options.seeds))}"
    write_record(options.out, header(command, packages=("ray",)) | {"nodes": NODES, "rows": rows})
    return 0 if all(row["same_verdict"] and row["same_legs"] for row in rows) else 1


def compare(folder: Path, cluster: RayCluster, seed: int) -> Row:
    """The same re-evaluation here and on the cluster."""
    shared = folder / "shared"
    shared.mkdir(parents=True)
    lines = (
        'runner = "ray"', f'address = "{cluster.address}"', f'token = "{cluster.token}"', f'shared = "{shared}"',
        f'python = "{sys.executable}"',
    )  # fmt: skip
    here = campaign(folder / "here", f"slots = {NODES}", seed)
    there = campaign(folder / "there", "\n".join(lines), seed)
    verdict = there["verdict"]
    return {
        "seed": seed,
        "outcome": verdict["outcome"],
        "pairs": verdict["pairs"],
        "mean": verdict["mean"],
        "legs": len(there["legs"]),
        "kinds_of_node": len(there["nodes"]),
        "same_verdict": verdict == here["verdict"] and there["challenger"] == here["challenger"],
        "same_legs": there["legs"] == here["legs"],
        "differing_legs": sum((Counter(there["legs"]) - Counter(here["legs"])).values()),
        "wall_s_here": here["wall_s"],
        "wall_s_there": there["wall_s"],
    }


def campaign(folder: Path, workers: str, seed: int) -> Row:
    """A baseline and a re-evaluation in a state of their own: the verdict, and the end of every leg."""
    model = folder / "model"
    shutil.copytree(EXAMPLE, model, ignore=shutil.ignore_patterns("__pycache__", "data"))
    text = (model / "model.toml").read_text()
    (model / "model.toml").write_text(text.replace("slots = 2", f"slots = {NODES}"))
    (folder / "config.toml").write_text(f"[workers]\n{workers}\n")
    program = [sys.executable, "-P", "-m", "retuned.daemon", "--state", folder / "state", "--config"]
    started = time.perf_counter()

    def retuned(*words: object) -> str:
        return run([*program, folder / "config.toml", *words])

    run([sys.executable, model / "prepare.py", LAUNCH])
    retuned("register", "--no-check", model / "model.toml")
    retuned("baseline", MODEL)
    run([sys.executable, model / "prepare.py", LATER])
    retuned("retune", MODEL, "--seed", seed)
    wall_s = round(time.perf_counter() - started, 1)
    told = json.loads(retuned("history", MODEL, "--json"))["campaigns"]
    (ended,) = [one for one in told if one["verdict"]]
    with sqlite3.connect(folder / "state" / FILE_NAME) as database:
        legs = database.execute(
            "SELECT name, ended, score, node FROM legs WHERE campaign_id = ? ORDER BY name", (ended["id"],)
        ).fetchall()
    database.close()
    return {
        "verdict": ended["verdict"],
        "challenger": ended["challenger"],
        "legs": [leg[:3] for leg in legs],
        "nodes": {leg[3] for leg in legs},
        "wall_s": wall_s,
    }


def run(words: list[Any]) -> str:
    """What a command prints; exit codes of `retuned retune` that are verdicts are no failures."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RETUNED_")}
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in VERDICTS, done.stdout + done.stderr
    return done.stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ray_verdicts.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Plants what is known beforehand and counts the verdicts: nothing changed, inputs x 30, and broken contracts.

    python benchmarks/planted.py --campaigns 20 --out benchmarks/results/planted.json

Every campaign goes through the command line in a state folder of its own: register on one random draw of the
launch quarter, baseline, then re-tune on other data. Exit code 1 when a promise is broken.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from machine import header, print_table, write_record

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TOY = ROOT / "tests" / "toys" / "quadratic.py"
QUARTER, SHARE = "1-3", 0.7  # the stored settings were searched on this quarter
VERDICT_CODES = (0, 10, 11, 12, 13)
AT_ONCE = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """Campaigns of one kind, and what must be true of how many of them come out STALE or BROKEN."""

    name: str
    campaign: Callable[[Path, int], Row]
    campaigns: int
    promise: str
    holds: Callable[[Counter[str]], bool]


def main() -> int:
    """Run the studies, print and write them; 1 when a promise is broken."""
    options = _options()
    started = time.perf_counter()
    results = [run_study(study, options.seed) for study in studies(options) if options.only in study.name]
    print_table("what came out", [result["summary"] for result in results])
    for result in results:
        for sentence in result["told"]:
            print(f"\n{result['summary']['study']}: {sentence}")
    seconds = round(time.perf_counter() - started, 1)
    command = f"python benchmarks/planted.py --campaigns {options.campaigns} --seed {options.seed}"
    write_record(options.out, header(command) | {"seconds": seconds, "studies": results})
    return 0 if all(result["summary"]["kept"] for result in results) else 1


def studies(options: argparse.Namespace) -> tuple[Study, ...]:
    """All studies. The last one shows that the toy would be STALE if its contract were kept."""
    few = options.few

    def never_stale(counted: Counter[str]) -> bool:
        return not counted["stale"]

    def is_quiet(counted: Counter[str]) -> bool:
        return counted["stale"] <= max(1, options.campaigns // 20) and not counted["broken"]

    return (
        Study(
            "flights A/A",
            partial(flights, "1"),
            options.campaigns,
            "at most 1 STALE in 20, no BROKEN",
            is_quiet,
        ),
        # The default margin, one deviation of a run, ends most of the former after 4 pairs; here more are made.
        Study(
            "flights A/A, margin 0.02",
            partial(flights, "1", margin="margin = 0.02"),
            options.campaigns,
            "at most 1 STALE in 20, no BROKEN",
            is_quiet,
        ),
        Study(
            "flights x 30",
            partial(flights, "30"),
            few,
            "all STALE or BROKEN",
            lambda counted: counted["stale"] + counted["broken"] == few,
        ),
        Study("seeds ignored, moved", partial(toy, ["seed", "split"]), few, "never STALE", never_stale),
        Study("same rows, moved", partial(toy, ["purpose"]), few, "never STALE", never_stale),
        Study("shell, seeds ignored, x 30", partial(shell, SEEDS_IGNORED), few, "never STALE", never_stale),
        Study("shell, same rows, x 30", partial(shell, SAME_ROWS), few, "never STALE", never_stale),
        Study(
            "toy that keeps the contract, moved",
            partial(toy, []),
            few,
            "all STALE",
            lambda counted: counted["stale"] == few,
        ),
    )


def run_study(study: Study, seed: int) -> Row:
    """Every campaign of a study, two at a time, and the counts."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        numbers = range(seed + 1, seed + 1 + study.campaigns)
        rows = list(pool.map(lambda number: study.campaign(Path(folder) / str(number), number), numbers))
    counted = Counter(row["outcome"] for row in rows)
    print_table(study.name, [{key: row[key] for key in row if key != "sentence"} for row in rows])
    summary = {
        "study": study.name,
        "campaigns": len(rows),
        **{outcome: counted[outcome] for outcome in ("fresh", "degraded", "stale", "broken", "inconclusive")},
        "pairs": mean(row["pairs"] for row in rows),
        "runs": mean(row["runs"] for row in rows),
        "wall_s": mean(row["wall_s"] for row in rows),
        "compute_s": mean(row["compute_s"] for row in rows),
        "promise": study.promise,
        "kept": study.holds(counted),
    }
    told = sorted({row["sentence"] for row in rows if not row["reason"].startswith("no_")})
    return {"summary": summary, "told": told[:2], "campaigns": rows}


def flights(times: str, folder: Path, number: int, margin: str = "") -> Row:
    """The flights model: launched on one draw of the quarter, re-tuned on another one with inputs times `times`."""
    model = folder / "model"
    shutil.copytree(EXAMPLES / "flights", model, ignore=shutil.ignore_patterns("__pycache__", "data"))
    file = model / "model.toml"
    file.write_text(file.read_text().replace("floor = -1.0", f"floor = -1.0\n{margin}"))
    draw_window(model, 2 * number, "1")
    settle(model, folder, "flights")
    draw_window(model, 2 * number + 1, times)
    return retune(folder, "flights", number)


SEEDS_IGNORED = {
    'seed = ENVIRON["RETUNED_SEED"]; split_seed = ENVIRON["RETUNED_SPLIT_SEED"]': "seed = 1; split_seed = 1"
}
SAME_ROWS = {
    'is_search = ENVIRON["RETUNED_PURPOSE"] == "probe" || ENVIRON["RETUNED_PURPOSE"] == "search"': "is_search = 1"
}


def shell(breach: dict[str, str], folder: Path, number: int) -> Row:
    """The awk model with a part of the contract broken, and all inputs 30 times as large when it is re-tuned."""
    model = folder / "model"
    shutil.copytree(EXAMPLES / "shell", model)
    shutil.copytree(EXAMPLES / "flights", folder / "flights", ignore=shutil.ignore_patterns("__pycache__", "data"))
    program = (model / "train.sh").read_text()
    for found, put in breach.items():
        assert found in program, "examples/shell/train.sh was rewritten: this study must follow it"
        program = program.replace(found, put)
    (model / "train.sh").write_text(program)
    draw_window(folder / "flights", 2 * number, "1")
    settle(model, folder, "flights-shell")
    draw_window(folder / "flights", 2 * number + 1, "30")
    return retune(folder, "flights-shell", number)


def toy(ignored: Sequence[str], folder: Path, number: int) -> Row:
    """A training that takes milliseconds and whose best rate moves to a tenth between baseline and re-tuning."""
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "data.json").write_text(json.dumps({"ignore": ignored, "optimum": -2.0}))
    (model / "model.toml").write_text(
        f"""name = "toy"
owner = "benchmarks"
[training]
command = ["{sys.executable}", "-I", "-S", "{TOY}", "{{lr}}"]
budget = {{steps = 10}}
slots = 2
[data]
path = "data.json"
[objective]
metric = "score"
direction = "maximize"
[hyperparameters.lr]
type = "float"
low = 1e-4
high = 1.0
log = true
value = 0.01
"""
    )
    settle(model, folder, "toy")
    (model / "data.json").write_text(json.dumps({"ignore": ignored, "optimum": -3.0}))
    return retune(folder, "toy", number)


def draw_window(folder: Path, sample: int, times: str) -> None:
    """Write the data file: a random part of the launch quarter."""
    arguments = ["--months", QUARTER, "--share", str(SHARE), "--sample", str(sample), "--times", times]
    subprocess.run([sys.executable, folder / "prepare.py", *arguments], check=True, stdout=subprocess.DEVNULL)


def settle(model: Path, folder: Path, name: str) -> None:
    """Register the model and run its baseline; campaigns run beside each other, so each trains one at a time."""
    file = model / "model.toml"
    file.write_text(file.read_text().replace("slots = 2", "slots = 1"))
    retuned(folder, "register", "--no-check", file)
    retuned(folder, "baseline", name)


def retune(folder: Path, name: str, seed: int) -> Row:
    """One re-evaluation as a row of the table."""
    started = time.perf_counter()
    campaign = json.loads(retuned(folder, "retune", name, "--seed", seed, "--json"))
    wall_s = time.perf_counter() - started
    verdict = campaign["verdict"]
    shutil.rmtree(folder)
    return {
        "seed": seed,
        "outcome": verdict["outcome"],
        "reason": verdict["reason"],
        "pairs": verdict["pairs"],
        "mean": verdict["mean"],
        "sd": verdict["sd"],
        "delta": verdict["delta"],
        "e_value": verdict["e_value"],
        "incumbent": verdict["incumbent_mean"],
        "challenger": verdict["challenger_mean"],
        "runs": campaign["runs"],
        "wall_s": round(wall_s, 1),
        "compute_s": round(campaign["compute_s"], 1),
        "sentence": verdict["sentence"],
    }


def retuned(folder: Path, *words: object) -> str:
    """What a retuned command prints; raises RuntimeError when it ends with something else than a verdict."""
    command = [sys.executable, "-m", "retuned.daemon", "--state", folder / "state", *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode not in VERDICT_CODES:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=20, help="A/A campaigns")
    parser.add_argument("--few", type=int, default=5, help="campaigns of each other study")
    parser.add_argument("--seed", type=int, default=0, help="campaigns have the seeds and samples after it")
    parser.add_argument("--only", default="", help="run the studies whose name holds this")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "planted.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

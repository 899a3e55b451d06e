"""The demo with several seeds: what each re-evaluation came out as, and how long it took.

    python benchmarks/demo_seeds.py --seeds 1 2 3 --out benchmarks/results/demo_seeds.json

Exit code 1 when the first window does not come out FRESH or the last one neither STALE nor BROKEN.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "examples" / "demo.py"
EXPECTED = ({"stale"}, {"stale", "broken"})

Row = dict[str, Any]


def main() -> int:
    """Run the demo once a seed, print and write the verdicts; 1 when one is not as expected."""
    options = _options()
    runs = [run_demo(seed, options.flights) for seed in options.seeds]
    rows = [row for run in runs for row in run["campaigns"]]
    print_table("the demo", [{key: row[key] for key in row if key not in ("sentence", "values")} for row in rows])
    for row in rows:
        print(f"\nseed {row['seed']}, {row['window']}: {row['sentence']}\n  {row['values']}")
    command = f"python benchmarks/demo_seeds.py --seeds {' '.join(map(str, options.seeds))}"
    write_record(options.out, header(command) | {"runs": runs})
    return 0 if all(row["as_expected"] for row in rows) else 1


def run_demo(seed: int, is_flights: bool) -> Row:
    """One demo in a folder of its own, and the campaigns that it left in its state folder."""
    model = "flights" if is_flights else "bike-share"
    windows = ("4-6", "7-9 x 30") if is_flights else ("2011H2", "2015H2")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        words = [sys.executable, str(DEMO), "--seed", str(seed), *(["--flights"] if is_flights else [])]
        shown = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout
        wall_s = round(time.perf_counter() - started, 1)
        command = [sys.executable, "-m", "retuned.daemon", "--state", f"{folder}/demo-state/state"]
        history = json.loads(
            subprocess.run([*command, "history", model, "--json"], check=True, capture_output=True).stdout
        )
    campaigns = [campaign for campaign in history["campaigns"] if campaign["verdict"]]
    rows = [_row(seed, *found) for found in zip(windows, campaigns, EXPECTED, strict=True)]
    return {"seed": seed, "wall_s": wall_s, "campaigns": rows, "alerts": shown.count("retuned adopt")}


def _row(seed: int, window: str, campaign: Row, expected: set[str]) -> Row:
    verdict = campaign["verdict"]
    numbers = ("outcome", "reason", "pairs", "mean", "lower", "upper", "sd", "delta", "e_value")
    return {
        "seed": seed,
        "window": window,
        **{name: verdict[name] for name in numbers},
        "incumbent": verdict["incumbent_mean"],
        "challenger": verdict["challenger_mean"],
        "runs": campaign["runs"],
        "compute_s": round(campaign["compute_s"], 1),
        "as_expected": verdict["outcome"] in expected,
        "sentence": verdict["sentence"],
        "values": campaign["challenger"],
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--flights", action="store_true", help="the demo on the flights that come with the project")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "demo_seeds.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

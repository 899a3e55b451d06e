"""What earlier campaigns are worth to a search: settings that stay in force while the optimum moves away.

    python benchmarks/warm_start.py --series 40 --seed 301

A model is re-evaluated four times with the same settings. Its optimum either moves away bit by bit, so that the first
three campaigns have little to find, or moved before the first and stays. The fourth campaign loses 1 standard deviation
of a run; it starts three ways, on the same landscape:

    ours          the scores of the last three campaigns (each with its own level, as in campaigns of the service)
                  and the top configurations of the last
    latest first  the top configurations alone, the newest campaign's first, as in ordered transfer (Hellan et al.,
                  Obeying the Order: Introducing Ordered Transfer Hyperparameter Optimisation, AutoML 2023)
    nothing       from anew

All take the same number of trials. What is told: campaigns that end STALE, the true gain of the first search's winner,
in standard deviations of a run, and the runs taken, search and pairs.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from landscapes import SATURATING, bowl
from machine import header, print_table, write_record
from moved_optimum import NOTHING_KNOWN, UNIT, Ended, Known, campaign
from retuned.strategies.search.search_size import LEAST, coordinates_of

HERE = Path(__file__).resolve().parent
LANDSCAPES = {landscape.name: landscape for landscape in (bowl(2), bowl(4), SATURATING)}
EACH = 6  # challengers of each coordinate in a stage, as where runs cost
BEFORE = 3
MOVES = {"moves on": (0.25, 0.5, 0.75), "moved before": (1.0, 1.0, 1.0)}
"""Where the optimum was in the earlier campaigns, as a share of its way from the settings in force."""
STARTS = ("ours", "latest first", "nothing")


def main() -> int:
    """Run every cell, print, write the record; 1 where a start from earlier campaigns finds less than none."""
    options = _options()
    started = time.perf_counter()
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in LANDSCAPES:
            for move in MOVES:
                seeds = range(options.seed, options.seed + options.series)
                ended = list(pool.map(partial(one_series, name, move), seeds, chunksize=4))
                rows += [_row(name, move, start, [each[start] for each in ended]) for start in STARTS]
                print(f"{name}, {move}: {time.perf_counter() - started:.0f} s", flush=True)
    shares = {start: float(np.mean([row["stale"] for row in rows if row["start"] == start])) for start in STARTS}
    promises = {f"earlier campaigns do not hide a loss: ours {shares['ours']:.3f}, nothing {shares['nothing']:.3f}":
                shares["ours"] >= shares["nothing"] - 0.02}  # fmt: skip
    print_table("the fourth campaign", rows)
    print_table("promises", [{"promise": name, "kept": kept} for name, kept in promises.items()])
    command = f"python benchmarks/warm_start.py --series {options.series} --seed {options.seed}"
    seconds = round(time.perf_counter() - started, 1)
    write_record(options.out, header(command) | {"seconds": seconds, "cells": rows, "promises": promises})
    return 0 if all(promises.values()) else 1


def one_series(name: str, move: str, seed: int) -> dict[str, Ended]:
    """The last campaign of a series, by its start; all see the same landscape, and noise of the same seed."""
    landscape = LANDSCAPES[name]
    generator = np.random.default_rng([seed, *name.encode(), *move.encode()])
    incumbent, optimum = landscape.draw(1.0, generator)
    home = np.array([incumbent[f"x{i}"] for i in range(len(optimum))])
    count = max(LEAST, EACH * coordinates_of(landscape.space))
    known: list[Known] = []  # newest first
    for share in MOVES[move]:
        scene = (incumbent, home + share * (optimum - home))
        before = campaign(landscape, scene, UNIT, False, count, generator, stages=0, known=_joined(known))
        known = [before.found, *known]
    starts = {
        "ours": _joined(known),
        "latest first": Known(tuple(top for each in known for top in each.tops)),
        "nothing": NOTHING_KNOWN,
    }
    last = np.random.default_rng([seed, 1, *name.encode()])
    noise = {start: np.random.default_rng(last.bit_generator.seed_seq) for start in STARTS}  # type: ignore[arg-type]
    return {
        start: replace(
            campaign(landscape, (incumbent, optimum), UNIT, False, count, noise[start], known=starts[start]),
            found=NOTHING_KNOWN,
        )
        for start in STARTS
    }


def _joined(known: list[Known]) -> Known:
    """As campaigns of the service do: the newest tops, the scores of the last three."""
    return Known(known[0].tops if known else (), tuple(group for each in known[:BEFORE] for group in each.scores))


def _row(name: str, move: str, start: str, ended: list[Ended]) -> dict[str, Any]:
    return {
        "landscape": name, "optimum": move, "start": start, "series": len(ended),
        "stale": round(float(np.mean([each.stale_in > 0 for each in ended])), 4),
        "winners_gain": round(float(np.mean([each.gain for each in ended])), 3),
        "runs": round(float(np.mean([each.search_runs + 2 * each.pairs for each in ended])), 1),
    }  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=40, help="series of four campaigns a cell")
    parser.add_argument("--seed", type=int, default=301, help="the first one")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "warm_start.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Simulates the verdict's test, whole years and whole campaigns, and the naive rules beside them.

    python benchmarks/verdict.py --runs 20000 --years 5000 --searches 1000

The test: normal paired differences with standard deviation 1; gain and margin are in that unit, and without a margin an
improvement matters from that unit on. The thresholds are
those of strategies/verdict/safe_t_test.py, and a sample of the simulated campaigns goes through judge to see that both
agree. Exit code 1 when a promise is broken; those that are missed are printed.
"""

import argparse
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from machine import header, kept_in, print_table, write_record
from model_years import years
from moved_optimum import ALONE, BOWL, LARGER, OTHERS, SHARED, UNIT, end_to_end
from numpy.typing import NDArray
from retuned.strategies.records import LegEnd, Outcome
from retuned.strategies.search.search_size import ENOUGH, WANTED
from retuned.strategies.verdict.contract import Contract
from retuned.strategies.verdict.divergence_test import divergence_e_value
from retuned.strategies.verdict.margin import LEAST_EFFECT
from retuned.strategies.verdict.power import first_crossings
from retuned.strategies.verdict.runs import Pair, Run, SearchSummary
from retuned.strategies.verdict.safe_t_test import Floats, look_sizes
from retuned.strategies.verdict.verdict import judge
from retuned.strategies.verdict.verdict_records import BROKEN_AT, TestPlan, Verdict
from verdict_promises import SEARCHED, promises, three_errors

Figures = dict[str, float | int | str]
D0, BETA, LONGEST = 1.0, 0.10, 96
TESTS = ((0.05, 24), (0.025, 24), (0.0125, 32))  # (alpha, n_max); the last is the default of four campaigns a year


def main() -> int:
    """Run every cell, print and write the figures; 1 when a promise of the test is broken."""
    options = _options()
    started = time.perf_counter()
    is_part = options.searches_only or options.tests_only
    wanted = [] if options.searches_only else parts(options)
    wanted += [] if options.tests_only else searches(options)
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(known, part, options.cache) for part in wanted]
        cells = [cell for one in waiting for cell in one.result()]
    kept = json.loads(options.out.read_text()) if is_part else None
    if kept is not None:
        cells += [cell for cell in kept["cells"] if (cell["table"] == SEARCHED) == options.tests_only]
    checked = cross_check(options.checked, options.seed)
    for name in dict.fromkeys(str(cell["table"]) for cell in cells):
        print_table(
            name, [{key: cell[key] for key in cell if key != "table"} for cell in cells if cell["table"] == name]
        )
    print(f"\n{checked['paths']} paths through judge: {checked['different']} different outcomes")
    missed = [promise for promise, is_kept in promises(cells).items() if not is_kept]
    print("\n".join(f"MISSED: {promise}" for promise in missed) or "every promise is kept")
    counts = "--searches-only " if options.searches_only else "--tests-only " if options.tests_only else ""
    counts += f"--runs {options.runs} --years {options.years} --searches {options.searches} --seed {options.seed}"
    record = header(f"python benchmarks/verdict.py {counts}", options.date) | {
        "seconds": round(time.perf_counter() - started, 1),
        "others_kept_from": None if kept is None else {key: kept[key] for key in ("command", "date")},
        "promises": promises(cells),
        "cells": cells,
        "cross_check": checked,
    }
    write_record(options.out, record)
    return 1 if missed or checked["different"] else 0


def known(part: partial[list[Figures]], cache: Path | None) -> list[Figures]:
    """A part's rows; those that the cache has are not simulated again."""
    key = hashlib.blake2b(repr((part.func.__name__, part.args)).encode(), digest_size=8).hexdigest()
    return kept_in(cache and cache / f"{part.func.__name__}-{key}.json", part)


def parts(options: argparse.Namespace) -> list[partial[list[Figures]]]:
    """What there is to simulate, each part by itself."""
    runs, seed = options.runs, options.seed
    tests = [partial(sequential_test, alpha, n_max, runs, seed) for alpha, n_max in TESTS]
    unchanged = [partial(years, shared, margin, options.years, seed) for shared in (0.0, 0.5) for margin in (None, 1.0)]
    naive = [partial(rules, landscape, k, runs, seed) for landscape in ("equal", "bowl") for k in (16, 19, 27)]
    diverging = [partial(divergence, rate, runs, seed) for rate in (0.05, 0.2, 0.5)]
    return [*tests, *unchanged, *naive, *diverging]


def searches(options: argparse.Namespace) -> list[partial[list[Figures]]]:
    """Search and test together, each scene by itself, with the size of search where runs cost, and the landscapes of
    more dimensions also with the one where they are nearly free; halved searches on two landscapes alone."""
    scenes = [(BOWL, noise, False, ENOUGH) for noise in (UNIT, SHARED, ALONE)]
    scenes += [(landscape, UNIT, False, ENOUGH) for landscape in (*OTHERS, *LARGER)]
    scenes += [(landscape, UNIT, True, ENOUGH) for landscape in (BOWL, LARGER[0])]
    parts = [partial(end_to_end, *scene, options.searches, options.seed) for scene in scenes]
    parts += [
        partial(end_to_end, landscape, UNIT, False, WANTED, options.searches, options.seed, (1.0,))
        for landscape in (BOWL, *LARGER)
    ]
    return sorted(parts, key=lambda part: -len(part.args[0].curvature) * part.args[3])  # the longest first


def sequential_test(alpha: float, n_max: int, runs: int, seed: int) -> list[Figures]:
    """One row a true gain and a margin; at gain 0 also under other stopping rules."""
    rows: list[Figures] = []
    for gain in (0.0, 0.25, 0.5, 1.0, 1.25, 2.0):
        generator = np.random.default_rng([seed, round(1 / alpha), round(10 * gain)])
        noise = generator.standard_normal((runs, LONGEST))
        for margin, delta in (("none", None), ("1", 1.0)):
            row: Figures = {"table": "sequential test", "alpha": alpha, "n_max": n_max, "gain": gain, "margin": margin}
            row |= _outcomes(noise + gain, delta, alpha, n_max)
            if gain == 0.0:
                row |= _false_alarms(noise, float(row["stale"]), alpha)
            rows.append(row)
    return rows


def _outcomes(draws: Floats, margin: float | None, alpha: float, n_max: int) -> Figures:
    """Shares of STALE, FRESH and INCONCLUSIVE, and the mean number of pairs; margin None: the default rule."""
    effect = LEAST_EFFECT if margin is None else None
    stale_at, fresh_at = first_crossings(draws, margin, alpha, BETA, D0, look_sizes(n_max), effect, n_max)
    decided_at = np.minimum(np.minimum(stale_at, fresh_at), n_max)
    is_stale = (stale_at < fresh_at) & (stale_at <= n_max)
    is_fresh = (fresh_at <= stale_at) & (fresh_at <= n_max)
    return {
        "stale": round(float(is_stale.mean()), 5),
        "fresh": round(float(is_fresh.mean()), 5),
        "inconclusive": round(float((~is_stale & ~is_fresh).mean()), 5),
        "mean_pairs": round(float(decided_at.mean()), 2),
    }


def _false_alarms(noise: Floats, default: float, alpha: float) -> Figures:
    """Shares of campaigns ever called STALE without a gain, under rules that hunt for it."""
    at_looks, _ = first_crossings(noise, None, alpha, BETA, D0, look_sizes(LONGEST), final_look=32)
    anywhere, _ = first_crossings(noise, None, alpha, BETA, D0, range(2, LONGEST + 1), final_look=32)
    by_8s, _ = first_crossings(
        noise, None, alpha, BETA, D0, (*look_sizes(32), *range(40, LONGEST + 1, 8)), final_look=32
    )
    shares = {
        "never_stop_96": float((at_looks <= LONGEST).mean()),
        "continued_by_8s": float((by_8s <= LONGEST).mean()),
        "stop_whenever_96": float((anywhere <= LONGEST).mean()),
    }
    error = three_errors(alpha, len(noise))
    excess = max(0.0, default - alpha - error, *(share - alpha - error for share in shares.values()))
    return {**{name: round(share, 5) for name, share in shares.items()}, "false_stale_excess": round(excess, 5)}


def rules(landscape: str, k: int, runs: int, seed: int) -> list[Figures]:
    """False alarms of naive rules and of the verdict when nothing changed and the incumbent is optimal.

    A search of k challengers, each scored once with unit noise. "equal": every challenger is as good as the
    incumbent. "bowl": they lie in a square around it and lose 8 times their squared distance. The stored score
    is the best score of the search at birth, as a tool that keeps its best trial would store it.
    """
    generator = np.random.default_rng([seed, k, len(landscape)])
    square = generator.uniform(-0.5, 0.5, (2, runs, k, 2))
    losses = (0.0 if landscape == "equal" else 8.0) * (square**2).sum(axis=-1)  # (birth or now, run, challenger)
    scores = generator.standard_normal((2, runs, k)) - losses
    incumbent = generator.standard_normal((3, runs))  # at birth, in the search, run again
    best = scores[1].max(axis=1)
    stored = np.maximum(scores[0].max(axis=1), incumbent[0])
    gain = -losses[1][np.arange(runs), scores[1].argmax(axis=1)]
    draws = generator.standard_normal((runs, 32)) + gain[:, None]
    stale_at, fresh_at = first_crossings(draws, None, 0.0125, BETA, D0, look_sizes(32), LEAST_EFFECT, 32)
    is_found = best > incumbent[1]
    is_stale = is_found & (stale_at < fresh_at) & (stale_at <= 32)
    row: Figures = {
        "table": "no change: false alarms of rules",
        "landscape": landscape,
        "challengers": k,
        "best_beats_stored_score": round(float((best > stored).mean()), 5),
        "best_beats_one_rerun": round(float((best > incumbent[2]).mean()), 5),
        "verdict_stale": round(float(is_stale.mean()), 5),
        "ends_without_pairs": round(float(1 - is_found.mean()), 5),
    }
    return [row]


def divergence(rate: float, runs: int, seed: int) -> list[Figures]:
    """How often an incumbent that fails at `rate`, and never did at birth, is BROKEN within 11 and 36 runs."""
    failed = np.random.default_rng([seed, round(100 * rate)]).random((runs, 36)) < rate
    counts = failed.cumsum(axis=1)  # (run, runs so far)
    table = [[divergence_e_value(k, n, 0, 8) for k in range(37)] for n in range(1, 37)]
    evidence = np.array(table)[np.arange(36), counts]
    is_broken = np.maximum.accumulate(evidence, axis=1) >= BROKEN_AT
    row: Figures = {
        "table": "divergence",
        "failure_rate": rate,
        "broken_in_11_runs": round(float(is_broken[:, 10].mean()), 5),
        "broken_in_36_runs": round(float(is_broken[:, 35].mean()), 5),
    }
    return [row]


def cross_check(paths: int, seed: int) -> dict[str, int]:
    """The same campaigns through the simulation above and through judge; how many end differently."""
    contract = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
    different = checked = 0
    for (alpha, n_max), (margin, effect) in product(TESTS, ((None, LEAST_EFFECT), (1.0, None))):
        plan = TestPlan(alpha=alpha, beta=BETA, d0=D0, delta=margin, n_max=n_max, least_effect=effect, final_look=n_max)
        for gain in (0.0, 1.0):
            generator = np.random.default_rng([seed, 7, round(1 / alpha), round(gain)])
            draws = generator.standard_normal((paths, n_max)) + gain
            crossings = first_crossings(draws, margin, alpha, BETA, D0, look_sizes(n_max), effect, n_max)
            for path, stale_at, fresh_at in zip(draws, *crossings, strict=True):
                checked += 1
                different += _expected(int(stale_at), int(fresh_at), n_max) != _judged(plan, contract, path)
    return {"paths": checked, "different": different}


def _expected(stale_at: int, fresh_at: int, n_max: int) -> tuple[Outcome, int]:
    if min(stale_at, fresh_at) > n_max:
        return Outcome.INCONCLUSIVE, n_max
    return (Outcome.FRESH, fresh_at) if fresh_at <= stale_at else (Outcome.STALE, stale_at)


def _judged(plan: TestPlan, contract: Contract, path: NDArray[np.float64]) -> tuple[Outcome, int]:
    pairs = [Pair(i, Run(LegEnd.COMPLETED, 0.0), Run(LegEnd.COMPLETED, float(d))) for i, d in enumerate(path)]
    verdict = judge(plan, contract, SearchSummary(), pairs)
    assert isinstance(verdict, Verdict)
    return verdict.outcome, verdict.n_pairs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000, help="simulated campaigns a cell")
    parser.add_argument("--years", type=int, default=5_000, help="simulated years a cell")
    parser.add_argument("--searches", type=int, default=1_000, help="simulated campaigns with their search a cell")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--searches-only", action="store_true", help="measure these anew, keep the record's other cells")
    part.add_argument("--tests-only", action="store_true", help="keep the record's cells with searches")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--checked", type=int, default=500, help="campaigns a cell that also go through judge")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="a folder that keeps each part, to go on after a stop")
    parser.add_argument("--date", default="", help="the date to write down; today when absent")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "verdict.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Whole campaigns in simulation, search included: the optimum of a quadratic landscape moves, or it does not.

The search is the one that campaigns run, strategies/caviar, shown simulated scores; verdict.py prints the
tables. A run's score has a standard deviation of 1 around its true value, and the gap is in that unit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from retuned.strategies.caviar.caviar import decide
from retuned.strategies.legs.names import INCUMBENT
from retuned.strategies.records import BudgetUnit, Configuration, LegEnd, LegRequest, LegResult
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.space import Hyperparameter, Kind, Space
from retuned.strategies.verdict.margin import LEAST_EFFECT
from retuned.strategies.verdict.power import first_crossings
from retuned.strategies.verdict.safe_t_test import Floats, look_sizes

Figures = dict[str, float | int | str]
ALPHA, BETA, D0, N_MAX = 0.0125, 0.10, 1.0, 32
BUDGET, CHALLENGERS = 9.0, 16
GAPS = (0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Landscape:
    """A true score of 0 at the optimum that falls with the distance, weighted by `curvature` in each direction and
    raised to `power`. With `wrong_choice` there is a choice of three beside the cube, two of which cost that much."""

    name: str
    curvature: tuple[float, ...]
    power: float = 2.0
    wrong_choice: float = 0.0

    @property
    def space(self) -> Space:
        """The unit cube, and the choice."""
        cube = [Hyperparameter(f"x{i}", Kind.FLOAT, 0.0, 1.0) for i in range(len(self.curvature))]
        choice = Hyperparameter("choice", Kind.CATEGORICAL, choices=("wrong", "right", "wrong too"))
        return Space.of([*cube, choice] if self.wrong_choice else cube)

    def value(self, configuration: Configuration, optimum: Floats) -> float:
        """The true score of a configuration."""
        place = np.array([configuration[f"x{i}"] for i in range(len(optimum))], dtype=np.float64)
        loss = float(np.sum(np.asarray(self.curvature) * (place - optimum) ** 2)) ** (self.power / 2)
        return -loss - self.wrong_choice * (configuration.get("choice", "right") != "right")

    def draw(self, gap: float, generator: np.random.Generator) -> tuple[Configuration, Floats]:
        """An incumbent and an optimum anywhere in the cube, in any direction, the incumbent `gap` worse."""
        curvature = np.asarray(self.curvature)
        while True:
            optimum, direction = generator.random(len(curvature)), generator.standard_normal(len(curvature))
            squared = gap ** (2 / self.power)
            place = optimum + direction * math.sqrt(squared / float(np.sum(curvature * direction**2)))
            if np.all((place >= 0) & (place <= 1)):
                choice = {"choice": "right"} if self.wrong_choice else {}
                return {**{f"x{i}": float(coordinate) for i, coordinate in enumerate(place)}, **choice}, optimum


@dataclass(frozen=True)
class Noise:
    """Standard deviations, where that of a run's score is 1.

    `search`: of a trial's score, apart from what all trials of a search share by their common seed and split;
    `pair`: of a paired difference.
    """

    name: str
    search: float
    pair: float


@dataclass(frozen=True)
class Searched:
    """A search beside the truth. `found`: it named a challenger, whose true gain over the incumbent is `gain`.

    `best_gain` is the largest true gain among the challengers tried, `best_score` the best score one was seen with.
    """

    found: bool
    gain: float
    best_gain: float
    best_score: float
    incumbent_score: float
    full_runs: float


BOWL = Landscape("bowl", (8.0, 8.0))
OTHERS = (
    Landscape("narrow", (32.0, 32.0)),
    Landscape("valley", (32.0, 2.0)),
    Landscape("cone", (8.0, 8.0), power=1.0),
    Landscape("a choice of three", (8.0, 8.0), wrong_choice=1.5),
    Landscape("4 dimensions", (8.0,) * 4),
    Landscape("6 dimensions", (8.0,) * 6),
)
UNIT = Noise("unit", 1.0, 1.0)  # nothing shared in a search, half of the variance in a pair
SHARED = Noise("half shared", math.sqrt(0.5), 1.0)
ALONE = Noise("none shared", 1.0, math.sqrt(2.0))


def end_to_end(landscape: Landscape, noise: Noise, is_resumable: bool, runs: int, seed: int) -> list[Figures]:
    """One row a gap: how often the verdict and the naive rules say that the settings are stale.

    "best_beats_stored_score": the best trial against the best score of the search that once chose the settings.
    "best_beats_one_rerun": the best trial against one more run of the incumbent. `if_best_tried` and
    `if_optimum`: how often the same test would end STALE with the truly best challenger of the search, or with the
    optimum itself, in the winner's place; what is missing there is lost by the selection, or by the proposals.
    """
    generator = np.random.default_rng([seed, is_resumable, *landscape.name.encode(), *noise.name.encode()])
    born = [search(landscape, landscape.draw(0.0, generator), noise, is_resumable, generator) for _ in range(runs)]
    stored = np.array([max(searched.best_score, searched.incumbent_score) for searched in born])
    rows: list[Figures] = []
    for gap in GAPS:
        now = [search(landscape, landscape.draw(gap, generator), noise, is_resumable, generator) for _ in range(runs)]
        row: Figures = {"table": "search and test", "landscape": landscape.name, "noise": noise.name}
        row |= {"rungs": 2 if is_resumable else 1, "gap": gap}
        rows.append(row | _figures(now, stored, gap, noise, generator))
    return rows


def _figures(
    now: Sequence[Searched], stored: Floats, gap: float, noise: Noise, generator: np.random.Generator
) -> Figures:
    best = np.array([searched.best_score for searched in now])
    gains = np.array([searched.gain for searched in now])
    best_tried = np.array([searched.best_gain for searched in now])
    found = np.array([searched.found for searched in now])
    rerun = generator.standard_normal(len(now)) - gap
    deviations = generator.standard_normal((len(now), N_MAX)) * noise.pair
    stale, pairs = tested(deviations + gains[:, None])
    return {
        "verdict_stale": _share(found & stale),
        "best_beats_stored_score": _share(best > stored),
        "best_beats_one_rerun": _share(best > rerun),
        "ends_without_pairs": _share(~found),
        "winners_gain": round(float(gains[found].mean()), 3),
        "best_tried_gain": round(float(best_tried.mean()), 3),
        "if_best_tried": _share(tested(deviations + best_tried[:, None])[0]),
        "if_optimum": _share(tested(deviations + gap)[0]),
        "mean_pairs": round(float(pairs[found].mean()), 2),
        "full_runs": round(fmean(searched.full_runs for searched in now), 1),
    }


def search(
    landscape: Landscape,
    scene: tuple[Configuration, Floats],
    noise: Noise,
    is_resumable: bool,
    generator: np.random.Generator,
) -> Searched:
    """One search of 16 challengers; a leg to a third of the budget is as noisy as a full one, and unbiased."""
    incumbent, optimum = scene
    task = SearchTask(
        space=landscape.space,
        incumbent=incumbent,
        warm=(),
        seed=int(generator.integers(2**31)),
        budget=BUDGET,
        unit=BudgetUnit.EPOCHS,
        resumable=is_resumable,
        challengers=CHALLENGERS,
    )
    common = generator.standard_normal() * math.sqrt(1 - noise.search**2)
    results: dict[str, LegResult] = {}
    while not isinstance(decision := decide(task, tuple(results.values())), Finished):
        for leg in decision.legs:
            if leg.name not in results:
                score = landscape.value(leg.configuration, optimum) + common
                results[leg.name] = _ended(leg, score + noise.search * generator.standard_normal())
    return _searched(landscape, optimum, decision, results)


def tested(draws: Floats) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each row of paired differences ends STALE, and after how many pairs it is decided."""
    stale_at, fresh_at = first_crossings(draws, None, ALPHA, BETA, D0, look_sizes(N_MAX), LEAST_EFFECT)
    return (stale_at < fresh_at) & (stale_at <= N_MAX), np.minimum(np.minimum(stale_at, fresh_at), N_MAX)


def _searched(landscape: Landscape, optimum: Floats, decision: Finished, results: Mapping[str, LegResult]) -> Searched:
    full = [result for result in results.values() if result.request.to_step == BUDGET]
    scores = {result.request.trial: float(result.score or 0.0) for result in full}
    values = {trial: landscape.value(configuration, optimum) for trial, configuration, _ in decision.ranking}
    challengers = [trial for trial in values if trial != INCUMBENT]
    return Searched(
        found=not decision.nothing_better,
        gain=values[decision.winner_trial] - values[INCUMBENT],
        best_gain=max(values[trial] for trial in challengers) - values[INCUMBENT],
        best_score=max(score for trial, score in scores.items() if trial != INCUMBENT),
        incumbent_score=scores[INCUMBENT],
        full_runs=sum(result.request.to_step - result.request.from_step for result in results.values()) / BUDGET,
    )


def _ended(leg: LegRequest, score: float) -> LegResult:
    return LegResult(leg, LegEnd.COMPLETED, score)


def _share(claims: NDArray[np.bool_]) -> float:
    return round(float(claims.mean()), 5)

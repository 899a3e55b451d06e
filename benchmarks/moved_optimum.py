"""Whole campaigns in simulation, search included: the optimum of a landscape moves, or it does not.

The search is the one that campaigns run, strategies/caviar, shown simulated scores; verdict.py prints the
tables. A run's score has a standard deviation of 1 around its true value, and the gap is in that unit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from landscapes import CLIFF, CONE, MIXED, SATURATING, Landscape, bowl
from numpy.typing import NDArray
from retuned.strategies.caviar.caviar import decide
from retuned.strategies.legs.names import INCUMBENT
from retuned.strategies.records import BudgetUnit, Configuration, LegEnd, LegResult
from retuned.strategies.search.observations import Observations, Source
from retuned.strategies.search.search_size import LEAST, coordinates_of
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.verdict.margin import LEAST_EFFECT
from retuned.strategies.verdict.power import first_crossings
from retuned.strategies.verdict.safe_t_test import Floats, look_sizes

Figures = dict[str, float | int | str]
ALPHA, BETA, D0, N_MAX = 0.0125, 0.10, 1.0, 32
BUDGET = 9.0
GAPS = (0.0, 1.0, 2.0)
TOPS = 5  # configurations that a campaign hands on to the next


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
class Known:
    """What a search starts from: the top configurations of earlier campaigns, and their scores, newest first."""

    tops: tuple[Configuration, ...] = ()
    scores: tuple[Observations, ...] = ()


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Ended:
    """A campaign beside the truth: its first search's winner and its true gain over the incumbent.

    `best_gain` is the largest true gain among the challengers tried in the first stage, `best_score` the best score one
    was seen with. `stale_in`: the stage that ended STALE, 0 for none; `pairs` of all stages. `one_stage_stale`: what
    the first stage's pairs would have said at the error rates of a campaign that has no other, with `one_stage_runs`.
    `found`: what a later campaign would know of the first search.
    """

    gain: float
    best_gain: float
    best_score: float
    incumbent_score: float
    search_runs: float
    stale_in: int = 0
    pairs: int = 0
    found: Known = NOTHING_KNOWN
    one_stage_stale: bool = False
    one_stage_runs: float = 0.0


BOWL = bowl(2)
OTHERS = (
    Landscape("narrow", (32.0, 32.0)),
    Landscape("valley", (32.0, 2.0)),
    Landscape("cone", (8.0, 8.0), power=1.0),
    Landscape("a choice of three", (8.0, 8.0), wrong_choice=1.5),
)
LARGER = (bowl(4), SATURATING, CLIFF, CONE, bowl(6), MIXED, bowl(8))
UNIT = Noise("unit", 1.0, 1.0)  # nothing shared in a search, half of the variance in a pair
SHARED = Noise("half shared", math.sqrt(0.5), 1.0)
ALONE = Noise("none shared", 1.0, math.sqrt(2.0))


def end_to_end(
    landscape: Landscape,
    noise: Noise,
    is_resumable: bool,
    each: int,
    runs: int,
    seed: int,
    gaps: Sequence[float] = GAPS,
) -> list[Figures]:
    """One row a gap: how often the verdict, of one stage and of two, and the naive rules say that settings are stale.

    `runs` campaigns a gap, more where nothing moved.
    `each`: challengers of each coordinate in a stage. "best_beats_stored_score": the best trial of the first stage
    against the best score of the search that once chose the settings. "best_beats_one_rerun": the best trial against
    one more run of the incumbent. `if_best_tried` and `if_optimum`: how often the first stage's test would end STALE
    with the truly best challenger of its search, or with the optimum itself, in the winner's place; what is missing
    there is lost by the selection, or by the proposals.
    """
    words = [seed, is_resumable, each, *landscape.name.encode(), *noise.name.encode()]
    generator = np.random.default_rng(words)
    count = max(LEAST, each * coordinates_of(landscape.space))
    unchanged = runs * 2 if len(landscape.curvature) == 2 else runs * 5 // 4  # of verdict.py 5,200, with 200 runs
    scenes = [landscape.draw(0.0, generator) for _ in range(unchanged)]
    born = [campaign(landscape, scene, noise, is_resumable, count, generator, stages=0) for scene in scenes]
    stored = np.array([max(ended.best_score, ended.incumbent_score) for ended in born])
    rows: list[Figures] = []
    for gap in gaps:
        scenes = [landscape.draw(gap, generator) for _ in range(runs if gap else unchanged)]
        now = [campaign(landscape, scene, noise, is_resumable, count, generator) for scene in scenes]
        row: Figures = {"table": "search and test", "landscape": landscape.name, "noise": noise.name}
        row |= {"rungs": 2 if is_resumable else 1, "each": each, "challengers": count, "gap": gap}
        row |= {"campaigns": len(now)}
        rows.append(row | _figures(now, stored, gap, noise, generator))
    return rows


def _figures(now: Sequence[Ended], stored: Floats, gap: float, noise: Noise, generator: np.random.Generator) -> Figures:
    best = np.array([ended.best_score for ended in now])
    best_tried = np.array([ended.best_gain for ended in now])
    rerun = generator.standard_normal(len(now)) - gap
    deviations = generator.standard_normal((len(now), N_MAX)) * noise.pair
    shares = {
        "one_stage_stale": [ended.one_stage_stale for ended in now],
        "verdict_stale": [ended.stale_in > 0 for ended in now],
        "best_beats_stored_score": best > stored[: len(best)],
        "best_beats_one_rerun": best > rerun,
        "ends_without_pairs": [ended.pairs == 0 for ended in now],
        "if_best_tried": decided(deviations + best_tried[:, None])[0],
        "if_optimum": decided(deviations + gap)[0],
    }
    return {
        **{name: _share(np.array(claims, dtype=np.bool_)) for name, claims in shares.items()},
        "winners_gain": round(fmean(ended.gain for ended in now), 3),
        "best_tried_gain": round(float(best_tried.mean()), 3),
        "search_runs": round(fmean(ended.search_runs for ended in now), 1),
        "all_runs": round(fmean(ended.search_runs + 2 * ended.pairs for ended in now), 1),
        "one_stage_runs": round(fmean(ended.one_stage_runs for ended in now), 1),
    }


def campaign(
    landscape: Landscape,
    scene: tuple[Configuration, Floats],
    noise: Noise,
    is_resumable: bool,
    count: int,
    generator: np.random.Generator,
    stages: int = 2,
    known: Known = NOTHING_KNOWN,
) -> Ended:
    """One campaign with `count` challengers a stage; a leg to a third of the budget is as noisy as a full one, and
    unbiased. Without stages the search alone. The same pairs are also tested as those of a campaign of one stage."""
    incumbent, optimum = scene
    task = SearchTask(
        space=landscape.space,
        incumbent=incumbent,
        warm=known.tops,
        earlier=known.scores,
        seed=int(generator.integers(2**31)),
        budget=BUDGET,
        unit=BudgetUnit.EPOCHS,
        resumable=is_resumable,
        challengers=count,
        noise=1.0,
    )
    common, results = generator.standard_normal() * math.sqrt(1 - noise.search**2), dict[str, LegResult]()

    def score(configuration: Configuration) -> float:
        return landscape.value(configuration, optimum) + common + noise.search * generator.standard_normal()

    decision = _searched(task, results, score)
    ended = _ended(landscape, optimum, decision, results)
    if not stages:
        return ended
    for stage in range(1, stages + 1):
        if stage > 1:
            decision = _searched(task, results, score)
            ended = replace(ended, search_runs=_runs(results))
        if not decision.nothing_better:
            gain = landscape.value(decision.winner, optimum) - landscape.value(incumbent, optimum)
            pairs = gain + noise.pair * generator.standard_normal((1, N_MAX))
            stale, taken = decided(pairs, stages)
            ended = replace(ended, pairs=ended.pairs + int(taken[0]))
            if stage == 1:
                alone, by_itself = decided(pairs)
                ended = replace(ended, one_stage_stale=bool(alone[0]))
                ended = replace(ended, one_stage_runs=ended.search_runs + 2 * int(by_itself[0]))
            if stale[0]:
                return replace(ended, stale_in=stage)
            if taken[0] >= N_MAX:  # undecided: a campaign then asks for more pairs
                return ended
            half = [(place, sign * each / 2) for each in pairs[0, : taken[0]] for place, sign in
                    ((incumbent, -1.0), (decision.winner, 1.0))]  # fmt: skip
            task = replace(task, paired=Observations(tuple(half), Source.PAIRED))
        task = replace(task, more=count)
    return ended


def decided(draws: Floats, stages: int = 1) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each row of paired differences ends STALE, and after how many pairs it is decided."""
    stale_at, fresh_at = first_crossings(
        draws, None, ALPHA / stages, BETA / stages, D0, look_sizes(N_MAX), LEAST_EFFECT, N_MAX
    )
    return (stale_at < fresh_at) & (stale_at <= N_MAX), np.minimum(np.minimum(stale_at, fresh_at), N_MAX)


def _searched(task: SearchTask, results: dict[str, LegResult], score: Callable[[Configuration], float]) -> Finished:
    """The end of a search; its results are added to those there are."""
    while not isinstance(decision := decide(task, tuple(results.values())), Finished):
        for leg in decision.legs:
            if leg.name not in results:
                results[leg.name] = LegResult(leg, LegEnd.COMPLETED, score(leg.configuration))
    return decision


def _ended(landscape: Landscape, optimum: Floats, decision: Finished, results: Mapping[str, LegResult]) -> Ended:
    full = [result for result in results.values() if result.request.to_step == BUDGET]
    scores = {result.request.trial: float(result.score or 0.0) for result in full}
    values = {trial: landscape.value(configuration, optimum) for trial, configuration, _ in decision.ranking}
    challengers = [trial for trial in values if trial != INCUMBENT]
    return Ended(
        gain=values[decision.winner_trial] - values[INCUMBENT],
        best_gain=max(values[trial] for trial in challengers) - values[INCUMBENT],
        best_score=max(score for trial, score in scores.items() if trial != INCUMBENT),
        incumbent_score=scores[INCUMBENT],
        search_runs=_runs(results),
        found=Known(
            tuple(configuration for _, configuration, score in decision.ranking[:TOPS] if score is not None),
            (
                Observations(
                    tuple((leg.request.configuration, float(leg.score or 0.0)) for leg in full), Source.EARLIER
                ),
            ),
        ),
        one_stage_runs=_runs(results),
    )


def _runs(results: Mapping[str, LegResult]) -> float:
    return sum(result.request.to_step - result.request.from_step for result in results.values()) / BUDGET


def _share(claims: NDArray[np.bool_]) -> float:
    return round(float(claims.mean()), 5)

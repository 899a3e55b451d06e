"""How many challengers a caviar search tries, and in how many stages: a function of its space and of the compute.

Measured in simulation and on fits of real trainings (benchmarks/verdict.py): what a search finds depends on the number
of challengers for each coordinate that it moves. A second stage, in which the search goes on with the first one's
pairs as data, finds more than one search of twice the size.
"""

from dataclasses import dataclass

from ..hyperparameter import Kind
from ..space import Space

ENOUGH = 6  # challengers a stage for each coordinate ...
WANTED = 12  # ... and where runs are nearly free
LEAST = 12  # challengers of a stage
TESTS_RUNS = 30  # runs that the pairs of one stage take where a loss of one standard deviation is found
MOST_RUNS = 160.0  # full runs of a re-evaluation for which the owner states no budget ...
MOST_S = 86_400.0  # ... and the time that it may take on the slots at hand
FREE_S = 300.0  # a re-evaluation that takes no longer is nearly free


@dataclass(frozen=True, slots=True)
class SearchSize:
    """Challengers of each stage, how many stages at most, and why, as a clause."""

    challengers: int
    stages: int
    why: str


def coordinates_of(space: Space) -> int:
    """The coordinates that a search moves: one of each hyperparameter, of an unordered choice of k values k - 1."""
    return sum(
        len(parameter.options) - 1
        if parameter.low is None and not parameter.is_ordered and parameter.kind is not Kind.BOOL
        else 1
        for parameter in space.movable
    )


def search_size(
    coordinates: int, runs: float | None, seconds_per_run: float | None, at_once: int, probe_runs: float = 0.0
) -> SearchSize:
    """The size of a search over so many coordinates.

    `runs`: full trainings that the budget pays in all, None where the owner states none. `seconds_per_run`: of one full
    training, None before one has been timed; `at_once`: how many run side by side. Twelve challengers a stage for each
    coordinate where they are nearly free or the budget pays for them, six where they cost; two stages where they and
    their tests fit, else one, of at least twelve challengers.
    """
    coordinates = max(coordinates, 1)
    enough, wanted = max(LEAST, ENOUGH * coordinates), max(LEAST, WANTED * coordinates)
    tests = 2 * TESTS_RUNS + probe_runs
    is_free = seconds_per_run is not None and (2 * wanted + tests) * seconds_per_run / at_once <= FREE_S
    if runs is not None:
        room, why = runs, f"the budget pays about {runs:.0f} full runs"
    elif is_free:
        room, why = 2 * wanted + tests, "a re-evaluation takes minutes"
    elif seconds_per_run is None or MOST_S * at_once / seconds_per_run >= MOST_RUNS:
        room, why = MOST_RUNS, f"no budget is stated, so a re-evaluation may take about {MOST_RUNS:.0f} full runs"
        wanted = enough
    else:
        room, why = MOST_S * at_once / seconds_per_run, "no budget is stated, so a re-evaluation may take about a day"
        wanted = enough
    if room >= 2 * enough + tests:
        each = min(int((room - tests) / 2), wanted)
        return SearchSize(each, 2, f"{_counted(coordinates)}; {why}")
    each = max(LEAST, min(int(room - TESTS_RUNS - probe_runs), WANTED * coordinates))
    return SearchSize(each, 1, f"{_counted(coordinates)}; {why}, too few for two stages")


def _counted(coordinates: int) -> str:
    return f"{coordinates} coordinate{'' if coordinates == 1 else 's'} to move"

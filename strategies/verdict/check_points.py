"""What a check of a model before its registration finds: one point a line, with the one change to make."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..errors import RetunedError
from ..words import counted
from .contract import Breach, Contract


class Level(StrEnum):
    """How a point ended; only FAILED ones fail the check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    OPEN = "open"  # it could not be tested


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was looked at, what was found, and the change to make; empty where there is none."""

    name: str
    level: Level
    sentence: str
    remedy: str = ""


def failed_point(name: str, error: RetunedError) -> Point:
    """The point that an error fails."""
    return Point(name, Level.FAILED, error.found, "; ".join(part for part in (error.allowed, error.remedy) if part))


PARTS = ("seed", "split", "purpose", "repeatable")
"""The points of the contract, in their order."""
_MEANT = {
    "seed": "runs with another seed score otherwise",
    "split": "runs with another split score otherwise",
    "purpose": "search and confirmation are scored on different rows",
}
_SAME = {
    "seed": "the score is the same with another seed, so training runs repeat each other",
    "split": "the score is the same with another split seed, so every pair is scored on the same rows",
    "purpose": "the score is the same in a search and in a confirmation, so both are scored on the same rows",
}
_LET_US_CUT = (
    "have retuned cut the data: split = {by = 'rows'} under [data], train on {train} and score {eval} "
    "(four more lines in the script: 'A script that cuts one table itself' in docs/contract.md)"
)
_OWN_CHANGE = {
    "seed": 'draw initialisation and data order from it: hand it over in the command ("--seed", "{seed}", where '
    "the script has such an argument), or read RETUNED_SEED",
    "split": f"{_LET_US_CUT}; or draw the rows by RETUNED_SPLIT_SEED",
    "purpose": f"{_LET_US_CUT}; or score other rows where RETUNED_PURPOSE is replicate or confirm",
}
_DRAWS_NOTHING = (
    "the score is the same with another seed: the training draws nothing at random, or always the same; its rows are "
    "drawn anew for each pair, so pairs can be judged"
)
_IF_IT_DRAWS = "if it draws at random all the same, hand it {seed} in the command, or have it read RETUNED_SEED"
_CHANGE_WITH_A_SPLIT = "train on the file {train} and score the rows of {eval}: add both to the command"


def contract_points(contract: Contract, *, has_split: bool, is_final: bool) -> tuple[Point, ...]:
    """What short runs say about seed, split, purpose and repeated calls.

    `has_split`: retuned cuts the data. `is_final`: what looks ignored was seen in full runs, too; a short run may hide
    an effect, so it only warns.
    """
    noise_hides = Breach.NOT_REPEATABLE in contract.breaches
    matters = {
        "seed": contract.seed_matters,
        "split": contract.split_matters,
        "purpose": contract.purpose_matters,
    }
    effects = tuple(
        Point(name, Level.WARNING, _DRAWS_NOTHING, _IF_IT_DRAWS)
        if name == "seed" and contract.draws_nothing
        else _effect(name, value, noise_hides, has_split, is_final)
        for name, value in matters.items()
    )
    return (*effects, _repeatable(contract, noise_hides, is_final))


def untested_points(why: str, names: tuple[str, ...] = PARTS) -> tuple[Point, ...]:
    """The same points where nothing could be tested, with the reason."""
    return tuple(Point(name, Level.OPEN, why) for name in names)


def is_passed(points: tuple[Point, ...]) -> bool:
    """Whether nothing failed; warnings and what was left open pass."""
    return all(point.level is not Level.FAILED for point in points)


def point_to_json(point: Point) -> Mapping[str, str]:
    """A point as JSON values."""
    return {"name": point.name, "level": point.level.value, "sentence": point.sentence, "remedy": point.remedy}


def _effect(name: str, matters: bool | None, noise_hides: bool, has_split: bool, is_final: bool) -> Point:
    if matters is None:
        return Point(name, Level.OPEN, "not tested: a run that it needs has no score, or did not end in time")
    if matters:
        built_in = "; retuned cuts the data, so it holds by construction" if has_split and name != "seed" else ""
        return Point(name, Level.OK, f"{_MEANT[name]}{built_in}")
    if noise_hides:
        return Point(name, Level.OPEN, "not seen: identical runs differ as much")
    change = _CHANGE_WITH_A_SPLIT if has_split and name != "seed" else _OWN_CHANGE[name]
    if is_final:
        return Point(name, Level.FAILED, _SAME[name], change)
    return Point(name, Level.WARNING, f"in short runs {_SAME[name]}; the baseline tests it in full runs", change)


def _repeatable(contract: Contract, noise_hides: bool, is_final: bool) -> Point:
    name = "repeatable"
    if contract.is_deterministic is None:
        return Point(name, Level.OPEN, "not tested: no second run has a score, or ended in time")
    if contract.is_deterministic:
        return Point(name, Level.OK, "two identical runs score the same")
    if not noise_hides:
        return Point(name, Level.OK, "identical runs differ a little, far less than other seeds and splits do")
    change = "take every random number from the seed and the split seed that the training is given"
    found = f"{counted(contract.equal_calls + 1, 'identical run')} differ as much as runs with another seed or split"
    return Point(name, Level.FAILED if is_final else Level.WARNING, found, change)

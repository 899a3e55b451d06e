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


PARTS = ("split", "purpose", "seed", "repeatable")
"""The points of the contract, the most important first: what is mended for the first often mends the next."""
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
    "(a few more lines in the script: `retuned init` shows them for most, docs/contract.md for all)"
)
_OTHER_ROWS = "; or score other rows where RETUNED_PURPOSE is replicate or confirm"
_OWN_CHANGE = {
    "seed": 'draw initialisation and data order from it: hand it over in the command ("--seed", "{seed}", where '
    "the script has such an argument), or read RETUNED_SEED; a training that draws nothing at random needs none once "
    "retuned cuts the data",
    "split": f"{_LET_US_CUT}; or draw the rows by RETUNED_SPLIT_SEED",
    "purpose": f"{_LET_US_CUT}{_OTHER_ROWS}",
}
_USE_SEED = (
    "the command hands the seed over: draw initialisation and data order from it; or the metric is too coarse to show "
    "it (a loss shows more than a share of right answers), or the training moves too little"
)
_SAME_SEED = {
    False: "pairs can be judged, since rows are drawn anew for each; the score is the same with another seed, which is "
    "right for a training that draws nothing at random; one with a seed of its own had better be handed {seed}",
    True: "pairs can be judged, since rows are drawn anew for each; the score is the same with another seed, which is "
    "right for a training that draws nothing at random; one that does draw had better use the {seed} it is handed",
}
_CHANGE_WITH_A_SPLIT = "train on the file {train} and score the rows of {eval}: add both to the command"


def contract_points(contract: Contract, *, has_split: bool, has_seed: bool, is_final: bool) -> tuple[Point, ...]:
    """What short runs say about split, purpose, seed and repeated calls.

    `has_split`: retuned cuts the data. `has_seed`: the command hands the seed over. `is_final`: what looks ignored was
    seen in full runs, too; a short run may hide an effect, so it only warns.
    """
    noise_hides = Breach.NOT_REPEATABLE in contract.breaches
    changes = dict.fromkeys(("split", "purpose"), _CHANGE_WITH_A_SPLIT) if has_split else dict(_OWN_CHANGE)
    if not has_split and contract.split_matters is False:
        changes["purpose"] = f"the change for split mends this, too{_OTHER_ROWS}"
    changes["seed"] = _USE_SEED if has_seed else _OWN_CHANGE["seed"]

    def effect(name: str, matters: bool | None) -> Point:
        built_in = "; retuned cuts the data, so it holds by construction" if has_split and name != "seed" else ""
        return _effect(name, matters, changes[name], built_in, noise_hides, is_final)

    seed = (
        Point("seed", Level.OK, _SAME_SEED[has_seed])
        if contract.draws_nothing
        else effect("seed", contract.seed_matters)
    )
    split, purpose = effect("split", contract.split_matters), effect("purpose", contract.purpose_matters)
    return (split, purpose, seed, _repeatable(contract, noise_hides, is_final))


def untested_points(why: str, names: tuple[str, ...] = PARTS) -> tuple[Point, ...]:
    """The same points where nothing could be tested, with the reason."""
    return tuple(Point(name, Level.OPEN, why) for name in names)


def is_passed(points: tuple[Point, ...]) -> bool:
    """Whether nothing failed; warnings and what was left open pass."""
    return all(point.level is not Level.FAILED for point in points)


def point_to_json(point: Point) -> Mapping[str, str]:
    """A point as JSON values."""
    return {"name": point.name, "level": point.level.value, "sentence": point.sentence, "remedy": point.remedy}


def _effect(name: str, matters: bool | None, change: str, built_in: str, noise_hides: bool, is_final: bool) -> Point:
    if matters is None:
        return Point(name, Level.OPEN, "not tested: a run that it needs has no score, or did not end in time")
    if matters:
        return Point(name, Level.OK, f"{_MEANT[name]}{built_in}")
    if noise_hides:
        return Point(name, Level.OPEN, "not seen: identical runs differ as much")
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

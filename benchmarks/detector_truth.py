"""What a campaign of the detector's study could truly have gained, and what it told of that."""

import contextlib
import json
import math
import sqlite3
from collections.abc import Sequence
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import fmean
from typing import Any

from fresh_scores import PAIRS, TRUTH, fresh_scores, paired_gain
from retuned.daemon.training.trainer.recipes import load_recipe
from retuned.strategies.records import Configuration
from scene import Scene

Row = dict[str, Any]
CLASSES = {"flights": ("Flights", 4.0), "bike_share": ("BikeShare", 6.0)}  # of each example, with its epochs
UNCHANGED = ("flights", "refitted", "labels", "aa")
TOLD = ("stale", "broken")
LEAST_UNCHANGED = 140  # campaigns without a change, to speak of a rate
ERROR_RATE = 0.0125  # of a campaign, as its verdict states it
LEAST_SKILL = 0.05  # below that a share of the skill says nothing
LOSSES = ((0.05, math.inf, 0.85), (0.02, 0.05, 0.40))  # shares of the skill, and how many of those are told


def verified(truth: Pool, scene: Scene, example: str, campaign: Row) -> Row:
    """The gain over the stored settings, by fresh pairs on the window at hand: of the challenger, or of the best trial
    where the search found nothing to challenge with. `share` is of the skill, None where there is hardly any."""
    better = campaign["challenger"] or best_trial(scene.state, campaign["id"])
    recipe, epochs = CLASSES[example]
    place = scene.folder / "model" / "recipe.py"
    wanted = (better, stored(scene.state, campaign["id"]))
    gain = truth.apply(true_gain, (f"{place}:{recipe}", str(place.parent / "data" / "window.csv"), epochs, wanted))
    return {"gain": gain["mean"], "gain_error": gain["error"], "gain_sds": gain["sds"], "share": gain["share"],
            "gained_by": "challenger" if campaign["challenger"] else "best trial"}  # fmt: skip


def true_gain(recipe: str, data: str, epochs: float, wanted: Sequence[Configuration]) -> Row:
    """Of the first configuration over the second. Runs in a process of the pool."""
    better, worse = fresh_scores(load_recipe(recipe)(data), wanted, TRUTH, PAIRS, epochs)
    skill = fmean(better)
    gain: Row = paired_gain(better, worse, max(skill, LEAST_SKILL))
    return gain if skill >= LEAST_SKILL else gain | {"share": None}


def stored(state: Path, campaign: int) -> Configuration:
    """The settings in force when a campaign ran."""
    return next(leg["configuration"] for leg, _ in _search_legs(state, campaign) if leg["role"] == "incumbent")


def best_trial(state: Path, campaign: int) -> Configuration:
    """The configuration of the search's best score at the full budget, the stored settings aside."""
    legs = _search_legs(state, campaign)
    full = max(leg["to_step"] for leg, _ in legs)
    tried = [(score, leg) for leg, score in legs if leg["role"] != "incumbent" and leg["to_step"] == full]
    best: Configuration = max(tried, key=lambda each: each[0])[1]["configuration"]
    return best


def _search_legs(state: Path, campaign: int) -> list[tuple[Row, float]]:
    """The requests of a search's legs, with their scores; of one that failed minus infinity."""
    with contextlib.closing(sqlite3.connect(f"file:{state / 'retuned.sqlite3'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT request, score FROM legs WHERE campaign_id = ? ORDER BY name", (campaign,)).fetchall()
    legs = [(json.loads(request), -math.inf if score is None else float(score)) for request, score in rows]
    return [(leg, score) for leg, score in legs if leg["purpose"] == "search"]


def truth_promises(rows: Sequence[Row]) -> list[Row]:
    """Nothing told where nothing better is verified, and of verified losses most.

    Where something better is verified that is smaller than the margin, STALE is true (it says by how much at least) and
    yet more than was promised: those are counted apart, under "not above the margin".
    """
    same = [row for row in rows if row["study"] in UNCHANGED]
    nothing = [row for row in same if row["gain"] <= 2 * row["gain_error"]]
    small = [row for row in same if row["gain"] <= max(row["delta"] or 0.0, 2 * row["gain_error"])]
    promises: list[Row] = []
    for text, among, most in (
        ("nothing better verified: told no more often than the stated 1.25% of campaigns", nothing, ERROR_RATE),
        ("nothing verified that is better than the margin: none told", small, 0.0),
    ):
        told = sum(row["outcome"] in TOLD for row in among)
        is_kept = told <= most * len(among) and len(same) >= LEAST_UNCHANGED
        promises.append(
            {"promise": f"unchanged data and labels, {text}", "campaigns": len(among), "told": told, "kept": is_kept}
        )
    for low, high, least in LOSSES:
        lost = [row for row in rows if row["gain"] > 2 * row["gain_error"] and low <= (row["share"] or 0.0) < high]
        told = [row for row in lost if row["outcome"] in TOLD]
        text = f"verified losses of {low:.0%} of the skill or more, below {high:.0%}: at least {least:.0%} told"
        promises.append(
            {"promise": text.replace(", below inf%", ""), "campaigns": len(lost), "told": len(told),
             "kept": bool(lost) and len(told) >= least * len(lost)}
        )  # fmt: skip
    return promises

"""What verdict.py promises of the simulated test, years and campaigns, and whether the figures keep it."""

import math
from collections.abc import Sequence

from moved_optimum import ALPHA, Figures
from retuned.strategies.search.search_size import ENOUGH, WANTED

SEARCHED = "search and test"


def promises(cells: Sequence[Figures]) -> dict[str, bool]:
    """Each promise, and whether the figures keep it. Error rates may be passed by three errors of the simulation."""
    table = {name: [cell for cell in cells if cell["table"] == name] for name in {cell["table"] for cell in cells}}
    tests = table["sequential test"]
    default = [row for row in tests if row["n_max"] == 32]
    power = {(row["gain"], row["margin"]): float(row["stale"]) for row in default}
    same = [row for row in table[SEARCHED] if row["gap"] == 0.0]
    false = sum(float(row["verdict_stale"]) * int(row.get("campaigns", 1)) for row in same)
    campaigns = sum(int(row.get("campaigns", 1)) for row in same)
    unchanged = table["a year without a change"]
    return {
        "false STALE at gain 0, also looking at up to 96 pairs: at most alpha": all(
            float(row.get("false_stale_excess", 0)) == 0 for row in tests
        ),
        "power at 1 sigma, no margin: at least 90 %": power[1.0, "none"] >= 0.90,
        "power at 1.25 sigma, a margin of 1 sigma: at least 90 %": power[1.25, "1"] >= 0.90,
        "a gain of a quarter of the margin of 1 sigma: at most alpha STALE": power[0.25, "1"] <= ALPHA,
        "power at 2 sigma: above 99.5 %": min(power[2.0, "none"], power[2.0, "1"]) > 0.995,
        "false FRESH at 1 sigma: at most 10 %": max(float(row["fresh"]) for row in tests if row["gain"] == 1.0) <= 0.10,
        "a year without a change: at most 3 % ever STALE": all(float(row["ever_stale"]) <= 0.03 for row in unchanged),
        "a year without a change, continued: at most 5 % ever STALE": all(
            float(row["ever_stale_continued"]) <= 0.05 for row in unchanged
        ),
        "a year without a change: at most 5 % ever DEGRADED": all(
            float(row["ever_degraded"]) <= 0.05 for row in unchanged
        ),
        "search and test, no change: under 1 % STALE of all": false < 0.01 * campaigns,
        "search and test, no change: at most alpha STALE in each cell": all(
            float(row["verdict_stale"]) <= ALPHA + three_errors(ALPHA, int(row.get("campaigns", 200))) for row in same
        ),
        **_found(table[SEARCHED]),
    }


WANTED_FOUND = {
    ("bowl", ENOUGH): (0.83, 0.99),
    ("bowl", WANTED): (0.86,),
    ("4 dimensions", ENOUGH): (0.76, 0.98),
    ("4 dimensions", WANTED): (0.85,),
    ("saturating, 4 dimensions", ENOUGH): (0.68,),
    ("saturating, 4 dimensions", WANTED): (0.76,),
    ("cliff, 4 dimensions", ENOUGH): (0.68,),
    ("cliff, 4 dimensions", WANTED): (0.76,),
    ("6 dimensions", ENOUGH): (0.68, 0.97),
    ("6 dimensions", WANTED): (0.80,),
    ("mixed, 6 dimensions", ENOUGH): (0.74,),
    ("mixed, 6 dimensions", WANTED): (0.84,),
    ("8 dimensions", ENOUGH): (0.58,),
    ("8 dimensions", WANTED): (0.74,),
}
"""The least share of losses of 1 and 2 standard deviations found, by landscape and challengers of each coordinate."""


def _found(rows: Sequence[Figures]) -> dict[str, bool]:
    """The promises about search and test together."""
    kept: dict[str, bool] = {}
    for (landscape, each), shares in WANTED_FOUND.items():
        for gap, share in zip((1.0, 2.0), shares, strict=False):
            found = [
                float(row["verdict_stale"])
                for row in rows
                if (row["landscape"], row.get("each"), row["gap"]) == (landscape, each, gap)
                and (row["noise"], row["rungs"]) == ("unit", 1)
            ]
            name = f"search and test, {landscape}, {each} challengers a coordinate, moved by {gap:g} sigma"
            if found:  # an older record has no such cells
                kept[f"{name}: at least {share:.0%} STALE"] = min(found) >= share
    return kept


def three_errors(share: float, runs: int) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / runs)

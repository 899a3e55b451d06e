"""The least search that may say that no other settings are better; a smaller one has not looked.

A campaign that searched less is never FRESH or DEGRADED, whatever its pairs say of the one challenger that it happened
to find. Of a caviar search enough challengers must have been tried, and half of them must have completed; of a panda
search one life must have trained to its end.
"""

import math

from ..words import counted

LEAST_CHALLENGERS_SEEN = 7
"""With the incumbent's own the eight full runs below which `choose` calls a caviar search not worthwhile."""


def least_challengers(requested: int, in_space: int | None = None) -> int:
    """How many challengers a search must try: seven, or what the owner asked for or the space holds where that is less.

    `in_space`: how many configurations the space has besides the incumbent; None where it is no fewer than seven.
    """
    least = min(requested, LEAST_CHALLENGERS_SEEN)
    return least if in_space is None else min(least, in_space)


def too_few(tried: int, least: int, is_capped: bool, least_budget_s: float | None) -> str:
    """Why a search of so many challengers says nothing, as clauses; empty where it was large enough.

    `is_capped`: a compute budget limits it; then the one that would do is said, where it is known.
    """
    if tried >= least:
        return ""
    enough = "a larger compute budget" if least_budget_s is None else (
        f"a compute budget of at least {budget_text(least_budget_s)} (--budget, or budget under [search])"
    )  # fmt: skip
    return f"it tried {counted(tried, 'challenger')} of at least {least}" + (f"; give it {enough}" if is_capped else "")


def budget_text(seconds: float) -> str:
    """A compute budget as it is typed, rounded up: "90s", "7m", "26h"."""
    for unit, length, least in (("h", 3600.0, 7200.0), ("m", 60.0, 120.0)):
        if seconds > least:
            return f"{math.ceil(seconds / length)}{unit}"
    return f"{max(1, math.ceil(seconds))}s"

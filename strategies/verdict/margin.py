"""How large a difference matters: in the metric's unit, or as a share of what the model has learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ..words import in_digits


@dataclass(frozen=True, slots=True)
class Share:
    """A margin as a fraction of the skill."""

    of_skill: float


Margin = float | Share
"""A margin above 0, in score units or as a share of the skill."""
COARSE_SHARE = 0.10  # a margin above this share of the skill hides losses that most owners would want to know of
LEAST_EFFECT = 1.0  # standard deviations of a paired difference: the smallest improvement that matters by default ...
LEAST_SHARE = Share(0.02)  # ... where it is at least this share of the skill


def skill_of(scores: Sequence[float], trivial: float | None) -> float | None:
    """How far the mean score lies from that of a model that has learned nothing, in score units.

    `trivial` None: from 0, which is right for scores that are 0 where nothing was learned, and a guess for others. None
    where there are no scores or the distance is 0.
    """
    if not scores:
        return None
    return abs(fmean(scores) - (trivial or 0.0)) or None


def in_score_units(margin: Margin, skill: float | None) -> float | None:
    """The margin in score units; None for a share of a skill that is unknown."""
    if not isinstance(margin, Share):
        return margin
    return None if skill is None else margin.of_skill * skill


def margin_of(declared: float | str | None) -> Margin | None:
    """A margin as the owner declares it: a number, or a share of the skill such as '2%'."""
    return Share(float(declared.rstrip("%")) / 100) if isinstance(declared, str) else declared


def what_matters(margin: Margin | None, skill: float | None) -> str:
    """The smallest improvement that matters, as known before any pair is run; as a clause."""
    least = in_score_units(LEAST_SHARE if margin is None else margin, skill)
    share = None if least is None or skill is None else least / skill
    amount = "an unknown amount" if least is None else f"{in_digits(least, 3)}{share_in_words(share)}"
    if margin is None:
        noise = "one standard deviation of a pair's difference"
        return f"by default {noise}" if least is None else f"by default {noise}, and at least {amount}"
    coarse = share is not None and share > COARSE_SHARE
    return f"{amount}; a smaller loss goes unnoticed" if coarse else amount


def share_in_words(share: float | None) -> str:
    """A share of the skill in parentheses, behind a margin; empty where it is unknown."""
    if share is None:
        return ""
    return " (more than the whole skill)" if share > 1 else f" ({in_digits(100 * share, 2)}% of the skill)"

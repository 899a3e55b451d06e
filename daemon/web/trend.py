"""A small drawing of the last verdicts: the stored settings' score against the challenger's."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..state.models.fleet import Past
from .languages import ENGLISH, Say

WIDTH, HEIGHT, EDGE = 96, 24, 3


@dataclass(frozen=True, slots=True)
class Trend:
    """Points of two lines, as SVG wants them; empty where fewer than two campaigns have scores. `words` say it."""

    stored: str
    challenger: str
    words: str


def trend_of(past: Sequence[Past], say: Say = ENGLISH) -> Trend:
    """The drawing of these campaigns, oldest first."""
    scored = [(place, each) for place, each in enumerate(past) if each.stored is not None]
    values = [value for _, each in scored for value in (each.stored, each.challenger) if value is not None]
    if len(scored) < 2:
        return Trend("", "", "")
    low, high = min(values), max(values)
    words = say.ngettext(
        "stored settings: %(first)s to %(last)s, %(num)d re-evaluation",
        "stored settings: %(first)s to %(last)s, %(num)d re-evaluations",
        len(scored),
    )
    first, last = (f"{each.stored:.4g}" for _, each in (scored[0], scored[-1]))
    step = (WIDTH - 2 * EDGE) / (len(past) - 1)

    def at(place: int, value: float) -> str:
        share = 0.5 if high == low else (value - low) / (high - low)
        return f"{EDGE + step * place:.1f},{HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE):.1f}"

    return Trend(
        stored=" ".join(at(place, each.stored) for place, each in scored if each.stored is not None),
        challenger=" ".join(at(place, each.challenger) for place, each in scored if each.challenger is not None),
        words=words % {"first": first, "last": last, "num": len(scored)},
    )

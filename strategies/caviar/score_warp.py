"""Scores as the model of a search sees them: as they are, or with their lower end drawn together.

Far from a good region scores often fall off a cliff: one bad configuration would then set the scale on which the good
ones differ. Source: warped Gaussian processes, Snelson, Rasmussen & Ghahramani, NeurIPS 2003.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DEEPEST = 10.0  # how far below the best a score may lie, in units of the upper quartile's distance from it
OF_MEDIAN = 1.5  # scale of a warp, in distances of the median from the best
OF_NOISE = 2.0  # scale of the other, in standard deviations of the noise


@dataclass(frozen=True, slots=True)
class Warp:
    """y -> -scale log(1 + (best - y) / scale), whose slope is 1 at the best score; scale None: y - best."""

    best: float
    scale: float | None = None

    def of(self, scores: Floats) -> Floats:
        """The warped scores; those above the best go on with slope 1."""
        below = self.best - scores
        if self.scale is None:
            return -below
        return np.where(below > 0, -self.scale * np.log1p(np.maximum(below, 0.0) / self.scale), -below)

    def back(self, warped: Floats) -> Floats:
        """The scores of these warped ones."""
        if self.scale is None:
            return self.best + warped
        deep = np.minimum(np.maximum(-warped, 0.0) / self.scale, 500.0)  # finite whatever the model expects
        return np.where(warped < 0, self.best - self.scale * np.expm1(deep), self.best + warped)

    def log_jacobian(self, scores: Floats) -> float:
        """The logarithm of the product of the slopes at these scores, which makes likelihoods comparable."""
        if self.scale is None:
            return 0.0
        return -float(np.log1p(np.maximum(self.best - scores, 0.0) / self.scale).sum())


def raised(scores: Sequence[float], floor: float | None = None) -> Floats:
    """The scores with the absurdly low ones raised: to the floor, and to ten times the upper quartile's distance."""
    raw = np.array(scores, dtype=np.float64)
    if floor is not None:
        raw = np.maximum(raw, floor)
    best, quartile = float(raw.max()), float(np.quantile(raw, 0.75, method="lower"))
    return np.maximum(raw, best - DEEPEST * (best - quartile)) if quartile < best else raw


def scales(scores: Floats, noise: float | None) -> tuple[float | None, ...]:
    """The scales to try for scores (n,): none, by their median, and by their noise where it is known."""
    depth = float(scores.max() - np.median(scores))
    tried = [OF_MEDIAN * depth] if depth > 0 else []
    tried += [OF_NOISE * noise] if noise else []
    return (None, *tried)

"""The guard of a training within a leg: detects spikes of loss and gradient, and keeps states to roll back to.

Standard library and torch only, Python 3.10 and up.
"""

import copy
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

RECENT = 200  # batches whose losses and gradients define the usual range
FRESH = 10  # latest of them, which are left out: a loss that climbs within a few batches must not become usual
LEAST = 50  # batches; with fewer, nothing counts as a spike
SPIKE_SIGMA = 10.0
LOSS_TIMES = 3.0  # times the largest usual loss: losses on a nearly memorised set have a long tail
GRADIENT_TIMES = 10.0  # times the largest usual gradient: gradients grow when a training begins to learn
COPIES_A_LEG = 8


@dataclass(frozen=True)
class _Usual:
    """The usual range of a quantity: its median, its spread (1.4826 median absolute deviations), its largest value."""

    middle: float
    spread: float
    largest: float

    def sigma_of(self, value: float, times: float) -> float:
        """By how many robust standard deviations a value spikes; 0 where it does not."""
        sigma = (value - self.middle) / max(self.spread, 1e-12)
        return sigma if sigma > SPIKE_SIGMA and value > times * self.largest else 0.0


class SpikeGuard:
    """Judges each batch before its update, and keeps copies of earlier states.

    The running median and spread are those of the last RECENT batches, including those of earlier legs.
    """

    def __init__(self, start: float, end: float, recent: Iterable[Sequence[float]] = ()) -> None:
        """`recent`: loss and gradient norm of each batch before this leg."""
        self.recent = deque(((float(loss), float(norm)) for loss, norm in recent), maxlen=RECENT)
        self.reason, self.sigma = "", 0.0
        self._every = (end - start) / COPIES_A_LEG
        self._next = start
        self._copies: deque[tuple[float, dict[str, Any]]] = deque(
            maxlen=2
        )  # the newest may already contain the cause of a spike
        self._losses: list[float] = []
        self._usual: tuple[_Usual, _Usual] | None = None

    def wants_copy(self, at: float) -> bool:
        """Whether a copy of the state is due."""
        return at >= self._next - 1e-9

    def keep(self, at: float, state: dict[str, Any]) -> None:
        """Keep a copy of the state at a step."""
        self._copies.append((at, copy.deepcopy(state)))
        self._next += self._every

    def is_loss_sound(self, loss: float) -> bool:
        """False for a loss that is not finite or spikes; `reason` and `sigma` then describe it."""
        if not math.isfinite(loss):
            return self._refuse(f"loss is {loss}", 0.0)
        if len(self.recent) >= LEAST and (self._usual is None or len(self._losses) % FRESH == 0):
            settled = list(self.recent)[:-FRESH]
            self._usual = (_usual([loss for loss, _ in settled]), _usual([norm for _, norm in settled]))
        sigma = 0.0 if self._usual is None else self._usual[0].sigma_of(loss, LOSS_TIMES)
        return sigma == 0.0 or self._refuse(f"loss spiked {sigma:.3g} robust sigma", sigma)

    def is_gradient_sound(self, loss: float, parameters: Iterable[Tensor]) -> bool:
        """The same for the gradient of a sound loss; a sound batch joins the usual range."""
        norms = [parameter.grad.detach().norm() for parameter in parameters if parameter.grad is not None]
        norm = float(torch.stack(norms).norm()) if norms else 0.0
        if not math.isfinite(norm):
            return self._refuse(f"gradient norm is {norm}", 0.0)
        sigma = 0.0 if self._usual is None else self._usual[1].sigma_of(norm, GRADIENT_TIMES)
        if sigma > 0.0:
            return self._refuse(f"gradient norm spiked {sigma:.3g} robust sigma", sigma)
        self.recent.append((loss, norm))
        self._losses.append(loss)
        return True

    def mean_loss(self) -> float | None:
        """The mean training loss of this leg's batches; None before the first."""
        return sum(self._losses) / len(self._losses) if self._losses else None

    def newest_healthy(self, at: float) -> tuple[float, dict[str, Any]] | None:
        """The newest copy at least half an interval older than `at`, else the oldest; None without copies."""
        old = [copied for copied in self._copies if copied[0] <= at - self._every / 2]
        return old[-1] if old else next(iter(self._copies), None)

    def _refuse(self, reason: str, sigma: float) -> bool:
        self.reason, self.sigma = reason, sigma
        return False


def _usual(values: Sequence[float]) -> _Usual:
    middle = median(values)
    return _Usual(middle, 1.4826 * median(abs(value - middle) for value in values), max(values))

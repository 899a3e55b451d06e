"""What watches a training within a leg: losses and gradients that leave their usual range, and states to go back to.

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

RECENT = 200  # batches whose losses and gradients say what is usual
FRESH = 10  # of them the last, which do not count: a loss that climbs within a few batches must not become usual
LEAST = 50  # batches; with fewer nothing counts as a spike
SPIKE_SIGMA = 10.0
LOSS_TIMES = 3.0  # the largest usual loss: losses of a set that is nearly memorised have a long tail
GRADIENT_TIMES = 10.0  # gradients grow by themselves when a training begins to learn
COPIES_A_LEG = 8


@dataclass(frozen=True)
class _Usual:
    """What is usual of a quantity: its median, its spread (1.4826 median absolute deviations), its largest value."""

    middle: float
    spread: float
    largest: float

    def sigma_of(self, value: float, times: float) -> float:
        """By how many robust standard deviations a value spikes; 0 where it does not."""
        sigma = (value - self.middle) / max(self.spread, 1e-12)
        return sigma if sigma > SPIKE_SIGMA and value > times * self.largest else 0.0


class Guard:
    """Judges each batch before its update, and keeps copies of the state of a while ago.

    The running median and spread are those of the last RECENT batches, earlier legs included.
    """

    def __init__(self, start: float, end: float, recent: Iterable[Sequence[float]] = ()) -> None:
        """`recent`: loss and gradient norm of each batch before this leg."""
        self.recent = deque(((float(loss), float(norm)) for loss, norm in recent), maxlen=RECENT)
        self.found, self.sigma = "", 0.0
        self._every = (end - start) / COPIES_A_LEG
        self._next = start
        self._copies: deque[tuple[float, dict[str, Any]]] = deque(maxlen=2)  # the newest may hold what became a spike
        self._losses: list[float] = []
        self._usual: tuple[_Usual, _Usual] | None = None

    def wants_copy(self, at: float) -> bool:
        """Whether a copy of the state is due."""
        return at >= self._next - 1e-9

    def keep(self, at: float, state: dict[str, Any]) -> None:
        """Copy the state at a step."""
        self._copies.append((at, copy.deepcopy(state)))
        self._next += self._every

    def is_loss_sound(self, loss: float) -> bool:
        """False for a loss that is not finite or spikes; `found` and `sigma` then say what it was."""
        if not math.isfinite(loss):
            return self._refuse(f"loss is {loss}", 0.0)
        if len(self.recent) >= LEAST and (self._usual is None or len(self._losses) % FRESH == 0):
            settled = list(self.recent)[:-FRESH]
            self._usual = (_usual([one for one, _ in settled]), _usual([one for _, one in settled]))
        sigma = 0.0 if self._usual is None else self._usual[0].sigma_of(loss, LOSS_TIMES)
        return sigma == 0.0 or self._refuse(f"loss spiked {sigma:.3g} robust sigma", sigma)

    def is_gradient_sound(self, loss: float, parameters: Iterable[Tensor]) -> bool:
        """The same of the gradient of a sound loss; a sound batch becomes part of what is usual."""
        norms = [one.grad.detach().norm() for one in parameters if one.grad is not None]
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
        """The mean training loss of this leg's batches; None without one."""
        return sum(self._losses) / len(self._losses) if self._losses else None

    def newest_healthy(self, at: float) -> tuple[float, dict[str, Any]] | None:
        """The newest copy that is half an interval older than `at` or more, else the oldest; None without one."""
        old = [kept for kept in self._copies if kept[0] <= at - self._every / 2]
        return old[-1] if old else next(iter(self._copies), None)

    def _refuse(self, found: str, sigma: float) -> bool:
        self.found, self.sigma = found, sigma
        return False


def _usual(values: Sequence[float]) -> _Usual:
    middle = median(values)
    return _Usual(middle, 1.4826 * median(abs(value - middle) for value in values), max(values))

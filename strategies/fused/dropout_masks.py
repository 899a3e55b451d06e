"""Dropout of K trials at once: each draws its masks from its own random state, in the order as if alone.

On a CPU the masks are bit for bit those of torch's dropout. On a GPU the draws differ from torch's, but depend on the
same seeds. Standard library and torch only, Python 3.10 and up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import CannotFuse
from ..training.random_states import own_random_state
from ..training.trial_run import TrialRun
from .model_stack import copied_model, dropouts_of


@dataclass(frozen=True, slots=True)
class _Use:
    """One dropout in the order of a forward pass: the masks of the K trials, (K, ...), and their rates."""

    masks: Tensor
    rates: tuple[float, ...]


class Masks:
    """The random states of K runs, and the masks of their dropouts for batches of each size."""

    def __init__(self, runs: Sequence[TrialRun], states: Sequence[Tensor]) -> None:
        self._states = list(states)
        self._rates = [{name: float(module.p) for name, module in dropouts_of(run.model)} for run in runs]
        self._uses: dict[int, dict[str, _Use]] = {}
        self._generators = [_generator(state) for state in states] if self._rates[0] else []

    def prepare(self, run: TrialRun, size: int) -> None:
        """Allocate the masks for batches of `size` rows, their shapes taken from a forward pass of a copied model."""
        if not self._generators or size in self._uses:
            return
        self._uses[size] = {
            name: _Use(
                torch.ones(len(self._generators), *like.shape, dtype=like.dtype, device=like.device),
                tuple(rates[name] for rates in self._rates),
            )
            for name, like in _inputs_of_dropouts(run, size).items()
        }

    def of(self, size: int) -> dict[str, Tensor]:
        """The masks by the name of the tensor that they replace, without those of unused dropouts."""
        return {f"{name}.mask": use.masks for name, use in self._uses.get(size, {}).items()}

    def draw(self, size: int) -> None:
        """Fill the masks for the next batch."""
        for use in self._uses.get(size, {}).values():
            for row, (generator, rate) in enumerate(zip(self._generators, use.rates, strict=True)):
                _draw(use.masks[row], rate, generator)

    def state_of(self, row: int) -> Tensor:
        """torch's random state of a run, as if it were alone."""
        if self._generators and self._generators[row].device.type == "cpu":
            return self._generators[row].get_state()
        return self._states[row]

    def rewind(self, states: Sequence[Tensor]) -> None:
        """Reset the generators to these random states."""
        for generator, state in zip(self._generators, states[: len(self._generators)], strict=True):
            generator.set_state(state)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all runs but these."""
        self._states = [self._states[row] for row in rows]
        self._rates = [self._rates[row] for row in rows]
        self._generators = [self._generators[row] for row in rows] if self._generators else []
        self._uses = {}


def _generator(state: Tensor) -> torch.Generator:
    generator = torch.Generator()
    generator.set_state(state)
    return generator


def _draw(mask: Tensor, rate: float, generator: torch.Generator) -> None:
    """Fill a mask as torch's dropout does: kept with 1 - rate, then scaled. Nothing is drawn for rates 0 and 1."""
    if rate in (0.0, 1.0):
        mask.fill_(1.0 - rate)
    elif mask.device.type == "cpu":
        mask.bernoulli_(1 - rate, generator=generator).div_(1 - rate)
    else:
        mask.copy_(torch.empty(mask.shape, dtype=mask.dtype).bernoulli_(1 - rate, generator=generator).div_(1 - rate))


def _inputs_of_dropouts(run: TrialRun, size: int) -> dict[str, Tensor]:
    """The input of each dropout in a training pass, by its name, in the order of use."""
    inputs_by_name: dict[str, Tensor] = {}
    model = copied_model(run.model)

    def recorder(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if name in inputs_by_name:
                raise CannotFuse(f"its dropout {name} is used more than once per step")
            inputs_by_name[name] = inputs[0].detach()

        return hook

    for name, module in dropouts_of(model):
        module.register_forward_pre_hook(recorder(name))
    with own_random_state(), torch.no_grad(), run.in_precision():
        run.recipe.loss(model, tuple(tensor[:size] for tensor in run.data))
    return inputs_by_name

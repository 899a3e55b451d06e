"""Many models of one shape as one stack: a tensor for all their parameters, one for each of their buffers.

Standard library and torch only, Python 3.10 and up.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CannotFuse

PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device)


def shape_of(model: nn.Module) -> tuple[object, ...]:
    """What two models must have in common to be trained as one: every module, its attributes and its tensors.

    Only the rate of a dropout may differ. What cannot be compared by value, a function made for this model for
    instance, is equal to itself alone: a difference that is not seen would train a model as another one.
    """
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    first: dict[int, int] = {}
    shared = tuple(first.setdefault(id(tensor), number) for number, (_, tensor) in enumerate(tensors))
    described = tuple(
        (name, tuple(tensor.shape), tensor.dtype, tensor.device, tensor.requires_grad) for name, tensor in tensors
    )
    modules = tuple((name, type(module), _attributes(module)) for name, module in model.named_modules())
    return (modules, described, shared)


def _attributes(module: nn.Module) -> object:
    own = {name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")}
    if type(module) is nn.Dropout:
        del own["p"]
    return _comparable(own)


def _comparable(value: object) -> object:
    """A value that is equal where the given ones are."""
    if isinstance(value, PLAIN):
        return (type(value), value)
    if isinstance(value, Mapping):
        return (type(value), tuple((key, _comparable(one)) for key, one in value.items()))
    if isinstance(value, (tuple, list)):
        return (type(value), tuple(_comparable(one) for one in value))
    if isinstance(value, (set, frozenset)):
        return (type(value), frozenset(_comparable(one) for one in value))
    return (type(value), id(value))


class Stack:
    """K models of one shape. Their tensors become views of the stack, so that each still sees its own values."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models = tuple(models)
        first = tuple(models[0].named_parameters())
        trained = [(name, one) for name, one in first if one.requires_grad]
        kinds = {(one.dtype, one.device) for _, one in trained}
        if len(kinds) != 1:
            raise CannotFuse(f"its parameters are of {len(kinds)} kinds (types or devices)")
        self.names = tuple(name for name, _ in trained)
        self.shapes = tuple(one.shape for _, one in trained)
        found: list[dict[str, Tensor]] = [
            {**dict(model.named_parameters()), **dict(model.named_buffers())} for model in models
        ]
        self.parameters = torch.stack(
            [self._flat([one[name].detach() for name in self.names]) for one in found]
        )  # (K, P)
        kept = [name for name in found[0] if name not in self.names]
        self.buffers = {name: torch.stack([one[name].detach() for one in found]) for name in kept}  # each (K, ...)
        self._show()

    def views(self, flat: Tensor) -> tuple[Tensor, ...]:
        """A tensor of all parameters, (K, P), as one view a parameter, (K, *shape)."""
        sizes = [shape.numel() for shape in self.shapes]
        parts = torch.split(flat, sizes, dim=1)
        return tuple(part.view(len(flat), *shape) for part, shape in zip(parts, self.shapes, strict=True))

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """The other way round: one tensor a parameter, (K, *shape), as (K, P)."""
        return torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)

    def flat(self, parts: Mapping[str, Tensor | None]) -> Tensor:
        """One model's tensors by the parameter's name as a row, (P,); None is zeros."""
        like = self.parameters
        found = (parts[name] for name in self.names)
        pairs = zip(found, self.shapes, strict=True)
        return self._flat([like.new_zeros(shape.numel()) if part is None else part.to(like) for part, shape in pairs])

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these of the models; the others keep what they have."""
        for number in set(range(len(self.models))) - set(rows):
            self.release(number)
        self.models = tuple(self.models[row] for row in rows)
        index = torch.tensor(rows, device=self.parameters.device)
        self.parameters = self.parameters.index_select(0, index)
        self.buffers = {name: one.index_select(0, index) for name, one in self.buffers.items()}
        self._show()

    def release(self, number: int) -> None:
        """Give a model tensors of its own again."""
        for tensor in (*self.models[number].parameters(), *self.models[number].buffers()):
            tensor.data = tensor.data.clone()

    def _show(self) -> None:
        views = dict(zip(self.names, self.views(self.parameters), strict=True)) | self.buffers
        for number, model in enumerate(self.models):
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                tensor.data = views[name][number]

    @staticmethod
    def _flat(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part.reshape(-1) for part in parts])


class Given(nn.Module):
    """Stands for a dropout whose mask comes from outside."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs times the mask."""
        return inputs * self.mask


def skeleton_of(model: nn.Module) -> nn.Module:
    """A copy of the model to run with any model's tensors and with masks that are given."""
    copied = copied_model(model)
    for name, _ in dropouts_of(copied):
        parent, _, own = name.rpartition(".")
        setattr(copied.get_submodule(parent), own, Given())
    return copied


def copied_model(model: nn.Module) -> nn.Module:
    """A copy that shares nothing with the model; raises CannotFuse where there can be none."""
    try:
        return copy.deepcopy(model)
    except Exception as error:  # a user's module may raise anything when it is copied
        raise CannotFuse(f"the model cannot be copied ({type(error).__name__}: {error})") from None


def dropouts_of(model: nn.Module) -> tuple[tuple[str, Any], ...]:
    """The plain dropouts of a model by name, in the order of its modules."""
    return tuple((name, module) for name, module in model.named_modules() if type(module) is nn.Dropout)

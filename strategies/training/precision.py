"""The precision of a recipe's loss and metrics; weights and updates stay in float32.

Standard library and torch only, Python 3.10 and up.
"""

import contextlib
from contextlib import AbstractContextManager

import torch

FLOAT32, BF16 = "float32", "bf16"
PRECISIONS = (FLOAT32, BF16)


def computed_in(precision: str, device: str) -> AbstractContextManager[object]:
    """A context in which torch casts forward operations: to bf16 where that is safe, else to float32.

    Keep the backward pass outside. Casts of weights are not cached: a weight that is used twice would have its
    gradients added in bf16, with another result in a batch of trials than alone.
    """
    if precision == FLOAT32:
        return contextlib.nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)

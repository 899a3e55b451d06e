"""In which precision a recipe's loss and metrics are computed; its weights and their updates stay in float32.

Standard library and torch only, Python 3.10 and up.
"""

import contextlib
from contextlib import AbstractContextManager

import torch

FLOAT32, BF16 = "float32", "bf16"
PRECISIONS = (FLOAT32, BF16)


def computed_in(precision: str, device: str) -> AbstractContextManager[object]:
    """A block whose forward operations torch casts as it sees fit: bf16 where that is safe, float32 where it is not.

    The backward pass belongs outside. Casts of weights are not kept from one use to the next: a weight that is used
    twice would get its gradients added in bf16, in a batch of trials otherwise than alone.
    """
    if precision == FLOAT32:
        return contextlib.nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)

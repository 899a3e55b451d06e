"""The rows that a trial trains on and is evaluated on, and their order in an epoch.

Standard library and torch only, Python 3.10 and up.
"""

from hashlib import blake2b

import torch
from torch import Tensor

from ..errors import InputError

Data = tuple[Tensor, ...]
"""Tensors with one row per example in their first dimension."""


def draw_row_order(seed: int, epoch: int, rows: int) -> Tensor:
    """The order of the rows in an epoch, (rows,), from seed and epoch alone: other random draws cannot shift it, and a
    checkpoint need not store it."""
    name = blake2b(f"{seed}/epoch/{epoch}".encode(), digest_size=7).digest()
    return torch.randperm(rows, generator=torch.Generator().manual_seed(int.from_bytes(name, "big")))


def checked_data(data: object, split: str) -> Data:
    """The recipe's tensors. Raises InputError where they cannot be used."""
    tensors = (data,) if isinstance(data, Tensor) else data
    if not isinstance(tensors, (tuple, list)) or not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise InputError(
            f"data({split!r}) returned a {type(data).__name__}", "a tuple of tensors", "correct the recipe"
        )
    lengths = [len(tensor) for tensor in tensors]
    if not lengths or min(lengths) < 1 or len(set(lengths)) > 1:
        raise InputError(
            f"data({split!r}) returned tensors with {lengths} rows", "the same number, at least 1", "correct the recipe"
        )
    return tuple(tensors)


def held_once(data: Data, pool: list[Data]) -> Data:
    """The equal rows in the pool, so that trials with the same rows share memory; new rows are added to the pool."""
    for pooled in pool:
        if len(pooled) == len(data) and all(_is_same(mine, theirs) for mine, theirs in zip(data, pooled, strict=True)):
            return pooled
    pool.append(data)
    return data


def _is_same(left: Tensor, right: Tensor) -> bool:
    return left is right or (left.dtype == right.dtype and left.device == right.device and torch.equal(left, right))

"""The global random generators that a recipe may draw from: seeded, isolated, stored and restored.

Standard library and torch only, Python 3.10 and up.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def own_random_state() -> Iterator[None]:
    """Restores the global generators on exit, so that no leg influences another."""
    python_state = random.getstate()
    devices = range(torch.cuda.device_count()) if _uses_cuda() else ()  # querying CUDA would allocate memory on it
    with torch.random.fork_rng(devices):
        yield
    random.setstate(python_state)


def seed_all(seed: int) -> None:
    """Seed torch's and Python's global generators."""
    torch.manual_seed(seed)
    random.seed(seed)


def random_states() -> dict[str, Any]:
    """The states of the global generators, by the keys of a checkpoint."""
    return {
        "torch_random": torch.get_rng_state(),
        "cuda_random": torch.cuda.get_rng_state_all() if _uses_cuda() else [],
        "python_random": random.getstate(),
    }


def restore_random_states(states: Mapping[str, Any]) -> None:
    """Restore the states that `random_states` returned."""
    torch.set_rng_state(states["torch_random"])
    if states["cuda_random"]:
        torch.cuda.set_rng_state_all(states["cuda_random"])
    random.setstate(states["python_random"])


def _uses_cuda() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]

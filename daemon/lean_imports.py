"""Starting cheaply: optional libraries of other libraries kept out of this process, and work that libraries do in vain.

sqlite-utils imports numpy and pandas if they are installed, and structlog and typer import rich, all for features that
go unused here.
"""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

HIDDEN = ("numpy", "pandas", "rich")
SELDOM = 100_000
"""New objects between two searches for cycles; Python's own is 700 to 2,000."""


@contextmanager
def hidden(names: Sequence[str] = HIDDEN) -> Iterator[None]:
    """Within the context, importing these fails as if they were not installed; loaded ones stay."""
    ours = [name for name in names if name not in sys.modules]
    for name in ours:
        sys.modules[name] = None  # type: ignore[assignment]  # None there makes an import fail
    try:
        yield
    finally:
        for name in ours:
            sys.modules.pop(name, None)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within the context, cycles of objects are searched for seldom: nearly all that imports make stays, and looking
    through it time and again is a tenth of what a short command costs."""
    before = gc.get_threshold()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def without_pydantic_plugins() -> None:
    """Have pydantic look for no plugins in this process and those that it starts, unless its user set how.

    For that it reads the metadata of every installed package. Trainings and hooks get none of our environment but what
    their model passes on.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

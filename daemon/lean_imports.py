"""Keeping optional libraries of other libraries out of this process.

sqlite-utils imports numpy and pandas if they are installed, and structlog and typer import rich, all for features that
go unused here.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

HIDDEN = ("numpy", "pandas", "rich")


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

"""A foreign Python source as a syntax tree: whatever it holds, reading it ends with an answer."""

import ast
import warnings
from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")


def read_syntax(source: str, read: Callable[[ast.Module], _Answer], otherwise: _Answer) -> _Answer:
    """What `read` says of the source's tree; `otherwise` where the source is no Python that this Python can parse, or
    too deep to be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the script's, not ours
            return read(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return otherwise

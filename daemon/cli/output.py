"""The ways out of a command: sentences and JSON on standard output, errors on standard error.

What is printed for people is cleaned of all that acts on a terminal; what its encoding lacks becomes an escape. Either
stream may be closed, full, or without a reader.
"""

import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from ...strategies.errors import RetunedError
from ...strategies.words import readable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

READER_LEFT = 141
"""The exit code of a command whose reader has gone: that of a program that SIGPIPE ended."""
OUT, ERROR = 1, 2


class OutputGone(OSError):
    """The reader of standard output or standard error has gone, as after `retuned models | head -1`."""


class CannotPrint(RetunedError):
    """Standard output cannot be written."""


def say(text: str) -> None:
    """Print lines for people."""
    print(readable(text, keep="\n"))


def say_aside(text: str) -> None:
    """Print lines for people on standard error."""
    print(readable(text, keep="\n"), file=sys.stderr)


def print_json(value: object) -> None:
    """Print a value as JSON, exactly: what is not ASCII in it is escaped as JSON does."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_json_line(value: object) -> None:
    """Print a value as JSON on one line."""
    print(json.dumps(value, allow_nan=False))


def print_json_list(values: Iterable[object]) -> None:
    """Print a list as `print_json` does, value by value as they come, so that a long one is never held whole."""
    for piece in _list_pieces(values, ""):
        print(piece, end="")
    print()


def print_json_lists(lists: Mapping[str, Iterable[object]]) -> None:
    """Print an object of lists as `print_json` does, one after the other and each value by value."""
    print("{", end="")
    for number, (name, values) in enumerate(lists.items()):
        print(f"{',' if number else ''}\n  {json.dumps(name)}: ", end="")
        for piece in _list_pieces(values, "  "):
            print(piece, end="")
    print("\n}")


def _list_pieces(values: Iterable[object], margin: str) -> Iterator[str]:
    """The text of a list in pieces; `margin` stands before each of its lines but the first."""
    is_empty = True
    for value in values:
        lines = json.dumps(value, indent=2, allow_nan=False).replace("\n", f"\n{margin}  ")
        yield f"{'[' if is_empty else ','}\n{margin}  {lines}"
        is_empty = False
    yield "[]" if is_empty else f"\n{margin}]"


def open_streams() -> None:
    """Let both streams escape what their encoding lacks, and say by OutputGone or CannotPrint that they cannot be
    written. Closed ones become the null device, so that no file of ours gets their numbers."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= ERROR:
        pass
    os.close(handle)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(OUT, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(ERROR, sys.stderr)
    sys.excepthook = _print_trace


def close_streams() -> None:
    """Write what is left, or drop it: an error at the end of the process would change its exit code."""
    for number, stream in ((OUT, sys.stdout), (ERROR, sys.stderr)):
        try:
            stream.flush()
        except (OSError, CannotPrint):
            _drop(number, stream)


def _print_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The traceback of a bug; its message may quote anything."""
    say_aside("".join(traceback.format_exception(kind, error, trace)).rstrip())


def _drop(number: int, stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
    with contextlib.suppress(OSError, CannotPrint):
        stream.flush()


class _Handle(io.FileIO):
    """A standard stream's file descriptor. What only accompanies a command, on standard error, is lost where that is
    full; a reader that has gone ends the command."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            raise OutputGone from None
        except OSError as error:
            if self.fileno() == ERROR:
                return memoryview(data).nbytes
            raise CannotPrint(
                f"standard output cannot be written: {error.strerror}",
                remedy="free some space there, or write elsewhere",
            ) from None


def _stream(number: int, present: TextIO | None) -> TextIO:
    handle = _Handle(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(handle), encoding="utf-8" if present is None else present.encoding, errors="backslashreplace",
        line_buffering=number == ERROR or handle.isatty(),
    )  # fmt: skip


class LineShown:
    """A line on standard error that is replaced as things move; without a terminal, each stays."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self._last = ""

    def __enter__(self) -> "LineShown":
        return self

    def __exit__(self, *_: object) -> None:
        if self._last and self.is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def show(self, text: str) -> None:
        """Show it, unless it is shown already."""
        if text == self._last:
            return
        self._last = text
        if self.is_terminal:
            print(f"\r{readable(text)}\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            say_aside(text)

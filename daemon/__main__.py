"""The entry of the command `retuned`: keeps big libraries out of the processes that wait for months.

sqlite-utils imports numpy where it is installed, and structlog and typer import rich; both only to be able to do
more. In `retuned serve` that more is not used, and numpy and rich are a fifth of its memory (measured with all of the
command line imported: 65 MiB with them, 50 MiB without). So they are hidden while our modules are imported. They are
not hidden afterwards: a rare request that needs them can still load them.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

LEAN_COMMANDS = frozenset({"serve", "look"})
HIDDEN = ("numpy", "pandas", "rich")
_OPTIONS_WITH_A_VALUE = frozenset({"--config", "--state"})


def main() -> None:
    """Run the command line, lean for the commands that wait."""
    words = sys.argv[1:]
    # By name, for the module is to be imported here and now, and not with this one.
    place = "service.change_watch_process" if command_in(words) == "look" else "cli.cli"
    with hidden() if is_lean(words) else nullcontext():
        entry = importlib.import_module(f"retuned.daemon.{place}")
    entry.main()


def command_in(words: Sequence[str]) -> str | None:
    """The command on a command line; None where there is none."""
    rest = iter(words)
    for word in rest:
        if word in _OPTIONS_WITH_A_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def is_lean(words: Sequence[str]) -> bool:
    """Whether the command on this command line is one that waits."""
    return command_in(words) in LEAN_COMMANDS


@contextmanager
def hidden(names: Sequence[str] = HIDDEN) -> Iterator[None]:
    """Inside, importing these fails as if they were not installed; those already loaded stay."""
    ours = [name for name in names if name not in sys.modules]
    for name in ours:
        sys.modules[name] = None  # type: ignore[assignment]  # by the language, None there makes an import fail
    try:
        yield
    finally:
        for name in ours:
            sys.modules.pop(name, None)


if __name__ == "__main__":
    main()

"""The entry point of the command `retuned`: keeps large libraries out of processes that wait for months.

sqlite-utils imports numpy if it is installed, and structlog and typer import rich, both for optional features.
`retuned serve` does not use these, and numpy and rich are a fifth of its memory (measured with the whole command line
imported: 65 MiB with them, 50 MiB without). So they are hidden while our modules are imported. Afterwards they can be
loaded, for the rare request that needs them.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

LEAN_COMMANDS = frozenset({"serve"})
HIDDEN = ("numpy", "pandas", "rich")
_OPTIONS_WITH_A_VALUE = frozenset({"--config", "--state"})


def main() -> None:
    """Run the command line, lean for the commands that wait."""
    words = sys.argv[1:]
    # By name, so that the module is imported here and not together with this one.
    module = "service.change_watch_process" if is_check(words) else "cli.cli"
    with hidden() if is_lean(words) else nullcontext():
        entry = importlib.import_module(f"retuned.daemon.{module}")
    entry.main()


def command_in(words: Sequence[str]) -> str | None:
    """The command on a command line; None without one."""
    return next(_not_options(words), None)


def _not_options(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word in _OPTIONS_WITH_A_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            yield word


def is_lean(words: Sequence[str]) -> bool:
    """Whether the command on this command line is one that waits."""
    return command_in(words) in LEAN_COMMANDS or is_check(words)


def is_check(words: Sequence[str]) -> bool:
    """Whether it is the service's own check for changes: `look` without a model's name, on a named state folder."""
    has_state = any(word.partition("=")[0] == "--state" for word in words)
    return has_state and list(_not_options(words)) == ["look"]


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


if __name__ == "__main__":
    main()

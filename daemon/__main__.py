"""The entry point of the command `retuned`: keeps large libraries out of processes that wait for months.

Some libraries import numpy or rich if they are installed, for optional features. `retuned serve` does not use these,
and numpy and rich are a fifth of its memory (measured with the whole command line imported: 65 MiB with them, 50 MiB
without). So they are hidden while its modules are imported. Afterwards they can be loaded, for the rare request that
needs them.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext

from .lean_imports import hidden

COMMAND_LINE = "cli.cli"
LEAN_COMMANDS: Mapping[str | None, tuple[str, ...]] = {"serve": (COMMAND_LINE, "cli.service_commands")}
"""The commands that wait, and what each runs: the module with its `main` first."""
CHECK = ("service.change_watch_process",)
_OPTIONS_WITH_A_VALUE = frozenset({"--config", "--state"})


def main() -> None:
    """Run the command line, lean for the commands that wait."""
    words = sys.argv[1:]
    names = CHECK if is_check(words) else LEAN_COMMANDS.get(command_in(words), (COMMAND_LINE,))
    with hidden() if is_lean(words) else nullcontext():
        # By name, so that the modules are imported here and not together with this one.
        entry, *_ = [importlib.import_module(f"retuned.daemon.{name}") for name in names]
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


if __name__ == "__main__":
    main()

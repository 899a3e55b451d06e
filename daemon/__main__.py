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

from .lean_imports import hidden, seldom_collected, without_pydantic_plugins

COMMAND_LINE = "cli.cli"
LEAN_COMMANDS: Mapping[str | None, tuple[str, ...]] = {"serve": (COMMAND_LINE, "cli.service_commands")}
"""The commands that wait, and what each runs: the module with its `main` first."""
OWN: Mapping[str, str] = {"look": "service.change_watch_process", "campaign": "service.campaign_process"}
"""What the service starts for itself: no command line, and so no typer and rich."""
COMPUTING = "campaign"  # the one of them that needs numpy, which must not be hidden from it
_OPTIONS_WITH_A_VALUE = frozenset({"--config", "--state"})


def main() -> None:
    """Run the command line, or what the service starts for itself; lean where it waits."""
    words = sys.argv[1:]
    own = own_process(words)
    names = LEAN_COMMANDS.get(command_in(words), (COMMAND_LINE,)) if own is None else (OWN[own],)
    without_pydantic_plugins()
    with seldom_collected():
        with hidden() if is_lean(words) else nullcontext():
            # By name, so that the modules are imported here and not together with this one.
            entry, *_ = [importlib.import_module(f"retuned.daemon.{name}") for name in names]
        if not is_lean(words):
            entry.main()  # does not return
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
    """Whether the command on this command line is one that waits, or the service's own that computes nothing."""
    return command_in(words) in LEAN_COMMANDS or own_process(words) not in (None, COMPUTING)


def own_process(words: Sequence[str]) -> str | None:
    """Which process of the service's own it is, on a named state folder: its check for changes, which is `look` without
    a model's name, or a campaign with its number."""
    has_state = any(word.partition("=")[0] == "--state" for word in words)
    match list(_not_options(words)) if has_state else []:
        case ["look"]:
            return "look"
        case ["campaign", number] if number.isdecimal():
            return "campaign"
    return None


if __name__ == "__main__":
    main()

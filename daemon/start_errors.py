"""Why a program cannot be started, in words that name what is missing.

Workers use it too: the standard library alone.
"""

import errno
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

FIRST_BYTES = 4096
_PIP_SHEBANG = re.compile(rb"#!/bin/sh\n'''exec' \"?([^\s\"]+)\"? ")  # of paths too long for a shebang


class NotStarted(OSError):
    """A program that could not be started, with the reason as a sentence."""


def program_of(word: str, folder: Path, environment: Mapping[str, str]) -> Path | None:
    """The file that a command's first word starts; None where there is none."""
    if "/" in word:
        path = Path(os.path.abspath(folder / word))
        return path if path.is_file() else None
    found = shutil.which(word, path=environment.get("PATH", os.defpath))
    return None if found is None else Path(os.path.abspath(folder / found))


def shebang_of(program: Path) -> tuple[str, ...]:
    """The words behind a script's #!, the interpreter's path first, as the kernel reads them; empty without one."""
    head = _head_of(program)
    pip = _PIP_SHEBANG.match(head)
    if pip is not None:
        return (os.fsdecode(pip[1]),)
    if not head.startswith(b"#!"):
        return ()
    line = os.fsdecode(head[2:].split(b"\n", 1)[0]).strip(" \t")
    return tuple(word for word in re.split(r"[ \t]+", line, maxsplit=1) if word)


def shebang_fault(program: Path) -> str | None:
    """What is wrong with the first line of a script, as a sentence; None where it names an interpreter that is there,
    and for what is no script."""
    words = shebang_of(program)
    if any("\r" in word for word in words):
        return (
            f"the first line of {program} asks for the interpreter {words[-1]!r}: the script has Windows line ends; "
            f"convert it, for instance with: sed -i 's/\\r$//' {program}"
        )
    if words and not os.path.exists(words[0]):
        return (
            f"the first line of {program} asks for the interpreter {words[0]!r}, which is not there; "
            "correct that line, or make the interpreter's environment again"
        )
    return None


def why_not_started(error: OSError, word: str, folder: Path, environment: Mapping[str, str]) -> str:
    """The reason why a command beginning with this word could not be started in a folder, as a sentence."""
    if not folder.is_dir():
        return f"there is no folder {folder}; correct workdir, or make it"
    program = program_of(word, folder, environment)
    if program is None:
        allowed = "write a path relative to workdir, or a program on the PATH"
        return f"{os.strerror(errno.ENOENT)}: there is no program {word}; {allowed}"
    if error.errno == errno.ENOENT:
        return shebang_fault(program) or _loader_fault(program) or _plainly(error, program)
    if error.errno == errno.ENOEXEC:
        return f"{program} has no #! line and is no program of this machine; name its interpreter in the first line"
    if error.errno == errno.EACCES and not os.access(program, os.X_OK):
        return f"{program} is not executable for this user; run chmod +x on it"
    if error.errno == errno.E2BIG:
        return f"the arguments and the environment of {program} are longer than the kernel takes; pass them in a file"
    return _plainly(error, program)


def _loader_fault(program: Path) -> str | None:
    if _head_of(program).startswith(b"\x7fELF"):
        return f"{program} is there, but the loader that it needs is not: it was made for another system"
    return None


def _plainly(error: OSError, program: Path) -> str:
    return f"{program}: {error.strerror or error}"


def _head_of(program: Path) -> bytes:
    try:
        with open(program, "rb") as file:
            return file.read(FIRST_BYTES)
    except OSError:
        return b""

"""The files that make up a model's training code: those that its file names, and the Python files that these import."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from ...strategies.drift.fingerprints import CodeFingerprint
from ..config.model_file import ModelFile
from ..imported_files import imported_files, is_dotted
from .fingerprints import code_fingerprint


def read_code(file: ModelFile, show_progress: Callable[[], None] = lambda: None) -> CodeFingerprint:
    """The fingerprint of the training code as it is now. Raises CampaignFailed for a file that cannot be read."""
    return code_fingerprint(file.code_files(), file.training.workdir, show_progress, imported_code(file))


def all_code(file: ModelFile) -> tuple[Path, ...]:
    """The named files and those that they import."""
    return (*file.code_files(), *imported_code(file))


def imported_code(file: ModelFile) -> tuple[Path, ...]:
    """The Python files that the named ones import, directly or through others, and those that `-m` names."""
    modules = _modules_run(file.training.command or ())
    return imported_files(file.code_files(), file.training.workdir, modules)


def _modules_run(command: Sequence[str]) -> tuple[str, ...]:
    """The dotted names after `-m` in a command."""
    return tuple(name for word, name in pairwise(command) if word == "-m" and is_dotted(name))

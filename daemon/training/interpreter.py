"""The Python that trains a command: its first word's own, one behind a shebang, or the one that a launcher starts."""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...strategies.drift.fingerprints import UNKNOWN, EnvironmentFingerprint
from ..clock import SystemClock
from ..config.training_tables import TrainingTable
from ..config.workers_table import WorkersTable
from ..foreign_files import read_plain
from ..start_errors import program_of, shebang_of
from .fingerprints import command_environment, environment_fingerprint

ASK_TIMEOUT_S = 60.0
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?")
_MOST_STEPS = 5
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)

# Launchers that prepare an environment and run a command in it: the words before the command that take a value.
_CONDA = frozenset({"-n", "--name", "-p", "--prefix", "--cwd", "-a", "--attach", "-e", "--env"})
_UV = frozenset(
    {"--with", "--with-editable", "--with-requirements", "-p", "--python", "--project", "--directory", "--env-file"}
    | {"--extra", "--group", "--only-group", "--no-group", "--no-extra", "--package", "--index", "--default-index"}
    | {"--cache-dir", "--config-file", "--python-preference", "--link-mode", "--color", "-w"}
)
_LAUNCHERS: Mapping[str, frozenset[str]] = {
    "uv": _UV, "conda": _CONDA, "mamba": _CONDA, "micromamba": _CONDA, "poetry": frozenset({"-C", "--directory"}),
    "pipenv": frozenset(), "pdm": frozenset({"-p", "--project"}), "pixi": frozenset({"-e", "--environment"}),
}  # fmt: skip
# Programs that become the command behind them, with the words before it that take a value.
_WRAPPERS: Mapping[str, frozenset[str]] = {
    "env": frozenset({"-u", "--unset", "-C", "--chdir"}), "nice": frozenset({"-n"}), "nohup": frozenset(),
    "setsid": frozenset(), "exec": frozenset(), "ionice": frozenset({"-c", "-n"}),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
}  # fmt: skip
_MODULE = ("-m", "--module")  # of uv: a module follows, and Python runs it
_NO_MODULE = re.compile(r"No module named '([\w.]{1,60})'")
_ASK = "import json, shutil, sys; print(json.dumps([sys.executable, shutil.which(sys.argv[1])]))"


def find_interpreter(training: TrainingTable, environ: Mapping[str, str]) -> Path | None:
    """The Python that trains the model, with `environ` of the process that starts it. None: not known.

    `python` of the model file is the owner's word for it, and what a bare "python" in a command is started as. Without
    one the command is looked into; a launcher such as `uv run` is asked, by running it.
    """
    if training.argv is None:
        return training.interpreter
    return own_interpreter(training, environ) if training.python is None else training.python


def own_interpreter(training: TrainingTable, environ: Mapping[str, str]) -> Path | None:
    """The Python that the command itself runs, as far as it can be found."""
    return _of_command(training.argv or (), training.workdir, training.environment(environ), _MOST_STEPS)


def environment_of(
    training: TrainingTable,
    environ: Mapping[str, str],
    packages: Sequence[str] = (),
    workers: WorkersTable | None = None,
    *,
    adds_node: bool = True,
) -> EnvironmentFingerprint:
    """The environment that the model trains in: of this machine, or of the nodes where `workers` names a cluster, one
    of which is added for it if need be.

    Raises CampaignFailed where its interpreter cannot be asked, ClusterAway where the cluster does not answer.
    """
    if workers is not None and workers.is_cluster:
        from .cluster.needs import needs_of
        from .cluster.node_environments import environment_on_nodes

        python = find_interpreter(training, environ)
        needs, path = needs_of(training.resources), None if python is None else str(python)
        found = environment_on_nodes(workers, needs, path, packages, SystemClock(), adds_node=adds_node)
        return found if training.argv is None or path is None else replace(found, interpreter=path)
    if training.argv is None:
        return environment_fingerprint(training.interpreter, packages)
    return command_environment(find_interpreter(training, environ), packages)


def install_remedy(detail: str, python: Path | str | None) -> str:
    """What to do about a training that ended for want of a module, by its last words; "" for another end."""
    missing = _NO_MODULE.search(detail)
    if missing is None or python in (None, "", UNKNOWN):
        return ""
    name = missing[1].partition(".")[0]
    return f"install {name} for {python}, or name another interpreter: python = '...' under [training]"


def interpreter_notes(training: TrainingTable, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the owner should know: that the Python is not known, or that the command starts another than the owner's."""
    if training.argv is None:
        return ()
    own = own_interpreter(training, environ)
    if training.python is not None:
        is_other = own is not None and os.path.realpath(own) != os.path.realpath(training.python)
        watched = f"the packages of {training.python} are watched, while the command starts {own} itself"
        return (f"{watched}; write a bare 'python' in the command, or correct python",) if is_other else ()
    if own is not None:
        return ()
    unseen = "which Python trains this model is not known, so a change of its packages goes unseen"
    return (f"{unseen}; write python = '...' under [training]",)


def _of_command(argv: Sequence[str], workdir: Path, environment: Mapping[str, str], steps: int) -> Path | None:
    if not argv or "{" in argv[0] or steps == 0:
        return None
    name = Path(argv[0]).name
    if name in _WRAPPERS:
        return _of_command(argv[1 + _length_of_options(argv[1:], _WRAPPERS[name]) :], workdir, environment, steps - 1)
    if name in _LAUNCHERS and len(argv) > 1 and argv[1] == "run":
        return _of_launcher(argv, workdir, environment, steps)
    program = program_of(argv[0], workdir, environment)
    return None if program is None else _of_program(program, workdir, environment, steps)


def _of_program(program: Path, workdir: Path, environment: Mapping[str, str], steps: int) -> Path | None:
    if _PYTHON.fullmatch(program.name):
        return program
    words = shebang_of(program)
    if not words:
        return None
    # env takes one word; with -S it splits what follows
    behind = words[1].split() if len(words) > 1 and Path(words[0]).name == "env" else []
    return _of_command([words[0], *behind], workdir, environment, steps - 1)


def _of_launcher(argv: Sequence[str], workdir: Path, environment: Mapping[str, str], steps: int) -> Path | None:
    """What the launcher starts in place of the command: it is asked for its Python, and for the command's program."""
    name = Path(argv[0]).name
    start = 2 + _length_of_options(argv[2:], _LAUNCHERS[name])
    word = argv[start] if start < len(argv) else "{"
    if "{" in word or (name == "uv" and word.endswith(".py") and _has_own_requirements(workdir / word)):
        return None
    if name == "uv" and (word.endswith(".py") or word in _MODULE):
        word = "python"
    python = word if _PYTHON.fullmatch(Path(word).name) else "python"
    question = [*(option for option in argv[:start] if option != "--"), python, "-c", _ASK, word]
    try:
        done = subprocess.run(
            question, cwd=workdir, env=dict(environment), capture_output=True, stdin=subprocess.DEVNULL,
            timeout=ASK_TIMEOUT_S, check=False,
        )  # fmt: skip
        executable, program = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    if python == word:
        return Path(executable)
    return None if program is None else _of_program(Path(program), workdir, environment, steps - 1)


def _length_of_options(words: Sequence[str], with_value: frozenset[str]) -> int:
    """How many words stand before the command, of a launcher's own options and of variables that it sets."""
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return index + 1
        if word in _MODULE or not (word.startswith("-") or _VARIABLE.fullmatch(word)):
            return index
        index += 2 if word in with_value else 1
    return len(words)


def _has_own_requirements(script: Path) -> bool:
    """Whether a script names its own requirements (PEP 723), for which uv makes an environment that does not stay."""
    try:
        return b"\n# /// script" in b"\n" + read_plain(script, 1 << 24)
    except OSError:
        return False

"""The command that tries a model out in a few short runs."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ...strategies.errors import InputError
from ...strategies.schedule.due import parse_duration_s
from ...strategies.verdict.check_points import Level
from ...strategies.words import counted, duration
from ..campaign.check.check import Checked, Extent
from ..config.model_file import model_file_in
from ..config.model_list import content_of_models, contents_in
from ..state.models.registry import Model
from .checking import checked, has_database
from .output import print_json, say
from .session import Json, Session

app = typer.Typer()

_MARKS = {Level.OK: "ok", Level.WARNING: "warning", Level.FAILED: "FAILED", Level.OPEN: "open"}
FAILED = 2


@app.command("check")
def _check(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A model file, or a registered model.")],
    quick: Annotated[bool, typer.Option("--quick", help="Without a training: the file and what it names.")] = False,
    limit: Annotated[str, typer.Option(help="Training time for each model, such as 90s or 1h.")] = "5m",
    as_json: Json = False,
) -> None:
    """Try a model out in a few short runs and say what holds, what to change and what it costs; nothing is registered.
    Exit code: 0 passed, 2 not."""
    extent = Extent(0.0 if quick else _seconds(limit))
    done: list[Checked] = []
    for ended in _checks(context.obj, what, extent):
        done.append(ended)
        if not as_json:
            _show(ended)
    is_passed = all(ended.is_passed for ended in done)
    if as_json:
        print_json({"is_passed": is_passed, "models": [ended.to_json() for ended in done]})
    elif is_passed and Path(what).exists() and any(ended.runs for ended in done):
        say(f"next: retuned register {shlex.quote(what)} --no-check  (all of it was just checked)")
    raise typer.Exit(0 if is_passed else FAILED)


def _checks(session: Session, what: str, extent: Extent) -> Iterator[Checked]:
    """One after the other, so that each is shown when it has ended."""
    path = Path(what)
    model = None if path.exists() else _registered(session, what)
    if model is not None:
        _refuse_elsewhere(session, model)
        yield checked(session, model.file, model.source, extent, model)
        return
    for content in contents_in(content_of_models(path), path):
        yield checked(session, model_file_in(content, path), path, extent)


def _registered(session: Session, name: str) -> Model | None:
    """The registered model of that name, where a name is meant. Raises UnknownName."""
    if "/" in name or name.endswith(".toml") or (not session.is_remote and not has_database(session)):
        return None
    return session.model.show(name).model


def _refuse_elsewhere(session: Session, model: Model) -> None:
    """Raise InputError for a model of a service whose files are not on this machine."""
    folder = model.file.training.workdir
    if session.is_remote and not folder.is_dir():
        found = f"{model.name} trains in {folder}, which is not on this machine"
        raise InputError(found, "a check trains where it is called", "call it on the service's machine")


def _seconds(limit: str) -> float:
    try:
        seconds = parse_duration_s(limit)
    except InputError as error:
        raise InputError(f"--limit {error.found}", error.allowed, error.remedy) from None
    if seconds < 1:
        raise InputError(f"--limit {limit} is too short", "allowed: 1s or more", "for none at all: --quick")
    return seconds


def _show(done: Checked) -> None:
    width = max(len(point.name) for point in done.points)
    for point in done.points:
        say(f"{_MARKS[point.level]:8}{point.name:{width}}  {point.sentence}")
        if point.remedy:
            say(f"{'':8}{'':{width}}  -> {point.remedy}")
    left = sum(point.level is Level.OPEN for point in done.points)
    how = "did NOT pass" if not done.is_passed else "nothing failed" if left else "passed"
    ran = f", {counted(done.runs, 'run')}, {duration(done.seconds)}" if done.runs else ""
    open_points = f"; {counted(left, 'point')} left open" if left else ""
    say(f"{done.name}: {how}{ran}{open_points}")

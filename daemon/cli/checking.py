"""Checks of models from the command line: how far they are, how they end, and the one before a registration."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ...strategies.errors import InputError, RetunedError, UnknownName
from ...strategies.verdict.check_points import PARTS, Level, Point
from ...strategies.words import counted, duration
from ..campaign.check.check import Checked, Extent, check_model
from ..campaign.check.progress import Progress, Show
from ..config.model_file import ModelFile
from ..state.models.registry import Model
from ..state.store import FILE_NAME
from .foreground import interruptible
from .output import LineShown, say_aside
from .session import CLOCK, Session

BEFORE_REGISTRATION_S = 60.0
QUIET_S = 10.0  # between two lines about how far a check is, without a terminal
_TRAINS = ("training", "data", "goal", "hyperparameters")


class Interrupted(RetunedError):
    """A check was interrupted; nothing of it is left."""

    exit_code = 130


def checked(session: Session, file: ModelFile, source: Path, extent: Extent, model: Model | None = None) -> Checked:
    """The check of a model file at `source`, with how far it is on standard error; of a registered `model` with its
    current settings. Raises Interrupted at Ctrl-C, once all that it started has ended."""
    configuration = None if model is None else model.configuration
    if not session.is_remote:
        session.refuse_root()
    try:
        with _progress(file.name) as show, interruptible():
            return check_model(file, source, configuration, extent, CLOCK, session.own_config, os.environ, show)
    except KeyboardInterrupt:
        raise Interrupted(f"the check of {file.name} was interrupted", "nothing of it is kept or registered") from None


def check_before_registration(session: Session, files: list[ModelFile], source: Path) -> None:
    """Check models that are about to be registered, all of them together for a minute of training at most.

    Warnings go to standard error. One whose training, data, metric and hyperparameters are registered already is not
    trained; nor is one that a service registers and that cannot be trained here, which is said. Raises InputError for
    the first point that fails.
    """
    until = CLOCK.monotonic() + BEFORE_REGISTRATION_S
    for file in files:
        why = _why_not_here(session, file)
        if why:
            say_aside(f"{file.name} is not checked: {why}")
            continue
        if _is_registered_so(session, file):
            continue
        left_s = until - CLOCK.monotonic()
        if left_s < 1.0:
            say_aside(f"{file.name} is not checked: the minute is over; check it by: retuned check {source}")
            continue
        _refuse_failed(checked(session, file, source, Extent(left_s, with_noise=False)), source)


def _why_not_here(session: Session, file: ModelFile) -> str:
    """Why a model that a service shall register is not trained here, as a clause; empty where it is."""
    if not session.is_remote:
        return ""
    if not file.training.workdir.is_dir():
        return f"there is no folder {file.training.workdir} on this machine"
    state = session.config.state
    if os.geteuid() == 0 and state.exists() and state.stat().st_uid != 0:
        return "root would run the model's command, which the service runs as another user; check it as that user"
    return ""


def _refuse_failed(done: Checked, source: Path) -> None:
    """Say what a passed check warns of and left open. Raises InputError where points failed: for a single one with what
    it says, for several with their names, after a line for each."""
    failed = [point for point in done.points if point.level is Level.FAILED]
    if failed:
        breaks_contract = all(point.name in PARTS for point in failed)
        price = ", though never to be told STALE" if breaks_contract else ""
        remedy = f"see every point: retuned check {source}; to register it all the same{price}: --no-check"
        if len(failed) == 1:
            (only,) = failed
            raise InputError(f"{done.name} is not registered: {only.name}: {only.sentence}", only.remedy, remedy)
        for point in failed:
            say_aside(f"{done.name}: {point.name}: {with_remedy(point)}")
        names = f"{', '.join(point.name for point in failed[:-1])} and {failed[-1].name}"
        raise InputError(f"{done.name} is not registered: {names} failed", "", remedy)
    for point in done.points:
        if point.level is Level.WARNING:
            say_aside(f"{done.name}: warning: {with_remedy(point)}")
    left = [point.name for point in done.points if point.level is Level.OPEN]
    open_points = f"; left open: {', '.join(left)}" if left else ""
    say_aside(f"{done.name}: checked in {counted(done.runs, 'run')}, {duration(done.seconds)}{open_points}")


def has_database(session: Session) -> bool:
    """Whether there is a registry in the state folder: looking one up must not make it."""
    return (session.config.state / FILE_NAME).exists()


def with_remedy(point: Point) -> str:
    """A point's sentence and what to change."""
    return f"{point.sentence}; {point.remedy}" if point.remedy else point.sentence


def _is_registered_so(session: Session, file: ModelFile) -> bool:
    """Whether the registry has a model of that name that trains alike."""
    if not (session.is_remote or has_database(session)):
        return False
    try:
        known = session.model.show(file.name).model.file
    except UnknownName:
        return False
    return all(getattr(known, table) == getattr(file, table) for table in _TRAINS)


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Show]:
    """Says on standard error which run is at work and for how long the check has trained; where lines stay, only now
    and then."""
    shown_s = 0.0

    def show(progress: Progress) -> None:
        nonlocal shown_s
        if line.is_terminal or progress.seconds - shown_s >= QUIET_S:
            shown_s = progress.seconds
            line.show(f"{name}: run {progress.run} of {progress.planned}, {progress.seconds:.0f} s so far")

    with LineShown() as line:
        yield show

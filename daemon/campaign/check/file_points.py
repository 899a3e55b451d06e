"""What a check of a model says without training it: paths, programs, the interpreter, data and their slices."""

from collections.abc import Mapping

from ....strategies.errors import CampaignFailed, InputError
from ....strategies.legs.command import placeholders
from ....strategies.verdict.check_points import Level, Point, failed_point
from ...config.model_file import ModelFile
from ...config.model_paths import check_paths
from ...config.split_tables import GIVEN_WITH_A_SPLIT
from ...training.interpreter import find_interpreter, interpreter_notes
from ...training.snapshot import sources
from ...training.splits.check import check_split
from ...training.splits.cut import SMALL_SLICE, sentence_of


def points_of_file(file: ModelFile, environ: Mapping[str, str]) -> tuple[Point, ...]:
    """What can be said without a training: paths and programs, the interpreter, placeholders, data and their slices."""
    try:
        check_paths(file)
        sizes = check_split(file)
    except PermissionError as error:
        found = f"{error.filename} cannot be reached: {error.strerror}"
        return (Point("file", Level.FAILED, found, "correct its rights or the path"),)
    except InputError as error:
        return (failed_point("file", error),)
    points = [Point("file", Level.OK, "keys, paths, programs and placeholders are in order"), _python(file, environ)]
    if is_without_data(file):
        where = "" if file.data is None else file.data.path or file.data.glob
        points.append(Point("data", Level.OPEN, f"nothing at {where} yet", "run the prepare command, then check again"))
    elif sizes is not None and file.split is not None:
        level = Level.WARNING if sizes.smallest < SMALL_SLICE else Level.OK
        points.append(Point("slices", level, f"{sentence_of(sizes, file.split)}; a slice for each pair"))
    return (*points, *_unused(file))


def is_without_data(file: ModelFile) -> bool:
    """Whether the data have yet to be brought by the prepare command."""
    try:
        return file.data is not None and not sources(file.data)
    except CampaignFailed:
        return True


def _python(file: ModelFile, environ: Mapping[str, str]) -> Point:
    python = find_interpreter(file.training, environ)
    notes = interpreter_notes(file.training, environ)
    if notes:
        found, _, remedy = notes[0].rpartition("; ")
        return Point("python", Level.WARNING, found, remedy)
    return Point("python", Level.OK, f"trained by {python}")


def _unused(file: ModelFile) -> tuple[Point, ...]:
    """A warning where retuned cuts the data and the command names neither of both files."""
    command = file.training.command
    if command is None or file.split is None or placeholders(command) & set(GIVEN_WITH_A_SPLIT):
        return ()
    found = "the command has neither {train} nor {eval}; its script would have to read RETUNED_TRAIN and RETUNED_EVAL"
    return (Point("placeholders", Level.WARNING, found, "hand both to the script in the command"),)

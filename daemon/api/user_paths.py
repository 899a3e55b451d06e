"""Whether the service's user can read what a model file names."""

import errno
import os
import pwd

from ...strategies.errors import InputError
from ..config.model_file import ModelFile
from ..config.model_paths import check_paths
from ..training.splits.check import check_split
from ..training.training_code import all_code


def check_paths_for(user: str | None, file: ModelFile) -> None:
    """Raise InputError for a path that is missing or unreadable for the service's user, and for data that cannot be cut
    as [data.split] says; None: the caller's process."""
    try:
        check_paths(file)
        if user is not None:
            _check_readable(file)
        check_split(file, is_service=user is not None)
    except PermissionError as error:
        found = InputError(f"{error.filename} cannot be reached: {error.strerror}")
        raise _naming(user, found) from None
    except InputError as error:
        raise _naming(user, error) from None


def own_user() -> str:
    """The name of this process's user."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _naming(user: str | None, error: InputError) -> InputError:
    if user is None:
        return error
    rights = f"the service runs as user '{user}', who must be able to read data, code and interpreter"
    return InputError(error.found, error.allowed, "; ".join(part for part in (error.remedy, rights) if part))


def _check_readable(file: ModelFile) -> None:
    """Raise PermissionError for the first of code, data and interpreter that this process may not read."""
    data = () if file.data is None or file.data.path is None else (file.data.path,)
    for path in (file.training.workdir, *all_code(file), *data):
        wanted = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
        if path.exists() and not os.access(path, wanted):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

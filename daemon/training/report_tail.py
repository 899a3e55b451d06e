"""The report file of a leg that still runs, read as it grows."""

from pathlib import Path

from ...strategies.errors import InputError
from ...strategies.legs.reports import parse_report
from ...strategies.records import Report


class LiveReport:
    """The complete lines of a growing report file, each read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new_lines(self) -> list[str]:
        """The lines that were finished since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                found = file.read()
        except FileNotFoundError:
            return []
        whole = found[: found.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode(errors="replace").splitlines()


def readable(line: str) -> Report | None:
    """The report on a line; None also for a malformed one, which the end of its leg will tell."""
    try:
        return parse_report(line)
    except InputError:
        return None

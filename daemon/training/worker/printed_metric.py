"""The objective's metric where a training prints it: matched by the owner's pattern and written down as reports.

A match is bounded in time by a signal: Python's `re` looks for signals as it goes, and a handler that raises ends it.
So neither a process of its own nor another library is needed; the time is the worker's own CPU time, which neither a
busy nor a sleeping machine uses up.
"""

import json
import math
import re
import signal
from collections.abc import Callable
from typing import NoReturn

from ...masking import Mask, masked
from ...metric_patterns import WITHOUT_COMMA, compile_pattern, number_in
from .metric_hints import Unmatched
from .printed_lines import Piece, PrintedLines

MATCH_S = 1.0  # for one piece of output, at most 64 KiB
SHOWN_CHARACTERS = 40
_THOUSANDS = re.compile(r"\d,\d{3}")


class _TooSlow(Exception):
    """A match took too long."""


class PrintedMetric:
    """Writes a report for each step that is printed, with the last value printed for it; without steps one report, of
    the last value, at the end."""

    def __init__(
        self,
        pattern: str,
        metric: str,
        to_step: float,
        keep: Callable[[bytes], None],
        mask: Mask = masked,
        match_s: float = MATCH_S,
    ) -> None:
        """`keep` takes report lines. `to_step`: where the leg ends; the step of a value without one. `match_s`: of CPU
        time for one piece of output."""
        self.fault: str | None = None
        self._text = pattern
        self._pattern = compile_pattern(pattern)
        self._metric = metric
        self._to_step = to_step
        self._keep = keep
        self._mask = mask
        self._match_s = match_s
        self._streams: dict[int, PrintedLines] = {}
        self._latest: tuple[str, str | None] | None = None  # value and step as printed, not yet written
        self._unread = ""  # why the last match counts for nothing
        self._unmatched: Unmatched | None = Unmatched()  # None once something matched
        signal.signal(signal.SIGVTALRM, _give_up)

    def hear(self, stream: int, data: bytes) -> None:
        """Take in what was printed on a stream. `fault` says from then on why no more can be found, if so."""
        self._search(self._streams.setdefault(stream, PrintedLines()).write(data))

    def look(self) -> None:
        """Nothing is to be looked at: what is printed comes by itself."""

    def close(self) -> dict[str, object]:
        """Write the last report; what exit.json says of it."""
        for lines in self._streams.values():
            self._search(lines.close())
        self._write()
        if self.fault is None and self._unmatched is not None:
            hint = self._unmatched.hint(self._text, self._metric, self._mask)
            count = self._unmatched.count
            where = f"{count} line{'' if count == 1 else 's'} of output" if count else "its output"
            return {"metric_fault": f"the pattern {self._text} matched nothing in {where}; {hint}"}
        fault = self.fault or self._unread
        return {"metric_fault": fault} if fault else {}

    def _search(self, pieces: list[Piece]) -> None:
        if self.fault is not None:
            return
        try:
            found = self._found_in_time(pieces)
        except _TooSlow:
            self.fault = (
                f"the pattern {self._text} takes more than {self._match_s:g} s for a piece of output; "
                r"write one without nested repeats, such as 'val_loss[=:] *(\S+)'"
            )
            return
        if found:
            self._unmatched = None
        elif self._unmatched is not None:
            for text, _ in pieces:
                self._unmatched.take(text)
        for value, step in found:
            if self._latest is not None and self._latest[1] != step:
                self._write()
            self._latest = value, step

    def _found_in_time(self, pieces: list[Piece]) -> list[tuple[str, str | None]]:
        """The values in these pieces; raises _TooSlow."""
        signal.setitimer(signal.ITIMER_VIRTUAL, self._match_s)
        try:
            return [
                (value, step)
                for text, is_end in pieces
                for match, value, step in self._pattern.matches(text)
                if is_end or match.end() < len(text)  # else it is found again, and whole, in the next piece
            ]
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _write(self) -> None:
        if self._latest is None:
            return
        (value_text, step_text), self._latest = self._latest, None
        value, step = number_in(value_text), self._to_step if step_text is None else number_in(step_text)
        what, text = ("value", value_text) if value is None else ("step", step_text or "")
        if value is None or step is None or not math.isfinite(step) or step < 0:
            shown = self._mask(text)[:SHOWN_CHARACTERS]
            self._unread = f"the last {what} that the pattern {self._text} matched is {shown!r}, which is no number"
            if _THOUSANDS.search(text):
                self._unread += f"; {WITHOUT_COMMA}"
            return
        self._unread = ""
        self._keep(json.dumps({"step": step, "metrics": {self._metric: value}}).encode() + b"\n")


def _give_up(_number: int, _frame: object) -> NoReturn:
    raise _TooSlow

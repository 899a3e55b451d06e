"""What to say where a pattern matched nothing: the last lines, and the words there that look like a metric."""

from collections import deque

from ...masking import Mask
from ...metric_words import meant

KEPT_LINES = 200  # the first ones, and as many of the last
KEPT_CHARACTERS = 4096
READ_CHARACTERS = 500  # of each line, where words with a number are looked for
SHOWN_LINES, SHOWN_CHARACTERS = 3, 80


class Unmatched:
    """The lines in which nothing was found, a few of them; of each its beginning."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=KEPT_LINES)

    def take(self, line: str) -> None:
        """Take in one more line."""
        line = line.strip()[:KEPT_CHARACTERS]
        if line:
            self.count += 1
            (self._first if len(self._first) < KEPT_LINES else self._last).append(line)

    def hint(self, pattern: str, metric: str, mask: Mask) -> str:
        """Clauses with the last lines, and with what may have been meant. Lines pass through `mask` before a cut."""
        lines = [mask(line)[:READ_CHARACTERS] for line in (*self._first, *self._last)]
        if not lines:
            return "it printed nothing"
        shown = " | ".join(line[:SHOWN_CHARACTERS] for line in lines[-SHOWN_LINES:])
        return f"its last lines: {shown}{meant(lines, pattern, metric)}"

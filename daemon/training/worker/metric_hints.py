"""What to say where a pattern matched nothing: the last lines, and the words there that look like a metric."""

import difflib
import re
from collections import deque
from collections.abc import Iterable

from ...masking import Mask

KEPT_LINES = 200  # the first ones, and as many of the last
KEPT_CHARACTERS = 4096
READ_CHARACTERS = 500  # of each line, where words with a number are looked for
SHOWN_LINES, SHOWN_CHARACTERS = 3, 80
_LEAST_LIKENESS = 0.6
_MOST_WORDS = 3
_WORD = r"[A-Za-z][\w./-]{0,40}"
_NUMBER_LIKE = re.compile(
    rf"({_WORD}(?: {_WORD}){{0,2}})(['\"]?\s{{0,3}}[=:]\s{{0,3}}|\s{{1,3}})"
    r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)(?![\w.])",
    re.IGNORECASE,
)


_STEP = re.compile(r"[\w\s.:=/-]{0,40}\(\?P<step>[^)]*\)")  # a pattern's step, with the word before it


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
        return f"its last lines: {shown}{_meant(lines, pattern, metric)}"


def _meant(lines: Iterable[str], pattern: str, metric: str) -> str:
    """The words beside a number that are most like the metric's name or the pattern's words."""
    found = {match[1]: match for line in lines for match in _NUMBER_LIKE.finditer(line)}  # the last of each name
    if not found:
        return "; no word with a number stands in its output"
    words = re.findall(r"[A-Za-z][\w-]{2,}", re.sub(r"\\.|\?P<\w*>", " ", _STEP.sub(" ", pattern)))
    wanted = {_letters(word) for word in (metric, *words)}
    likeness = {name: max(_likeness(_letters(name), word) for word in wanted) for name in found}
    best = max(found, key=lambda name: likeness[name])
    if likeness[best] < _LEAST_LIKENESS:
        there = ", ".join(found[name][0] for name in list(found)[-_MOST_WORDS:])
        return f"; words with a number there: {there}"
    match = found[best]
    return f"; did you mean {match[0]}? its pattern: {re.escape(match[1] + match[2]).replace(chr(92) + ' ', ' ')}(\\S+)"


def _likeness(name: str, word: str) -> float:
    return difflib.SequenceMatcher(None, name, word).ratio()


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

"""The words beside a number in what a training prints that look like a metric. Workers use it too."""

import difflib
import re
from collections.abc import Sequence

_LEAST_LIKENESS = 0.6
_LESS_BY_A_PART = 0.1  # a name one word of which is the metric's is less like it than one that is it as a whole
_MOST_WORDS = 3
_WORD = r"[A-Za-z][\w./-]{0,40}"
_NUMBER_LIKE = re.compile(
    rf"({_WORD}(?: {_WORD}){{0,2}})(['\"]?\s{{0,3}}[=:]\s{{0,3}}|\s{{1,3}})"
    r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)(?![\w.])",
    re.IGNORECASE,
)
_STEP = re.compile(r"[\w\s.:=/-]{0,40}\(\?P<step>[^)]*\)")  # a pattern's step, with the word before it


def meant(lines: Sequence[str], pattern: str, metric: str) -> str:
    """What may have been meant, as a clause."""
    found, nearest = _words_with_a_number(lines), nearest_word(lines, pattern, metric)
    if not found:
        return "; no word with a number stands in its output"
    if nearest is None:
        return f"; words with a number there: {', '.join(words_with_a_number(lines))}"
    return f"; did you mean {nearest[0]}? its pattern: {nearest[1]}"


def nearest_word(lines: Sequence[str], pattern: str, metric: str) -> tuple[str, str] | None:
    """The word beside a number that is most like the metric's name or the pattern's words, with its number, and the
    pattern that finds it; None where no word is like them."""
    found = _words_with_a_number(lines)
    words = re.findall(r"[A-Za-z][\w-]{2,}", re.sub(r"\\.|\?P<\w*>", " ", _STEP.sub(" ", pattern)))
    wanted = {_letters(word) for word in (metric, *words)}
    likeness = {name: max(_likeness(name, word) for word in wanted) for name in found}
    best = max(found, key=lambda name: likeness[name], default=None)
    if best is None or likeness[best] < _LEAST_LIKENESS:
        return None
    match = found[best]
    return match[0], f"{re.escape(match[1] + match[2]).replace(chr(92) + ' ', ' ')}(\\S+)"


def words_with_a_number(lines: Sequence[str]) -> tuple[str, ...]:
    """The last few words that stand beside a number, with it."""
    return tuple(match[0] for match in list(_words_with_a_number(lines).values())[-_MOST_WORDS:])


def _words_with_a_number(lines: Sequence[str]) -> dict[str, re.Match[str]]:
    """The last of each word that stands beside a number."""
    return {match[1]: match for line in lines for match in _NUMBER_LIKE.finditer(line)}


def _likeness(name: str, wanted: str) -> float:
    """How like a name is to what is wanted, as a whole or in one of its words."""
    parts = max(_ratio(_letters(word), wanted) for word in name.split()) - _LESS_BY_A_PART
    return max(_ratio(_letters(name), wanted), parts)


def _ratio(name: str, word: str) -> float:
    return difflib.SequenceMatcher(None, name, word).ratio()


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

"""What a run printed, looked through for the metric where the model file does not say how to find it."""

import re
from pathlib import Path

from ..foreign_files import read_plain
from ..masking import Mask
from ..metric_words import nearest_word, words_with_a_number

_MOST_BYTES = 1 << 20  # more than an output.log has
_LAST_LINES, _LINE_CHARACTERS = 200, 500
_LINE_ENDS = re.compile(rb"[\r\n\x08\x0c]+")
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def printed_metric(log: Path, metric: str, mask: Mask) -> str:
    """What a run's output.log has beside numbers that may be the metric, and the pattern that finds it, as a clause;
    empty where nothing is there, or the log cannot be read."""
    try:
        printed = read_plain(log, _MOST_BYTES)
    except OSError:
        return ""
    texts = [_COLOUR.sub("", line.decode(errors="replace")).strip() for line in _LINE_ENDS.split(printed)]
    lines = [mask(text)[:_LINE_CHARACTERS] for text in texts if text][-_LAST_LINES:]
    nearest = nearest_word(lines, "", metric)
    if nearest is not None:
        return f"it printed {nearest[0]}: write pattern = '{nearest[1]}' under [objective]"
    words = words_with_a_number(lines)
    return f"words with a number in its output: {', '.join(words)}" if words else ""

r"""Regular expressions that find a metric in what a training prints, such as `val_loss[=:] *(\S+)`.

Workers use it too: the standard library alone. How long a match may take is the caller's to bound.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_PATTERN = 1000  # characters
WITHOUT_COMMA = "print it without a comma between thousands, as f'{value:.0f}' does"
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_OPENERS, _ENDS = " \t'\"([{<$€£", frozenset(" \t'\")]},;:|%/>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class BadPattern(ValueError):
    """A text is no pattern for a metric: what was found, as a predicate, what is allowed, and what to do."""

    def __init__(self, found: str, allowed: str, remedy: str = "") -> None:
        super().__init__(found)
        self.found, self.allowed, self.remedy = found, allowed, remedy


@dataclass(frozen=True, slots=True)
class MetricPattern:
    """A compiled pattern: which of its groups is the value, and which the step (None: it has none)."""

    expression: re.Pattern[str]
    value: int
    step: int | None

    def matches(self, line: str) -> Iterator[tuple[re.Match[str], str, str | None]]:
        """Each match on a line with its value and its step, as printed; a match without a value is none."""
        for match in self.expression.finditer(line):
            value = match[self.value]
            if value is not None:
                yield match, value, None if self.step is None else match[self.step]


def compile_pattern(text: str) -> MetricPattern:
    """The pattern of a text. Raises BadPattern for one that is no regular expression, or that leaves open which part of
    a match is the value."""
    if len(text) > LONGEST_PATTERN:
        raise BadPattern(f"has {len(text)} characters", f"allowed: {LONGEST_PATTERN}", "shorten it")
    control = _CONTROL.search(text)
    if control is not None:
        remedy = "write it in single quotes, in which TOML leaves backslashes as they are"
        raise BadPattern(f"holds the control character {control[0]!r}", "allowed: one line of text", remedy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may read otherwise
            expression = re.compile(text)
        is_empty = expression.search("") is not None
    except (re.error, OverflowError, RecursionError) as error:
        remedy = r"for instance 'val_loss[=:] *(\S+)'"
        raise BadPattern(f"is no regular expression: {error}", "allowed: one of Python's module re", remedy) from None
    if is_empty:
        raise BadPattern(
            "matches an empty line", "allowed: a pattern with the words beside the number", r"for instance 'loss=(\S+)'"
        )
    return MetricPattern(expression, *_groups(expression))


def _groups(expression: re.Pattern[str]) -> tuple[int, int | None]:
    """The numbers of the groups of the value and of the step."""
    step, named = expression.groupindex.get("step"), expression.groupindex.get("value")
    others = [number for number in range(1, expression.groups + 1) if number != step]
    allowed = "allowed: one group around the number, and (?P<step>...) around the step if it is printed"
    if not others:
        raise BadPattern("has no group for the number", allowed, r"for instance 'val_loss[=:] *(\S+)'")
    if named is None and len(others) > 1:
        remedy = "name the number's (?P<value>...), or write (?:...) for the others"
        raise BadPattern(f"has {len(others)} groups", allowed, remedy)
    return others[0] if named is None else named, step


def number_in(text: str) -> float | None:
    """The number that a matched text is: quotes, brackets, a comma and so on around it do not matter. None where it is
    none, or where it goes on as no number does (`1,234.5`, `0.3M`)."""
    text = text.strip().lstrip(_OPENERS)
    match = _NUMBER.match(text)
    if match is None:
        return None
    rest = text[match.end() :]
    if rest and (rest[0] not in _ENDS or (rest[0] in ",:" and rest[1:2].isdigit())):
        return None
    return float(match[0])

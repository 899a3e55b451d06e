"""Long texts made to fit a channel: cut between words, never inside an address, with a word about what is missing."""

from collections.abc import Callable, Sequence

SHORTENED = "... (shortened; the whole text: retuned alerts)"


def utf16_length(text: str) -> int:
    """The length in UTF-16 units, as chat services written in JavaScript count; never less than in characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shortened(text: str, most: int, length: Callable[[str], int] = utf16_length, note: str = SHORTENED) -> str:
    """The text if it fits, else whole words of its beginning and the note; at most `most` by that length.

    A first word that is too long by itself is cut between characters, or left out where it is an address: half an
    address leads elsewhere.
    """
    if length(text) <= most:
        return text
    end = _longest(lambda count: length(f"{text[:count].rstrip()} {note}") <= most, len(text))
    kept = text[:end]
    if end and not (text[end].isspace() or kept[-1].isspace()):
        cut = max(kept.rfind(" "), kept.rfind("\n"))
        word = text[cut + 1 :].split(maxsplit=1)[0]
        kept = kept[:cut] if cut > 0 else "" if "://" in word else kept
    return f"{kept.rstrip()} {note}".strip() if length(note) <= most else ""


def lines_that_fit(lines: Sequence[str], most: int, length: Callable[[str], int] = utf16_length) -> tuple[str, ...]:
    """The first lines that fit together, each whole, and a line that counts the others: half a command is another."""
    for count in range(len(lines), -1, -1):
        rest = len(lines) - count
        kept = (*lines[:count], *((f"({rest} more: retuned alerts)",) if rest else ()))
        if length("\n".join(kept)) <= most:
            return kept
    return ()


def _longest(fits: Callable[[int], bool], most: int) -> int:
    """The largest count up to `most` that fits, by halving; 0 where none does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low

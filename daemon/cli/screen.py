"""The terminal as rich draws on it, with every text cleaned on its way there. Loads rich."""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import rich.text
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.table import Table

from ...strategies.words import readable
from .output import OutputGone

GAP = "  "  # between the columns of a table


class Text(rich.text.Text):
    """A text for the screen, cleaned before rich drops some of what acts on a terminal without a trace."""

    def __init__(self, text: str = "", style: str | Style = "", **how: Any) -> None:  # noqa: ANN401 - rich's own
        """`style`: as rich names it, and so is what follows."""
        super().__init__(readable(text, keep="\n"), style, **how)


class Screen(Console):
    """A console on which a text is a text: no markup in it, and nothing that acts on the terminal."""

    def __init__(self, *, width: int | None = None, is_error: bool = False) -> None:
        """`is_error`: on standard error."""
        super().__init__(highlight=False, markup=False, emoji=False, width=width, stderr=is_error)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable; rich calls this for each text, wherever it stands."""
        if isinstance(renderable, rich.text.Text):
            shown = readable(renderable.plain, keep="\n")
            renderable = renderable if shown == renderable.plain else renderable.blank_copy(shown)
        elif isinstance(renderable, str):
            renderable = readable(renderable, keep="\n")
        return super().render(renderable, options)

    def on_broken_pipe(self) -> NoReturn:
        """End as every command does whose reader has gone."""
        raise OutputGone


def console() -> Screen:
    """Standard output, 200 columns wide where it is not a terminal."""
    out = Screen()
    return out if out.is_terminal else Screen(width=200)


def table(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under their columns; without rows, the sentence `empty`."""
    if not rows:
        out.print(Text(empty))
        return
    lines = [tuple(readable(cell) for cell in line) for line in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if sum(widths) + len(GAP) * (len(widths) - 1) <= out.width:
        _print_as_wide_as_it_is(out, lines, widths)
        return
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in lines[0]:
        drawn.add_column(column, overflow="fold")
    for line in lines[1:]:
        drawn.add_row(*map(Text, line))
    out.print(drawn)


def _print_as_wide_as_it_is(out: Console, lines: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    """Print what needs no folding, as rich draws it; rich spends more on each cell than all else of a list costs."""
    head, *rest = (
        GAP.join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    out.print(Text.assemble((head, "bold"), "\n" + "\n".join(rest)), no_wrap=True, overflow="ignore", crop=False)

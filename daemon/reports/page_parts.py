"""What a page is made of: sections of sentences, figures and tables, all plain text until the template escapes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from .figures import Figure


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column heads its rows; a folded one opens with a click. `marked`: rows that stand out."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_folded: bool = False
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the summary: its name, its value, and what to compare it with."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure, what it shows in a sentence, and how to read it."""

    id: str
    figure: Figure
    shows: str
    legend: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page. `warnings` stand out; `commands` are what to type."""

    id: str
    title: str
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    plot: Plot | None = None
    tables: tuple[Table, ...] = ()
    commands: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page. `tone` is the verdict's name, which chooses the colour of the badge."""

    title: str
    model: str
    kind: str
    badge: str
    tone: str
    byline: str
    lead: str
    meaning: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    footer: str

    @property
    def plots(self) -> tuple[Plot, ...]:
        """Every figure on the page."""
        return tuple(section.plot for section in self.sections if section.plot is not None)


def pairs_table(caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """A table of names and values, without column heads."""
    return Table(caption, (), tuple(rows))

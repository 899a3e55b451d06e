"""Lists on the command line: the first page, all of them page by page, or as a stream of JSON."""

from collections.abc import Callable, Iterator
from typing import Annotated, Protocol, TypeVar

import typer

from ...strategies.errors import InputError
from ..state.paging import MOST, USUAL
from .output import say

Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", help=f"How many rows, 1 to {MOST}; {USUAL} where nothing is said.")
]
All = Annotated[bool, typer.Option("--all", help="Every row; with --json also where no --limit is given.")]


class Page(Protocol):
    """A page of a list; `next`: the cursor of the next one, None at the end."""

    @property
    def next(self) -> str | None:
        """The cursor."""


AnyPage = TypeVar("AnyPage", bound=Page)


def wants_all(limit: int | None, is_all: bool, as_json: bool) -> bool:
    """Whether every row is wanted: a program is never given a part that it did not ask for. Raises InputError."""
    if is_all and limit is not None:
        raise InputError(f"--all and --limit {limit} are given", "allowed: one of them", "leave one out")
    return is_all or (as_json and limit is None)


def pages(ask: Callable[[int, str | None], AnyPage], limit: int | None, is_all: bool) -> Iterator[AnyPage]:
    """The pages that are wanted; `ask` gives the page of a length after a cursor."""
    page = ask(MOST if is_all else USUAL if limit is None else limit, None)
    yield page
    while is_all and page.next is not None:
        page = ask(MOST, page.next)
        yield page


def say_more(page: Page, is_all: bool) -> None:
    """Say how to see the rest, where there is more than this page."""
    if page.next is not None and not is_all:
        say(f"\nthere are more; for those: --limit N, up to {MOST}, or --all")

"""The terminal as rich draws on it, with every text cleaned on its way there."""

from collections.abc import Iterable
from typing import NoReturn

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ...strategies.words import readable
from .output import OutputGone


class Screen(Console):
    """A console on which a text is a text: no markup in it, and nothing that acts on the terminal."""

    def __init__(self, *, width: int | None = None, is_error: bool = False) -> None:
        """`is_error`: on standard error."""
        super().__init__(highlight=False, markup=False, emoji=False, width=width, stderr=is_error)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable; rich calls this for each text, wherever it stands."""
        if isinstance(renderable, Text):
            shown = readable(renderable.plain, keep="\n")
            renderable = renderable if shown == renderable.plain else renderable.blank_copy(shown)
        elif isinstance(renderable, str):
            renderable = readable(renderable, keep="\n")
        return super().render(renderable, options)

    def on_broken_pipe(self) -> NoReturn:
        """End as every command does whose reader has gone."""
        raise OutputGone

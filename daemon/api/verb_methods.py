"""The method behind a verb, from the class that loads least."""

from collections.abc import Callable
from typing import Any, cast

from .listing_verbs import ListingVerbs

Method = Callable[..., Any]


def method_of(verb: str) -> Method:
    """The method of that verb, as declared; raises AttributeError where there is none."""
    if hasattr(ListingVerbs, verb):
        return cast("Method", getattr(ListingVerbs, verb))
    from .reading_verbs import ReadingVerbs

    if hasattr(ReadingVerbs, verb):
        return cast("Method", getattr(ReadingVerbs, verb))
    from .verbs import Verbs

    return cast("Method", getattr(Verbs, verb))

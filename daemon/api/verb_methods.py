"""The method behind a verb, from the class that loads least."""

from collections.abc import Callable
from typing import Any, cast

Method = Callable[..., Any]


def method_of(verb: str) -> Method:
    """The method of that verb, as declared; raises AttributeError where there is none."""
    if verb == "status":
        from .status_verb import StatusVerb

        return StatusVerb.status
    if verb == "show":
        from .model_verb import ModelVerb

        return ModelVerb.show
    if verb in ("history", "drift"):
        from .record_verbs import RecordVerbs

        return cast("Method", getattr(RecordVerbs, verb))
    from .listing_verbs import ListingVerbs

    if hasattr(ListingVerbs, verb):
        return cast("Method", getattr(ListingVerbs, verb))
    from .verbs import Verbs

    return cast("Method", getattr(Verbs, verb))

"""A leg's request, read back from its stored form."""

from collections.abc import Mapping
from typing import Any

from ..records import LegRequest, Purpose, Role, configuration_of
from .names import LegName, read_name


def request_of(stored: Mapping[str, Any]) -> LegRequest:
    """The request in a leg.json or another object with its keys. Raises KeyError, TypeError or ValueError."""
    named = _named(stored)
    return LegRequest(
        name=stored["name"],
        trial=stored["trial"],
        purpose=Purpose(stored["purpose"]),
        configuration=configuration_of(stored["configuration"]),
        seed=stored["seed"],
        split_seed=stored["split_seed"],
        from_step=stored["from_step"],
        to_step=stored["to_step"],
        parent=stored["parent"],
        keeps_checkpoint=stored["keeps_checkpoint"],
        skip_batches=stored.get("skip_batches", 0),  # missing in legs of earlier versions
        is_guarded=stored.get("is_guarded", False),
        role=named.role,
        number=named.number,
    )


def role_in(stored: Mapping[str, Any]) -> Role:
    """The role alone of a request in such an object. Raises KeyError or ValueError."""
    return Role(stored["role"]) if "role" in stored else read_name(stored["name"]).role


def _named(stored: Mapping[str, Any]) -> LegName:
    """What the leg stands for; a leg of an earlier version says it by its name alone."""
    if "role" not in stored:
        return read_name(stored["name"])
    return LegName(Role(stored["role"]), int(stored["number"]))

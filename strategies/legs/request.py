"""A leg's request as it is written down and read back."""

from collections.abc import Mapping
from typing import Any

from ..records import Configuration, LegRequest, Purpose, Role
from .names import LegName, read_name


def request_of(found: Mapping[str, Any]) -> LegRequest:
    """The request in a leg.json or another object with its keys. Raises KeyError, TypeError or ValueError."""
    named = _named(found)
    return LegRequest(
        name=found["name"],
        trial=found["trial"],
        purpose=Purpose(found["purpose"]),
        configuration=configuration_of(found["configuration"]),
        seed=found["seed"],
        split_seed=found["split_seed"],
        from_step=found["from_step"],
        to_step=found["to_step"],
        parent=found["parent"],
        keeps_checkpoint=found["keeps_checkpoint"],
        skip_batches=found.get("skip_batches", 0),  # a leg of an earlier version has neither
        is_guarded=found.get("is_guarded", False),
        role=named.role,
        number=named.number,
    )


def configuration_of(found: Mapping[str, Any]) -> Configuration:
    """A configuration as JSON holds it, with its schedules as tuples again."""
    return {
        name: tuple((step, number) for step, number in value) if isinstance(value, list) else value
        for name, value in found.items()
    }


def _named(found: Mapping[str, Any]) -> LegName:
    """What the leg stands for; a leg of an earlier version says it by its name alone."""
    if "role" not in found:
        return read_name(found["name"])
    return LegName(Role(found["role"]), int(found["number"]))

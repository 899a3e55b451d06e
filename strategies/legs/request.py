"""A leg's request, read back from its stored form."""

from collections.abc import Mapping
from typing import Any

from ..records import LegRequest, Purpose, configuration_of


def request_of(stored: Mapping[str, Any]) -> LegRequest:
    """The request in a leg.json or another object with its keys. Raises KeyError, TypeError or ValueError."""
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
    )

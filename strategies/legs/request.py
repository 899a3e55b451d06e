"""A leg's request as it is written down and read back."""

from collections.abc import Mapping
from typing import Any

from ..records import LegRequest, Purpose, configuration_of


def request_of(found: Mapping[str, Any]) -> LegRequest:
    """The request in a leg.json or another object with its keys. Raises KeyError, TypeError or ValueError."""
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
    )

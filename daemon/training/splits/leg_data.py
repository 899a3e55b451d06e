"""What a leg trains on and is scored on, where retuned cut the data."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LegData:
    """Two files in the source's own format, or two folders of links."""

    train: Path
    eval: Path

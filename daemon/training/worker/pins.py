"""Keeps what is compared on one kind of node: the first worker that takes a leg with a pin decides for all others."""

import json
import os
from pathlib import Path

from ...durable_files import read_json, temporary_beside
from ...foreign_files import create_plain
from ..node_kinds import PINS


class Pins:
    """The pins of a spool, as a worker on a node of some kind sees them; one without a kind takes any leg."""

    def __init__(self, spool: Path, kind: str) -> None:
        self._folder = spool / PINS
        self._kind = kind
        self._pin_of: dict[str, str] = {}  # by ticket

    def allows(self, ticket: str, leg: Path) -> bool:
        """Whether a worker here may take a ticket, whose first leg's folder is `leg`; where nobody has before, it may,
        and whoever follows must be of this kind."""
        if not self._kind:
            return True
        if ticket not in self._pin_of:
            self._pin_of[ticket] = str((read_json(leg / "leg.json") or {}).get("pin") or "")
        pin = self._pin_of[ticket]
        return not pin or self._decided(pin) == self._kind

    def _decided(self, pin: str) -> str:
        path = self._folder / f"{pin}.json"
        if not path.exists():
            self._folder.mkdir(exist_ok=True)
            passing = temporary_beside(path)
            with open(create_plain(passing), "w", encoding="utf-8") as file:
                json.dump({"kind": self._kind}, file)
            try:
                os.link(passing, path)
            except FileExistsError:
                pass
            finally:
                passing.unlink()
        return str((read_json(path) or {}).get("kind"))

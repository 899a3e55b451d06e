"""The id of a state folder, by which what it sends differs from what others send."""

import secrets
from datetime import datetime

from .faults import INSTALLATION, get_fact, put_fact
from .store import Store


def installation_of(store: Store, now: datetime) -> str:
    """The id of this state folder, made inside the open transaction where there is none yet."""
    known = get_fact(store, INSTALLATION)
    if known is not None:
        return str(known[0])
    made = secrets.token_hex(8)
    put_fact(store, INSTALLATION, made, now)
    return made

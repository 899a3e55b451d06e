"""Removes a model for good: its rows first, then its folders, which go to the trash and are deleted later.

A process that dies in between leaves folders that no row knows; retention takes them to the trash, too.
"""

from datetime import datetime

from ...strategies.errors import ConflictError
from ..state.campaigns.campaigns import campaigns_of
from ..state.campaigns.lease_file import holder_of
from ..state.models.models import entry_named
from ..state.models.removal import Removal, remove_model
from ..state.store import Store
from .retention import to_trash


def remove_with_folders(store: Store, name: str, now: datetime, by: str | None) -> Removal:
    """Delete a retired model, its history, and what its campaigns left on the disk; its own files are not touched.

    Raises UnknownName, and ConflictError where it is in use or a campaign of it is open or still ending.
    """
    entry = entry_named(store, name)
    for campaign in () if entry is None else campaigns_of(store, entry.id):
        has_folder = (store.state / "campaigns" / str(campaign.id)).is_dir()
        if not campaign.is_open and has_folder and holder_of(store.state, campaign.id) is not None:
            raise ConflictError(
                f"campaign {campaign.id} of {name} is still ending", "no process of it may run", "try again in a minute"
            )
    removal = remove_model(store, name, now, by)
    folders = [(store.state / "campaigns" / str(number), f"campaign-{number}") for number in removal.campaigns]
    to_trash(store.state, [*folders, (store.state / "snapshots" / name, f"snapshots-{name}")])
    return removal

"""Numbers of models, campaigns and alerts: each is given once, also after rows were removed."""

from collections.abc import Mapping

from .store import Store

LAST: Mapping[str, str] = {"models": "last_model", "campaigns": "last_campaign", "alerts": "last_alert"}
"""By table: the column of removed_models with the highest number that went with a model."""


def next_number(store: Store, table: str) -> int:
    """The number of the table's next row, inside the open transaction that inserts it."""
    row = store.row(
        f"""SELECT max(coalesce((SELECT max(id) FROM {table}), 0),
        coalesce((SELECT max({LAST[table]}) FROM removed_models), 0)) + 1 AS number"""  # noqa: S608 - our own names
    )
    assert row is not None
    return int(row["number"])

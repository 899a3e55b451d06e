"""What the models that a message is about say of it: their [alerts]."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...strategies.errors import RetunedError
from .models.models import find_entry
from .models.registry import Model, model_of
from .store import Store

if TYPE_CHECKING:
    from ..config.model_tables import AlertsTable


def models_numbered(store: Store, numbers: Iterable[int]) -> Iterator[Model]:
    """The models of these numbers, without those that are gone or cannot be read."""
    for number in dict.fromkeys(numbers):
        entry = find_entry(store, number)
        try:
            if entry is not None:
                yield model_of(store, entry)
        except RetunedError:
            continue


def tables_of(store: Store, numbers: Iterable[int]) -> tuple["AlertsTable", ...]:
    """The [alerts] of these models, each once."""
    tables = (model.file.alerts for model in models_numbered(store, numbers))
    return tuple({table.model_dump_json(): table for table in tables}.values())

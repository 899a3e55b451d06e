"""What a word on the command line names: a campaign by its number, or a model."""

from ...strategies.errors import ConflictError, InputError
from .store import Store


def campaign_number(store: Store, named: str) -> int | None:
    """The campaign's number where the word is one, else None: then it names a model.

    Raises ConflictError for a number that is also the name of a model whose campaign that is not: what is meant cannot
    be known. Such names are no longer given, but older versions did.
    """
    if not is_number(named):
        return None
    if len(named) > 18:
        return None  # beyond what the database counts to; there is no model of that name either
    model = store.row("SELECT id FROM models WHERE name = ?", (named,))
    campaign = store.row("SELECT model_id FROM campaigns WHERE id = ?", (int(named),))
    if model is not None and (campaign is None or campaign["model_id"] != model["id"]):
        raise ConflictError(
            f"{named} is the name of a model and may be the number of a campaign",
            "the number of one of the model's own campaigns",
            f"see: retuned history {named}",
        )
    return int(named)


def refuse_number(name: str) -> None:
    """Raise InputError for a new model that is named like a campaign's number."""
    if is_number(name):
        raise InputError(
            f"the model name {name!r} is a number, as campaigns have",
            "allowed: a name with a letter in it",
            f"write for instance model-{name}",
        )


def is_number(named: str) -> bool:
    """Whether the word is written as campaigns' numbers are."""
    return named.isascii() and named.isdecimal()

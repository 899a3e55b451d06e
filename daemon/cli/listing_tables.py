"""Tables of lists in the terminal."""

from collections.abc import Sequence

from rich.console import Console

from ..state.models.model_list import ListedModel
from ..state.models.schedule_list import Planned
from .screen import table


def models_table(out: Console, models: Sequence[ListedModel], tag: str | None = None) -> None:
    """Print the registered models; `tag`: the one that was asked for."""
    rows = [
        (model.name, model.owner, model.state, f"v{model.settings_version}", model.label or "-",
         f"{model.next_due_at:%Y-%m-%d}" if model.next_due_at and model.state == "active" else "-")
        for model in models
    ]  # fmt: skip
    columns = ("name", "owner", "state", "settings", "last verdict", "next due")
    nothing = "no model is registered yet; start with: retuned register model.toml"
    table(out, columns, rows, nothing if tag is None else f"no model has the tag '{tag}'; see: retuned models --json")


def schedule_table(out: Console, planned: Sequence[Planned], months: int) -> None:
    """Print future due dates, soonest first, in UTC."""
    rows = [
        (f"{date.due_at:%Y-%m-%d %H:%M}", date.model,
         "at once" if date.starts_at <= date.due_at else f"{date.starts_at:%Y-%m-%d %H:%M}", date.why)
        for date in planned
    ]  # fmt: skip
    columns = ("due (UTC)", "model", "may start", "why")
    table(out, columns, rows, f"no model is due in the next {months} months; see: retuned models")

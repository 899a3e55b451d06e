"""A model in the terminal."""

from collections.abc import Sequence

from rich.console import Console

from ...strategies.records import plain
from ...strategies.verdict.notice import render
from ..state.models.merged_values import differs_from_file
from ..state.models.registry import Model
from ..state.overview import OpenCampaign
from .screen import Text, table


def show_model(out: Console, model: Model, campaigns: Sequence[OpenCampaign], looks: str) -> None:
    """Print a model, its current settings, its search space and its open campaigns; `looks` is about its changes."""
    due = f"next due {model.next_due_at:%Y-%m-%d}" if model.next_due_at else "no due date"
    out.print(
        Text(
            f"{model.name} of {model.file.owner}: {model.state}, {due}, settings v{model.settings_version}",
            style="bold",
        )
    )
    out.print(
        Text(
            f"judged by {model.file.goal.metric} ({model.file.goal.direction}), found in {model.file.goal.found_in}; "
            f"file version {model.version}, {model.source}\n{looks}\n"
        )
    )
    rows = [
        (declared.name,
         render(model.configuration[declared.name]) if declared.name in model.configuration else "(not in use)",
         declared.kind.value, declared.allowed)
        for declared in model.space.hyperparameters
    ]  # fmt: skip
    table(out, ("hyperparameter", "current", "type", "search space"), rows, "")
    differs = differs_from_file(plain(model.configuration), model.file)
    if differs:
        out.print(Text(f"\nother values were adopted since{differs}"))
    for campaign in campaigns:
        waits = f", {campaign.waits}" if campaign.waits else ""
        out.print(Text(f"\ncampaign {campaign.id} ({campaign.kind}) is open: {campaign.phase}{waits}"))

"""How a campaign ended, as a panel."""

from ..api.views import Ended
from .screen import console
from .verdict_panel import baseline_panel, verdict_panel


def show_end(ended: Ended) -> None:
    """Print what the campaign found."""
    panel = (
        baseline_panel(ended.model, ended.campaign, ended.replicates)
        if ended.campaign.kind == "baseline"
        else verdict_panel(ended.model, ended.campaign, ended.incumbent)
    )
    console().print(panel)

"""The progress of a campaign, as a verb returns it."""

from dataclasses import dataclass

from ..reports.progress import Progress
from ..state.campaigns.campaigns import Campaign
from .model_view import SentModel


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign's current state."""

    model: SentModel
    campaign: Campaign
    progress: Progress

"""What an adoption or a rollback would change, with the evidence, as the verb returns it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...strategies.errors import InputError
from ...strategies.records import plain
from ...strategies.verdict.verdict_records import Verdict
from ..state.models.adoption import Proposal, edited_by_hand
from .model_view import SentModel


@dataclass(frozen=True, slots=True)
class Proposed:
    """The values before and after. `campaign`, `verdict` and `judged_at`: those of the campaign that recommends them;
    None where none does. `judged_version`: the settings that it judged; `to_version`: the one that is rolled back to.
    `edited`: hyperparameters whose values in the settings file are not the registry's, and would be overwritten."""

    model: SentModel
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    origin: str
    campaign: int | None = None
    to_version: int | None = None
    verdict: Verdict | None = None
    judged_version: int | None = None
    judged_at: datetime | None = None
    edited: tuple[str, ...] = ()


def proposed_view(proposal: Proposal) -> Proposed:
    """What the proposal would change."""
    campaign = proposal.campaign
    try:
        edited = edited_by_hand(proposal.model)
    except InputError:
        edited = ()
    return Proposed(
        model=proposal.model,
        before=plain(proposal.model.configuration),
        after=plain(proposal.configuration),
        origin=proposal.origin,
        campaign=None if campaign is None else campaign.id,
        to_version=proposal.to_version,
        verdict=None if campaign is None else campaign.verdict,
        judged_version=None if campaign is None else campaign.settings_version,
        judged_at=None if campaign is None else campaign.ended_at,
        edited=() if proposal.kind == "from_file" else edited,
    )

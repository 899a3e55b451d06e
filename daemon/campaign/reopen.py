"""More pairs for a campaign that ended without a decision: on the same data, with the same challenger and rules."""

from dataclasses import replace
from pathlib import Path

from ...strategies.drift.fingerprints import DataFingerprint
from ...strategies.errors import CampaignFailed, ConflictError, InputError
from ...strategies.verdict.verdict_records import Verdict
from ..config.model_file import ModelFile
from ..state.campaigns.campaign_facts import CampaignFacts, reached
from ..state.campaigns.campaign_writes import reopen_campaign
from ..state.campaigns.campaigns import Campaign, campaigns_of, find_campaign, open_campaigns
from ..state.campaigns.phase_records import Continued
from ..state.models.registry import Model, file_of_version, find_model
from ..state.store import Store
from ..training.fingerprints import code_fingerprint, data_fingerprint
from ..training.snapshot import sources

MOST_PAIRS = 256
"""In all, the same bound as for [search] max_pairs."""


def reopen(store: Store, model: Model, pairs: int, campaign_id: int | None = None) -> Campaign:
    """The model's last re-evaluation, or the one named, open again for up to `pairs` more pairs.

    The guarantee stays: a continued e-process is still one, whatever was seen before (see confirm.py). One that was
    continued already and is still open, because its process was killed, goes on as it was. Raises InputError for
    a number of pairs that cannot be, ConflictError where more pairs would not continue the same test.
    """
    _check_pairs(pairs)
    campaign = _chosen(store, model, campaign_id)
    if campaign.is_open and campaign.facts.continued is not None:
        return campaign
    _check(store, model, campaign, pairs)
    _check_unchanged(file_of_version(store, model.id, campaign.model_version), model, campaign)
    with store.transaction():
        present = find_campaign(store, campaign.id)
        _check(store, find_model(store, model.name), present, pairs)  # another process may have been quicker
        assert present.verdict is not None
        reopen_campaign(store, present.id, _facts(present.facts, present.verdict, pairs))
    return find_campaign(store, campaign.id)


def _facts(facts: CampaignFacts, verdict: Verdict, pairs: int) -> CampaignFacts:
    """The record without the old judgement. The new end counts from the pairs that were judged, not from the plan's
    n_max: a campaign whose budget was spent may have made few of them, and eight more must not become forty."""
    before = facts.continued or Continued((), 0, 0)
    continued = Continued(
        earlier_verdicts=(*before.earlier_verdicts, verdict),
        more_pairs=before.more_pairs + pairs,
        pairs_allowed=_allowed(verdict, pairs),
    )
    return replace(facts, judged=None, continued=continued)


def _allowed(verdict: Verdict, pairs: int) -> int:
    """An even number in all: the next look after an odd number of pairs."""
    total = verdict.n_pairs + pairs
    return total + total % 2


def _chosen(store: Store, model: Model, campaign_id: int | None) -> Campaign:
    campaigns = campaigns_of(store, model.id, "retune")
    if campaign_id is not None:
        campaigns = tuple(campaign for campaign in campaigns if campaign.id == campaign_id)
    if not campaigns:
        found = f"{model.name} has no re-evaluation" + ("" if campaign_id is None else f" with number {campaign_id}")
        raise InputError(f"{found} to continue", "", f"see: retuned history {model.name}")
    return campaigns[-1]


def _check_pairs(pairs: int) -> None:
    if pairs < 2 or pairs % 2 or pairs > MOST_PAIRS:
        raise InputError(f"--more {pairs}", f"an even number of pairs from 2 to {MOST_PAIRS}", "for instance --more 8")


def _check(store: Store, model: Model, campaign: Campaign, pairs: int) -> None:
    """Raise ConflictError where the record says that the campaign cannot be continued."""
    again = f"re-evaluate anew: retuned retune {model.name}"
    opened = [one for one in open_campaigns(store, model.id) if one.kind == "retune"]
    if opened:
        raise ConflictError(
            f"campaign {opened[0].id} of {model.name} is still open",
            "one open re-evaluation a model",
            f"let it end, or: retuned cancel {model.name}",
        )
    number, verdict = campaign.id, campaign.verdict
    if verdict is None:
        raise ConflictError(f"campaign {number} ended without a verdict ({campaign.phase})", "", again)
    if campaign.facts.searched is None or campaign.facts.searched.challenger is None:
        raise ConflictError(
            f"campaign {number} has no challenger to make pairs with", "only pairs can be continued", again
        )
    if not verdict.can_go_on:
        raise ConflictError(
            f"campaign {number} is {verdict.outcome.value.upper()} ({verdict.reason.value})",
            "only INCONCLUSIVE because the pairs or the budget ran out is settled by more pairs",
            again,
        )
    if model.settings_version != campaign.settings_version:
        raise ConflictError(
            f"campaign {number} is about settings v{campaign.settings_version}, v{model.settings_version} are in force",
            "the same settings on both sides of the interruption",
            again,
        )
    if _allowed(verdict, pairs) > MOST_PAIRS:
        raise InputError(
            f"campaign {number} has {verdict.n_pairs} pairs, {pairs} more are too many",
            f"{MOST_PAIRS} pairs in all",
            "ask for fewer, or declare a larger margin",
        )


def _check_unchanged(file: ModelFile, model: Model, campaign: Campaign) -> None:
    """Raise ConflictError where the pairs to come would not be like those before: another training, other data."""
    again = f"re-evaluate anew: retuned retune {model.name}"
    parts = [(one.training, one.goal, one.data, one.hyperparameters) for one in (file, model.file)]
    if parts[0] != parts[1]:
        raise ConflictError(f"the model file of {model.name} changed since campaign {campaign.id}", "", again)
    try:
        code = code_fingerprint(file.code_files(), file.training.workdir)
        data = _present_data(file, campaign)
    except CampaignFailed as error:
        raise ConflictError(
            f"campaign {campaign.id} cannot be continued: {error.found}", error.allowed, again
        ) from None
    prepared = reached(campaign.facts.prepared)
    if code.key() != prepared.code.key():
        raise ConflictError(f"the training code of {model.name} changed since campaign {campaign.id}", "", again)
    if data is not None and data.key() != reached(prepared.data).key():
        raise ConflictError(f"the data of campaign {campaign.id} is no longer what it was", "", again)


def _present_data(file: ModelFile, campaign: Campaign) -> DataFingerprint | None:
    """The fingerprint of what the campaign's trainings would read now; None for a model without data."""
    if file.data is None:
        return None
    if file.data.snapshot != "copy":
        return data_fingerprint(sources(file.data))
    snapshot = Path(reached(campaign.facts.prepared).snapshot)
    if not snapshot.exists():
        raise CampaignFailed(f"its data is gone from {snapshot}")
    return data_fingerprint([snapshot])

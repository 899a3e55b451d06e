"""More pairs for a campaign that ended without a decision: on the same data, with the same challenger and rules."""

from dataclasses import replace
from pathlib import Path

from ...strategies.drift.fingerprints import DataFingerprint, is_same_code
from ...strategies.errors import CampaignFailed, ConflictError, InputError
from ...strategies.verdict.verdict_records import Verdict
from ..config.model_file import ModelFile
from ..state.campaigns.campaign_facts import CampaignFacts, reached
from ..state.campaigns.campaign_writes import reopen_campaign
from ..state.campaigns.campaigns import Campaign, campaigns_of, find_campaign, open_campaigns
from ..state.campaigns.phase_records import Continued
from ..state.models.registry import Model, file_of_version, find_model
from ..state.store import Store
from ..training.fingerprints import data_fingerprint
from ..training.snapshot import sources
from ..training.training_code import read_code

MOST_PAIRS = 256
"""In total; the same bound as for [search] max_pairs."""


def reopen(store: Store, model: Model, pairs: int, campaign_id: int | None = None) -> Campaign:
    """The model's last re-evaluation, or the named one, reopened for up to `pairs` more pairs.

    The guarantee holds: a continued e-process is still one, whatever was seen before (see confirm.py). A campaign
    that was already continued and is still open, because its process was killed, resumes unchanged. Raises
    InputError for an invalid number of pairs, ConflictError if more pairs would not continue the same test.
    """
    _check_pairs(pairs)
    campaign = _chosen(store, model, campaign_id)
    if campaign.is_open and campaign.facts.continued is not None:
        return campaign
    _check(store, model, campaign, pairs)
    _check_unchanged(file_of_version(store, model.id, campaign.model_version), model, campaign)
    with store.transaction():
        present = find_campaign(store, campaign.id)
        _check(store, find_model(store, model.name), present, pairs)  # another process may have been faster
        assert present.verdict is not None
        reopen_campaign(store, present.id, _facts(present.facts, present.verdict, pairs))
    return find_campaign(store, campaign.id)


def _facts(facts: CampaignFacts, verdict: Verdict, pairs: int) -> CampaignFacts:
    """The facts without the old verdict. The new end counts from the pairs that were judged, not from the plan's
    n_max: a campaign whose budget ran out may have made few of them, and eight more must not become forty."""
    before = facts.continued or Continued((), 0, 0)
    continued = Continued(
        earlier_verdicts=(*before.earlier_verdicts, verdict),
        more_pairs=before.more_pairs + pairs,
        pairs_allowed=_total_pairs(verdict, pairs),
    )
    return replace(facts, judged=None, continued=continued)


def _total_pairs(verdict: Verdict, pairs: int) -> int:
    """The pairs in total, rounded up to an even number, where the next look is."""
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
    """Raise ConflictError if the record shows that the campaign cannot be continued."""
    remedy = f"re-evaluate again: retuned retune {model.name}"
    unfinished = [running for running in open_campaigns(store, model.id) if running.kind == "retune"]
    if unfinished:
        raise ConflictError(
            f"campaign {unfinished[0].id} of {model.name} is still open",
            "one open re-evaluation per model",
            f"let it end, or: retuned cancel {model.name}",
        )
    number, verdict = campaign.id, campaign.verdict
    if verdict is None:
        raise ConflictError(f"campaign {number} ended without a verdict ({campaign.phase})", "", remedy)
    if campaign.facts.searched is None or campaign.facts.searched.challenger is None:
        raise ConflictError(
            f"campaign {number} has no challenger to make pairs with", "only pairs can be continued", remedy
        )
    if not verdict.can_go_on:
        raise ConflictError(
            f"campaign {number} is {verdict.outcome.value.upper()} ({verdict.reason.value})",
            "more pairs settle only an INCONCLUSIVE verdict whose pairs or budget ran out",
            remedy,
        )
    if model.settings_version != campaign.settings_version:
        raise ConflictError(
            f"campaign {number} is about settings v{campaign.settings_version}, v{model.settings_version} are current",
            "the same settings on both sides of the interruption",
            remedy,
        )
    if _total_pairs(verdict, pairs) > MOST_PAIRS:
        raise InputError(
            f"campaign {number} has {verdict.n_pairs} pairs, {pairs} more are too many",
            f"{MOST_PAIRS} pairs in total",
            "ask for fewer, or declare a larger margin",
        )
    _check_slices(model, campaign, _total_pairs(verdict, pairs))


def _check_slices(model: Model, campaign: Campaign, total: int) -> None:
    """Raise ConflictError where later pairs would be scored on rows that earlier ones were scored on."""
    split = model.file.split
    slices = total if split is None else split.shares(model.file.search.max_pairs).slices
    if total > slices:
        raise ConflictError(
            f"campaign {campaign.id} has {slices} held-out slices, and {total} pairs in total need one each",
            "no pair on rows of another one, because that voids the error rate",
            f"write slices = {total} under [data.split], register again, and re-evaluate: retuned retune {model.name}",
        )


def _check_unchanged(file: ModelFile, model: Model, campaign: Campaign) -> None:
    """Raise ConflictError if later pairs would not be comparable with earlier ones: another training or other data."""
    remedy = f"re-evaluate again: retuned retune {model.name}"
    parts = [(version.training, version.goal, version.data, version.hyperparameters) for version in (file, model.file)]
    if parts[0] != parts[1]:
        raise ConflictError(f"the model file of {model.name} changed since campaign {campaign.id}", "", remedy)
    try:
        code = read_code(file)
        data = _present_data(file, campaign)
    except CampaignFailed as error:
        raise ConflictError(
            f"campaign {campaign.id} cannot be continued: {error.found}", error.allowed, remedy
        ) from None
    prepared = reached(campaign.facts.prepared)
    if not is_same_code(prepared.code, code):
        raise ConflictError(f"the training code of {model.name} changed since campaign {campaign.id}", "", remedy)
    if data is not None and data.key() != reached(prepared.data).key():
        raise ConflictError(f"the data of campaign {campaign.id} has changed", "", remedy)


def _present_data(file: ModelFile, campaign: Campaign) -> DataFingerprint | None:
    """The fingerprint of the data that the campaign's runs would read now; None for a model without data."""
    if file.data is None:
        return None
    if file.data.snapshot != "copy":
        return data_fingerprint(sources(file.data))
    snapshot = Path(reached(campaign.facts.prepared).snapshot)
    if not snapshot.exists():
        raise CampaignFailed(f"its data is gone from {snapshot}")
    return data_fingerprint([snapshot])

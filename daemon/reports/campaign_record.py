"""Everything that is recorded about one finished campaign, read once, for its page."""

from dataclasses import dataclass
from pathlib import Path

from ...strategies.errors import ConflictError, InputError
from ...strategies.records import Configuration, LegResult, Purpose, Role
from ...strategies.space import Space
from ...strategies.verdict.contract import Contract
from ...strategies.verdict.evidence import EvidencePath, evidence_path
from ...strategies.verdict.verdict_records import TestPlan
from ...strategies.verdict.verdict_words import figure
from ..config.model_file import ModelFile
from ..state.campaign_numbers import campaign_number
from ..state.campaigns.campaign_facts import CampaignFacts, reached
from ..state.campaigns.campaigns import Campaign, campaigns_of, find_campaign
from ..state.campaigns.legs import results_of
from ..state.campaigns.phase_records import Ended, Prepared
from ..state.models.registry import Model, Settings, configuration_of_version, file_of_version, find_model, settings_of
from ..state.store import Store
from .trials import Trial, trials_of


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A finished campaign with its model as it was then.

    `challenger` None: the search named none. `recommended`: whether its values were confirmed. `adopted`: the settings
    version that adopted this campaign's values; None where none did.
    """

    state: Path
    campaign: Campaign
    model: Model
    file: ModelFile
    space: Space
    settings: Settings
    incumbent: Configuration
    challenger: Configuration | None
    recommended: bool
    adopted: Settings | None
    results: tuple[LegResult, ...]
    contract: Contract
    plan: TestPlan | None
    path: EvidencePath

    @property
    def facts(self) -> CampaignFacts:
        """What the phases of the campaign found and froze."""
        return self.campaign.facts

    @property
    def prepared(self) -> Prepared:
        """What the campaign trained on and in."""
        return reached(self.facts.prepared)

    @property
    def ended(self) -> Ended:
        """What the campaign cost, what it recommends and how it explains its verdict."""
        return reached(self.facts.ended)

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.file.goal.metric

    @property
    def sign(self) -> float:
        """The factor, 1 or -1, from a score (higher is better) to the metric."""
        return self.file.objective().sign

    @property
    def direction(self) -> str:
        """Which way the metric is better, in words."""
        return "lower is better" if self.sign < 0 else "higher is better"

    @property
    def whole(self) -> float:
        """The budget of one full training."""
        return self.file.training.budget.amount

    @property
    def most_pairs(self) -> int:
        """The pairs allowed, those of a continuation included; 0 for a baseline."""
        if self.facts.continued is not None:
            return self.facts.continued.pairs_allowed
        return 0 if self.plan is None else self.plan.n_max

    def trials(self, purpose: Purpose, *roles: Role) -> tuple[Trial, ...]:
        """The trials of a purpose in these roles."""
        return trials_of(self.results, purpose, roles, self.whole)

    @property
    def searched(self) -> tuple[Trial, ...]:
        """The trials of the search, the incumbent's among them."""
        return self.trials(Purpose.SEARCH, Role.INCUMBENT, Role.CANDIDATE)

    def shown(self, score: float | None) -> str:
        """A score as the metric's value; a dash where there is none."""
        return "–" if score is None else figure(self.sign * score + 0.0)


def record_of(store: Store, named: str) -> CampaignRecord:
    """The record of a campaign's number, or of the last finished re-evaluation of the model of that name.

    Raises UnknownName for neither, InputError for a model without one, ConflictError for an unfinished campaign.
    """
    number = campaign_number(store, named)
    campaign = _last_finished(store, named) if number is None else find_campaign(store, number)
    if campaign.is_open:
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} has not ended yet ({campaign.phase})",
            "a page is about a finished campaign", f"when it has: retuned report {campaign.id}",
        )  # fmt: skip
    if campaign.phase != "done":
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} {campaign.phase}: {campaign.failure}",
            "a page is about a campaign that came to its end", f"see: retuned history {campaign.model}",
        )  # fmt: skip
    return _record(store, campaign)


def _last_finished(store: Store, name: str) -> Campaign:
    model = find_model(store, name)
    done = [campaign for campaign in campaigns_of(store, model.id, "retune") if campaign.phase == "done"]
    if not done:
        raise InputError(f"{name} has no finished re-evaluation", "", f"run: retuned retune {name}")
    return done[-1]


def _record(store: Store, campaign: Campaign) -> CampaignRecord:
    model = find_model(store, campaign.model)
    file = file_of_version(store, model.id, campaign.model_version)
    space, facts, versions = file.space(), campaign.facts, settings_of(store, model)
    results = results_of(store, campaign.id)
    plan = None if facts.searched is None else facts.searched.test_plan
    path = EvidencePath()
    if plan is not None and campaign.verdict is not None:
        path = evidence_path(plan, campaign.verdict, results)
    named = None if facts.searched is None else facts.searched.challenger
    return CampaignRecord(
        state=store.state,
        campaign=campaign,
        model=model,
        file=file,
        space=space,
        settings=next(version for version in versions if version.version == campaign.settings_version),
        incumbent=configuration_of_version(store, model.id, campaign.settings_version, space),
        challenger=None if named is None else space.validate(named, strict=False),
        recommended=facts.ended is not None and facts.ended.recommended is not None,
        adopted=next((version for version in reversed(versions) if version.campaign_id == campaign.id), None),
        results=results,
        contract=reached(facts.contract),
        plan=plan,
        path=path,
    )

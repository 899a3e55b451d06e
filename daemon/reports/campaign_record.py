"""Everything that the record holds about one finished campaign, read once, for a page about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...strategies.errors import ConflictError, InputError
from ...strategies.records import Configuration, LegResult
from ...strategies.space import Space
from ...strategies.verdict.contract import Contract
from ...strategies.verdict.evidence import EvidencePath, evidence_path
from ...strategies.verdict.verdict_records import TestPlan
from ...strategies.verdict.verdict_words import figure
from ..config.model_file import ModelFile
from ..state.campaigns import Campaign, campaigns_of, find_campaign, results_of
from ..state.names import campaign_number
from ..state.registry import Model, Settings, configuration_of_version, file_of_version, find_model, settings_of
from ..state.store import Store
from .trials import Trial, trials_of


@dataclass(frozen=True, slots=True)
class Dossier:
    """A finished campaign with its model as it was then.

    `challenger` None: the search named none. `recommended`: whether its values were confirmed. `adopted` is the
    settings version that took this campaign's values up; `in_force` the version in force now.
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
    def facts(self) -> Mapping[str, Any]:
        """What the phases of the campaign found and froze."""
        return self.campaign.facts

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.file.goal.metric

    @property
    def sign(self) -> float:
        """What turns a score, of which more is better, into the metric."""
        return -1.0 if self.file.objective().lower_is_better else 1.0

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
        return 0 if self.plan is None else int(self.facts.get("pairs_allowed", self.plan.n_max))

    def trials(self, stem: str) -> tuple[Trial, ...]:
        """The trials whose names start with `stem`."""
        return trials_of(self.results, stem, self.whole)

    def shown(self, score: float | None) -> str:
        """A score as the metric's value; a dash where there is none."""
        return "–" if score is None else figure(self.sign * score + 0.0)


def dossier_of(store: Store, named: str) -> Dossier:
    """The dossier of a campaign's number, or of the last finished re-evaluation of the model of that name.

    Raises UnknownName for neither, InputError for a model without one, ConflictError for an unfinished campaign.
    """
    number = campaign_number(store, named)
    campaign = _last_finished(store, named) if number is None else find_campaign(store, number)
    if campaign.is_open:
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} has not ended yet ({campaign.phase})",
            "a page is about a finished campaign", f"when it has: retuned report {campaign.id} --html FILE",
        )  # fmt: skip
    if campaign.phase != "done":
        raise ConflictError(
            f"campaign {campaign.id} of {campaign.model} {campaign.phase}: {campaign.failure}",
            "a page is about a campaign that came to its end", f"see: retuned history {campaign.model}",
        )  # fmt: skip
    return _dossier(store, campaign)


def _last_finished(store: Store, name: str) -> Campaign:
    model = find_model(store, name)
    done = [campaign for campaign in campaigns_of(store, model.id, "retune") if campaign.phase == "done"]
    if not done:
        raise InputError(f"{name} has no finished re-evaluation", "", f"run: retuned retune {name}")
    return done[-1]


def _dossier(store: Store, campaign: Campaign) -> Dossier:
    model = find_model(store, campaign.model)
    file = file_of_version(store, model.id, campaign.model_version)
    space, facts, versions = file.space(), campaign.facts, settings_of(store, model)
    results = results_of(store, campaign.id)
    plan = TestPlan.from_json(facts["test_plan"]) if "test_plan" in facts else None
    path = EvidencePath()
    if plan is not None and campaign.verdict is not None:
        path = evidence_path(plan, campaign.verdict, results)
    named = facts.get("challenger")
    return Dossier(
        state=store.state,
        campaign=campaign,
        model=model,
        file=file,
        space=space,
        settings=next(one for one in versions if one.version == campaign.settings_version),
        incumbent=configuration_of_version(store, model.id, campaign.settings_version, space),
        challenger=None if named is None else space.validate(named, strict=False),
        recommended=facts.get("recommended") is not None,
        adopted=next((one for one in reversed(versions) if one.campaign_id == campaign.id), None),
        results=results,
        contract=Contract.from_json(facts["contract"]),
        plan=plan,
        path=path,
    )

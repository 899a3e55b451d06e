"""The verbs that read about one model or campaign; lists: listing_verbs.py, all others: verbs.py."""

import os
from dataclasses import replace

from ...strategies.records import Purpose
from ..state.campaign_numbers import campaign_number
from ..state.campaigns.campaigns import Campaign, find_campaign, open_campaigns
from ..state.campaigns.legs import results_of
from ..state.models.registry import Model, file_of_version, find_model, settings_of
from ..upkeep.doctor_findings import Finding
from .listing_verbs import ListingVerbs
from .model_verb import ModelVerb
from .record_verbs import RecordVerbs
from .views import Ended, PageView, PlanView, Replicates


class ReadingVerbs(RecordVerbs, ListingVerbs, ModelVerb):
    """One method for each verb that reads what is recorded."""

    def plan(self, name: str) -> PlanView:
        """What a re-evaluation would do, cost and be able to detect."""
        from ..campaign.plan import plan_of

        plan = plan_of(self.store, find_model(self.store, name), self.config, self.clock.now())
        return PlanView(plan.sentences, plan.to_json())

    def report(self, named: str) -> PageView:
        """The page about a campaign, by its number or its model's name."""
        from ..reports.campaign_record import record_of
        from ..reports.page import page_of, render_page

        record = self.redact(record_of(self.store, named))
        return PageView(record.campaign.id, render_page(page_of(record)))

    def doctor(self) -> tuple[Finding, ...]:
        """What is found when everything that the service needs is checked now."""
        from ..upkeep.doctor import examine

        return examine(self.config, os.environ, self.clock)

    def open_of(self, named: str) -> tuple[Campaign, ...]:
        """The campaign of that number, or the open ones of the model of that name, baseline first."""
        number = campaign_number(self.store, named)
        if number is not None:
            return (find_campaign(self.store, number),)
        return open_campaigns(self.store, find_model(self.store, named).id)

    def ended(self, campaign: int) -> Ended:
        """How a campaign ended."""
        ended = find_campaign(self.store, campaign)
        model = self._model_of(ended)
        values = {version.version: version.configuration for version in settings_of(self.store, model)}
        return Ended(model, ended, values[ended.settings_version], self._replicates(ended))

    def _model_of(self, campaign: Campaign) -> Model:
        """The campaign's model with the file that it was run with: an older one may have measured otherwise."""
        model = find_model(self.store, campaign.model)
        return replace(model, file=file_of_version(self.store, model.id, campaign.model_version))

    def _replicates(self, campaign: Campaign) -> Replicates:
        results = results_of(self.store, campaign.id)
        runs = [result for result in results if result.request.purpose is Purpose.REPLICATE]
        failed = [run for run in runs if run.score is None]
        why = f"{failed[0].end.value.replace('_', ' ')}: {failed[0].detail}" if failed else ""
        return Replicates(tuple(run.score for run in runs if run.score is not None), len(runs), why)

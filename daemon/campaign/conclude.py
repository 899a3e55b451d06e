"""The end of a campaign: verdict, drift record, alert and message, in one transaction."""

from ...strategies.records import Configuration, Outcome
from ...strategies.verdict.notice import Subject, write_notice
from ...strategies.verdict.verdict_records import Verdict
from ..config.settings_file import plain
from ..state.alert import raise_alert
from .causes import find_causes
from .context import Job, costs_of
from .prepare import Facts


def record(job: Job, verdict: Verdict, challenger: Configuration) -> None:
    """The verdict, its drift record and its alert, committed together once the causes are known."""
    recommended = challenger if verdict.challenger_confirmed else None
    reasons = find_causes(job, verdict, challenger)
    why = tuple(reasons[name]["sentence"] for name in ("causes", "cost_drift") if name in reasons)
    costs = costs_of(job)
    facts = {**costs, **reasons, "recommended": None if recommended is None else plain(recommended)}
    subject = Subject(
        model=job.model.name,
        owner=job.file.owner,
        campaign_id=job.campaign.id,
        metric=job.file.goal.metric,
        lower_is_better=job.file.objective().lower_is_better,
        settings_version=job.campaign.settings_version,
        incumbent=job.configuration,
        recommended=recommended,
        compute_s=costs["compute_s"],
        runs=costs["runs"],
        changes=tuple(job.campaign.facts["changes"]),
        why=tuple(sentence for sentence in why if sentence),
    )
    notice = write_notice(subject, verdict)
    now = job.clock.now()
    with job.store.transaction():
        campaign = job.lease.finish(verdict, facts, now)
        if notice is not None:
            raise_alert(
                job.store,
                job.model,
                campaign,
                notice,
                _details(verdict, job.configuration, recommended),
                job.config,
                now,
            )


def _details(verdict: Verdict, incumbent: Configuration, recommended: Configuration | None) -> Facts:
    return {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
        "loss_at_least": verdict.lower,
        "loss_mean": verdict.mean,
        "e_value": verdict.e_value,
        "alpha": verdict.alpha,
        "settings": plain(incumbent),
        "recommended": None if recommended is None else plain(recommended),
        "is_critical": verdict.critical or verdict.outcome is Outcome.BROKEN,
    }

"""Records as plain JSON values, for --json and other programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...strategies.drift.drift import DriftPoint
from ...strategies.drift.segments import segments
from ...strategies.records import plain
from ...strategies.verdict.verdict_records import Verdict
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.phase_records import ChosenStrategy, Ended, Prepared, Searched
from ..state.models.registry import Settings
from .model_json import looks_json

if TYPE_CHECKING:
    from ..campaign.look import Looked


def looked_json(looked: "Looked") -> dict[str, Any]:
    """What a look saw, and what follows."""
    parts = {part.part: {"is_changed": bool(part.change), "seen": part.words} for part in looked.parts}
    looks = looks_json(looked.next_look_at, looked.cool_down)
    return {"model": looked.model, "at": looked.at.isoformat(), "parts": parts, "campaign": looked.campaign,
            "follows": looked.follows, **looks}  # fmt: skip


def settings_json(settings: Settings) -> dict[str, Any]:
    """A settings version."""
    return {
        "version": settings.version,
        "settings": plain(settings.configuration),
        "origin": settings.origin,
        "campaign": settings.campaign_id,
        "created_at": settings.created_at.isoformat(),
    }


def campaign_json(campaign: Campaign, sign: float) -> dict[str, Any]:
    """A campaign with its verdict; `sign` turns its scores into its metric, improvements are positive."""
    verdict, facts = campaign.verdict, campaign.facts
    moments = {"created_at": campaign.created_at, "started_at": campaign.started_at, "ended_at": campaign.ended_at}
    return {
        "id": campaign.id,
        "model": campaign.model,
        "kind": campaign.kind,
        "trigger": campaign.trigger,
        "state": campaign.phase,
        "seed": campaign.seed,
        "settings_version": campaign.settings_version,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
        "verdict": None if verdict is None else verdict_json(verdict, sign),
        "failure": campaign.failure,
        **_search_json(facts.searched, facts.prepared),
        **_chosen_json(facts.chosen),
        **_ended_json(facts.ended),
        "breaches": [] if facts.contract is None else [breach.value for breach in facts.contract.all_breaches],
        "more_pairs": 0 if facts.continued is None else facts.continued.more_pairs,
        "earlier_verdicts": []
        if facts.continued is None
        else [earlier.outcome.value for earlier in facts.continued.earlier_verdicts],
    }


def _chosen_json(chosen: ChosenStrategy | None) -> dict[str, Any]:
    return {
        "strategy": None if chosen is None else chosen.strategy.value,
        "choice": None if chosen is None else chosen.choice,
    }


def _search_json(searched: Searched | None, prepared: Prepared | None) -> dict[str, Any]:
    challenger = None if searched is None else searched.challenger
    return {
        "challenger": None if challenger is None else plain(challenger),
        "changes": [] if prepared is None else list(prepared.changes),
        "notes": [] if prepared is None else list(prepared.notes),
        "suspicions": [] if prepared is None else list(prepared.suspicions),
    }


def _ended_json(ended: Ended | None) -> dict[str, Any]:
    fields = {} if ended is None else ended.to_json()
    named = {name: fields.get(name) for name in ("recommended", "causes", "cost_drift", "compute_s", "runs")}
    return {**named, **({"nodes": fields["nodes"]} if fields.get("nodes") else {})}


def verdict_json(verdict: Verdict, sign: float) -> dict[str, Any]:
    """The numbers of a verdict; `sign` turns a score into the metric."""
    return {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
        "sentence": verdict.sentence,
        "covered": verdict.covered,
        "lower": verdict.lower,
        "upper": verdict.upper,
        "mean": verdict.mean,
        "sd": verdict.sd,
        "e_value": verdict.e_value,
        "divergence_e": verdict.divergence_e,
        "alpha": verdict.alpha,
        "delta": verdict.delta,
        "pairs": verdict.n_pairs,
        "pairs_needed": verdict.pairs_needed,
        "incumbent_mean": _metric(verdict.incumbent_mean, sign),
        "challenger_mean": _metric(verdict.challenger_mean, sign),
        "incumbent_failed": verdict.incumbent_failed,
        "incumbent_runs": verdict.incumbent_runs,
        "is_critical": verdict.critical,
        "watch": verdict.watch,
    }


def drift_json(points: Sequence[DriftPoint]) -> list[dict[str, Any]]:
    """The drift record; `segment` counts the stretches whose scores may be compared, `break` says what ended the last
    one before this point (segments.py)."""
    return [
        _point_json(point)
        | {"segment": number, "segment_label": segment.label, "break": (segment.why or None) if at == 0 else None}
        for number, segment in enumerate(segments(points), start=1)
        for at, point in enumerate(segment.points)
    ]


def _point_json(point: DriftPoint) -> dict[str, Any]:
    """A point of the drift record; scores are in their metric's own direction, improvements are positive."""
    return {
        "campaign": point.campaign_id,
        "kind": point.kind,
        "at": point.at.isoformat(),
        "trigger": point.trigger,
        "settings_version": point.settings_version,
        "outcome": None if point.outcome is None else point.outcome.value,
        "label": point.label,
        "reason": point.reason,
        "metric": point.metric,
        "incumbent": None if point.incumbent is None else point.sign * point.incumbent,
        "challenger": None if point.challenger is None else point.sign * point.challenger,
        "mean": point.mean,
        "lower": point.lower,
        "upper": point.upper,
        "e_value": point.e_value,
        "pairs": point.n_pairs,
        "compute_s": point.compute_s,
        "runs": point.runs,
        "data": point.data,
        "data_source": point.source or None,
        "code": point.code,
        "budget": point.budget,
        "environment": point.environment,
        "changes": list(point.changes),
        "cause": point.cause,
    }


def _metric(score: float | None, sign: float) -> float | None:
    return None if score is None else sign * score

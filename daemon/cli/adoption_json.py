"""Adoptions as plain JSON values, for --json and other programs."""

from typing import Any

from ...strategies.adoption.gain import arrival_of
from ..state.models.adoption_log import Adoption
from ..state.models.auto_adoptions import AutoAdoption


def adoption_json(adoption: Adoption | None, decision: AutoAdoption | None, account: str) -> dict[str, Any]:
    """How the current settings were adopted, the last decision about adopting without a person, the running account."""
    return {
        "adoption": None if adoption is None else made_json(adoption),
        "auto_adoption": None if decision is None else decided_json(decision),
        "account": account or None,
    }


def made_json(adoption: Adoption) -> dict[str, Any]:
    """An adoption; gains are positive where the new settings are better."""
    gain, promise = adoption.gain, adoption.promise
    return {
        "settings_version": adoption.settings_version,
        "kind": adoption.kind.value,
        "from_version": adoption.from_version,
        "campaign": adoption.campaign_id,
        "by": adoption.by,
        "why": adoption.why,
        "at": adoption.adopted_at.isoformat(),
        "metric": adoption.metric,
        "promise": None if promise is None else promise.to_json(),
        "hook": adoption.hook_state,
        "hook_starts": adoption.hook_starts,
        "hook_detail": adoption.hook_detail,
        "gain": None if gain is None else gain.to_json(),
        "arrival": None if gain is None else arrival_of(promise, gain).value,
        "measured_in": adoption.measured_in,
    }


def decided_json(decision: AutoAdoption) -> dict[str, Any]:
    """A decision about adopting a campaign's values without a person."""
    return {
        "campaign": decision.campaign_id,
        "state": decision.state,
        "reason": decision.reason,
        "at": decision.decided_at.isoformat(),
    }

"""An adoption as JSON: what a hook reads on standard input, and what receivers are told."""

from typing import Any

from ...strategies.records import plain
from ..state.models.adoption_log import Adoption
from ..state.models.registry import Model, settings_of
from ..state.store import Store


def change_of(store: Store, model: Model, adoption: Adoption) -> dict[str, Any]:
    """The change that an adoption made, as JSON values; figures in score units (higher is better)."""
    versions = {version.version: plain(version.configuration) for version in settings_of(store, model)}
    file = model.file.settings_file
    return {
        "model": model.name,
        "owner": model.file.owner,
        "kind": adoption.kind.value,
        "by": adoption.by,
        "why": adoption.why,
        "at": adoption.adopted_at.isoformat(),
        "campaign": adoption.campaign_id,
        "from_version": adoption.from_version,
        "settings_version": adoption.settings_version,
        "before": versions.get(adoption.from_version, {}),
        "after": versions.get(adoption.settings_version, {}),
        "settings_file": None if file is None else str(file),
        "metric": adoption.metric,
        "direction": "minimize" if adoption.lower_is_better else "maximize",
        "evidence": None if adoption.promise is None else adoption.promise.to_json(),
        "start": adoption.hook_starts,
    }

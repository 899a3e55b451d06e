"""The first phase of a campaign: fresh data, fingerprints, what changed, and how the legs are to be trained."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...strategies.errors import CampaignFailed, InputError
from ...strategies.records import Configuration
from ..config.config import Config
from ..config.model_file import ModelFile
from ..config.settings_file import plain, read_settings
from ..state.campaigns import Campaign
from ..state.registry import Model
from ..training.column_profile import check_data
from ..training.fingerprints import (
    CodeFingerprint,
    DataFingerprint,
    EnvironmentFingerprint,
    code_fingerprint,
    data_fingerprint,
    describe_change,
    environment_fingerprint,
)
from ..training.leg_order import TrainingOrder
from ..training.snapshot import run_fingerprint, run_prepare, sources, take

Facts = Mapping[str, Any]


def gather_facts(model: Model, file: ModelFile, configuration: Configuration, baseline: Campaign | None, state: Path,
                 environ: Mapping[str, str]) -> Facts:  # fmt: skip
    """Take the snapshot and the fingerprints and say what differs from the baseline of the settings in force.

    Raises CampaignFailed when data or interpreter cannot be had.
    """
    facts = _data_facts(model.name, file, state, environ)
    facts |= _range_facts(file, facts, None if baseline is None else baseline.facts)
    facts["code"] = code_fingerprint(file.code_files(), file.training.workdir).to_json()
    facts["environment"] = environment_fingerprint(file.training.interpreter, file.triggers.packages).to_json()
    facts["told"] = data_told(file, environ)
    facts["notes"] = _notes(model, configuration)
    facts["changes"] = [] if baseline is None else list(changes_since(baseline.facts, facts))
    return facts


def data_told(file: ModelFile, environ: Mapping[str, str]) -> str | None:
    """What the owner's fingerprint command says of the data; None without one, and where it fails: a look at the
    data is no reason not to train."""
    if file.triggers.fingerprint is None:
        return None
    try:
        return run_fingerprint(file.triggers.fingerprint, file.training.workdir, file.training.environment(environ))
    except CampaignFailed:
        return None


def changes_since(before: Facts, now: Facts) -> tuple[str, ...]:
    """What differs between two campaigns' facts, a clause each; empty when nothing does."""
    changes = []
    if before.get("data") and now.get("data"):
        old, new = DataFingerprint.from_json(before["data"]), DataFingerprint.from_json(now["data"])
        if old.key() != new.key():
            rows = f" ({old.rows} -> {new.rows} lines)" if old.rows != new.rows else ""
            changes.append(f"the data changed{rows}")
    if CodeFingerprint.from_json(before["code"]).key() != CodeFingerprint.from_json(now["code"]).key():
        changes.append("the training code changed")
    described = describe_change(
        EnvironmentFingerprint.from_json(before["environment"]), EnvironmentFingerprint.from_json(now["environment"])
    )
    return (*changes, described) if described else tuple(changes)


def training_order(file: ModelFile, data: str, slots: int, ways: int) -> TrainingOrder:
    """How this campaign's workers train the model; parallel trainings share the cores. `ways`: as many groups of
    trials are made, whatever runs at once at the moment."""
    training, cores = file.training, len(os.sched_getaffinity(0))
    return TrainingOrder(
        kind="command" if training.command is not None else "recipe",
        argv=training.command,
        recipe=training.recipe,
        python=str(training.interpreter),
        workdir=str(training.workdir),
        data=data,
        unit=training.budget.unit.value,
        evaluate_every=training.evaluate_every,
        timeout_s=training.timeout_s,
        threads=training.threads if training.threads is not None else max(1, cores // slots),
        groups=ways if training.may_fuse else 0,
        precision=training.precision,
    )


def slots_of(file: ModelFile, config: Config, environment: EnvironmentFingerprint | None) -> int:
    """How many trials of this model run at once: as many as allowed, and as fit into memory and on the GPUs.

    `environment` None: the machine was not looked at yet. Raises CampaignFailed when not even one fits.
    """
    slots, needs = min(file.training.slots, config.workers.slots), file.training.resources
    if environment is None:
        return slots
    by_memory = environment.memory_bytes // needs.memory_bytes if needs.memory_bytes else slots
    by_gpus = len(environment.gpus) // needs.gpus if needs.gpus else slots
    if min(by_memory, by_gpus) == 0:
        has = f"this machine has {environment.memory_bytes / 2**30:.1f} GiB and {len(environment.gpus)} GPUs"
        raise CampaignFailed("one training needs more than there is", has, "correct [training] resources")
    return min(slots, by_memory, by_gpus)


def _data_facts(name: str, file: ModelFile, state: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    if file.data is None:
        return {"data": None, "snapshot": ""}
    data, training = file.data, file.training
    if data.prepare is not None:
        run_prepare(data.prepare, training.workdir, training.environment(environ), data.prepare_timeout_s)
    fingerprint = data_fingerprint(sources(data))
    return {"data": fingerprint.to_json(), "snapshot": str(take(data, name, state / "snapshots", fingerprint))}


def _range_facts(file: ModelFile, facts: Facts, before: Facts | None) -> Facts:
    """What is usual in the data, and which values look like glitches; the same data is read and judged once."""
    if file.data is None or facts["data"] is None:
        return {"profile": None, "suspicions": []}
    known = None if before is None else before.get("profile")
    is_same = before is not None and before["data"] == facts["data"] and known is not None
    if is_same and before is not None:
        profile, suspicions = known, before["suspicions"]
    else:
        profile, suspicions = check_data(Path(facts["snapshot"]), known)
    return {"profile": profile, "suspicions": [] if file.data.accept_outliers else list(suspicions)}


def _notes(model: Model, configuration: Configuration) -> list[str]:
    """What the owner should know about the settings before they are judged."""
    notes = [f"a stored value lies outside the search space: {one}" for one in model.space.outside(configuration)]
    try:
        written = read_settings(model.file) or {}
    except InputError as error:
        return [*notes, str(error)]
    edited = [name for name, value in plain(configuration).items() if name in written and written[name] != value]
    if edited:
        notes.append(
            f"the settings file was edited by hand ({', '.join(edited)}); to take that up: "
            f"retuned adopt {model.name} --from-file"
        )
    return notes

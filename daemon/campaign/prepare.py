"""The first phase of a campaign: fresh data, fingerprints, what changed, and how the legs are trained."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ...strategies.drift.fingerprints import (
    DataFingerprint,
    EnvironmentFingerprint,
    describe_change,
    is_same_code,
)
from ...strategies.drift.outliers import DataRanges
from ...strategies.errors import CampaignFailed, InputError
from ...strategies.records import Configuration, plain
from ..config.config import Config
from ..config.config_template import ConfigTemplate, read_template
from ..config.model_file import ModelFile
from ..config.settings_file import read_settings
from ..masking import mask_of, masked
from ..state.campaigns.phase_records import Prepared
from ..state.models.registry import Model
from ..training.column_profile import check_data
from ..training.fingerprints import data_fingerprint
from ..training.interpreter import environment_of, interpreter_notes
from ..training.leg_order import MetricSource, TrainingOrder
from ..training.snapshot import run_fingerprint, run_prepare, sources, take
from ..training.training_code import read_code
from .forecast import slots_that_fit


def prepare(model: Model, file: ModelFile, configuration: Configuration, before: Prepared | None, config: Config,
            environ: Mapping[str, str], show_progress: Callable[[], None] = lambda: None) -> Prepared:  # fmt: skip
    """Take the snapshot and the fingerprints and say what differs from the baseline of the current settings.

    `before` is that baseline's own record; None without one. `show_progress` is called again and again meanwhile.
    Raises CampaignFailed when data or interpreter are not available.
    """
    data, snapshot = _take_data(model.name, file, config.state, environ, show_progress)
    ranges, suspicions = _ranges(file, data, snapshot, before, show_progress)
    prepared = Prepared(
        data=data,
        snapshot=snapshot,
        ranges=ranges,
        suspicions=suspicions,
        code=read_code(file, show_progress),
        environment=environment_of(file.training, environ, file.triggers.packages, config.workers),
        told=reported_fingerprint(file, environ),
        notes=_notes(model, configuration),
    )
    prepared = replace(prepared, notes=(*prepared.notes, *interpreter_notes(file.training, environ)))
    return prepared if before is None else replace(prepared, changes=changes_since(before, prepared))


def reported_fingerprint(file: ModelFile, environ: Mapping[str, str]) -> str | None:
    """The output of the owner's fingerprint command; None without one, and if it fails: a failed check of the data is
    no reason not to train."""
    if file.triggers.fingerprint is None:
        return None
    try:
        training, mask = file.training, mask_of(environ, file.training.pass_env)
        return run_fingerprint(file.triggers.fingerprint, training.workdir, training.environment(environ), mask=mask)
    except CampaignFailed:
        return None


def changes_since(before: Prepared, now: Prepared) -> tuple[str, ...]:
    """What differs between two campaigns, in clauses; empty when nothing does."""
    changes, old, new = [], before.data, now.data
    if old is not None and new is not None and old.key() != new.key():
        rows = f" ({old.rows} -> {new.rows} lines)" if old.rows != new.rows else ""
        changes.append(f"the data changed{rows}")
    if not is_same_code(before.code, now.code):
        changes.append("the training code changed")
    described = describe_change(before.environment, now.environment)
    return (*changes, described) if described else tuple(changes)


def training_order(file: ModelFile, data: str, slots: int, groups: int, cores: float | None = None) -> TrainingOrder:
    """How this campaign's workers train the model; parallel training runs share the cores.

    `groups`: how many groups trials are divided into, however many run at once at the moment. `cores`: of one run, on a
    cluster. Raises CampaignFailed where its configuration file cannot be used.
    """
    training, source = file.training, file.goal.source
    share = len(os.sched_getaffinity(0)) // slots if cores is None else int(cores)
    return TrainingOrder(
        kind="command" if training.command is not None else "recipe",
        argv=training.argv,
        recipe=training.recipe,
        python=str(training.interpreter),
        workdir=str(training.workdir),
        data=data,
        unit=training.budget.unit.value,
        evaluate_every=training.evaluate_every,
        timeout_s=training.timeout_s,
        threads=training.threads if training.threads is not None else max(1, share),
        groups=groups if training.may_fuse else 0,
        precision=training.precision,
        pass_env=training.pass_env,
        source=None if source is None else MetricSource(*source),
        template=_template(file),
        checkpoint_bytes=training.checkpoint_limit_bytes,
    )


def _template(file: ModelFile) -> ConfigTemplate | None:
    if file.training.template is None:
        return None
    try:
        return read_template(file.training.template, file.places, file.training.values)
    except InputError as error:
        raise CampaignFailed(error.found, error.allowed, error.remedy) from None


def slots_of(file: ModelFile, config: Config, environment: EnvironmentFingerprint) -> int:
    """How many trainings of this model run at once. Raises CampaignFailed when not even one fits on this machine.

    On a cluster: how many may; nodes come and go, and what does not fit waits there.
    """
    if config.workers.is_cluster:
        return min(file.training.slots, config.workers.slots)
    slots = slots_that_fit(file, config, environment.memory_bytes, len(environment.gpus))
    if slots == 0:
        has = f"this machine has {environment.memory_bytes / 2**30:.1f} GiB and {len(environment.gpus)} GPUs"
        raise CampaignFailed("one training run needs more than there is", has, "correct [training] resources")
    return slots


def _take_data(
    name: str, file: ModelFile, state: Path, environ: Mapping[str, str], show_progress: Callable[[], None]
) -> tuple[DataFingerprint | None, str]:
    """The fingerprint of fresh data, and the path of its snapshot; None and an empty path without data."""
    if file.data is None:
        return None, ""
    data, training = file.data, file.training
    if data.prepare is not None:
        mask, environment = mask_of(environ, training.pass_env), training.environment(environ)
        run_prepare(data.prepare, training.workdir, environment, data.prepare_timeout_s, mask, show_progress)
    fingerprint = data_fingerprint(sources(data), show_progress)
    return fingerprint, str(take(data, name, state / "snapshots", fingerprint, show_progress=show_progress))


def _ranges(
    file: ModelFile,
    data: DataFingerprint | None,
    snapshot: str,
    before: Prepared | None,
    show_progress: Callable[[], None],
) -> tuple[DataRanges | None, tuple[str, ...]]:
    """The usual ranges of the data, and values that look like glitches; unchanged data is not read again."""
    if file.data is None or data is None:
        return None, ()
    usual = None if before is None else before.ranges
    if before is not None and usual is not None and before.data == data:
        ranges, suspicions = usual, before.suspicions
    else:
        ranges, suspicions = check_data(Path(snapshot), usual, show_progress=show_progress)
    return ranges, () if file.data.accept_outliers else tuple(map(masked, suspicions))


def _notes(model: Model, configuration: Configuration) -> tuple[str, ...]:
    """Notes for the owner about the settings that are re-evaluated."""
    notes = [f"a stored value lies outside the search space: {value}" for value in model.space.outside(configuration)]
    try:
        written = read_settings(model.file) or {}
    except InputError as error:
        return (*notes, str(error))
    edited = [name for name, value in plain(configuration).items() if name in written and written[name] != value]
    if edited:
        notes.append(
            f"the settings file was edited by a person ({', '.join(edited)}); to adopt the edit: "
            f"retuned adopt {model.name} --from-file"
        )
    return tuple(notes)

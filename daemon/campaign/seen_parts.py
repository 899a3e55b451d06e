"""What of a model's data, code and environment changed since its last campaign saw them, each part in words.

Each is compared with what that campaign recorded, so that slow growth adds up. What is seen is recorded too, so that
unchanged files are not read again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ...strategies.drift.fingerprints import (
    CodeFingerprint,
    DataFingerprint,
    EnvironmentFingerprint,
    comparable_code,
    compared_parts,
)
from ...strategies.errors import CampaignFailed, ClusterAway, NoNodeNow
from ...strategies.schedule import triggers
from ...strategies.schedule.triggers import CodeState, DataState
from ..config.model_file import ModelFile
from ..config.workers_table import WorkersTable
from ..masking import Mask, mask_of
from ..state.campaigns.phase_records import Prepared
from ..state.faults import note_fault
from ..state.models.change_checks import last_check, record_check
from ..state.models.registry import Model
from ..state.store import Store
from ..training.environment_reading import read_gpus
from ..training.fingerprints import data_fingerprint, files_below
from ..training.interpreter import environment_of, find_interpreter
from ..training.snapshot import as_told, run_fingerprint, sources
from ..training.training_code import read_code

PARTS = ("data", "code", "environment")
UNCHANGED = "unchanged"
FIRST_SEEN = "seen for the first time: no campaign to compare with has ended"


class Unsettled(Exception):
    """The data changed while it was read: it is checked again soon."""


@dataclass(frozen=True, slots=True)
class SeenPart:
    """A part as it was found: `change` in words, empty where nothing changed that counts; `words` for people."""

    part: str
    change: str
    words: str


@dataclass(slots=True)
class SharedReads:
    """What one pass reads once for all models that share it."""

    environ: Mapping[str, str]
    workers: WorkersTable | None = None
    environments: dict[tuple[str, bool, tuple[str, ...], str], EnvironmentFingerprint] = field(default_factory=dict)

    def environment(self, file: ModelFile) -> EnvironmentFingerprint:
        """The environment of the model's own interpreter; raises CampaignFailed when it is not certain."""
        python = find_interpreter(file.training, self.environ)
        resources = file.training.resources.model_dump_json()  # they say which nodes of a cluster it may come to
        wanted = (str(python), file.training.argv is None, file.triggers.packages, resources)
        if wanted not in self.environments:
            self.environments[wanted] = self._read(file)
        return self.environments[wanted]

    def _read(self, file: ModelFile) -> EnvironmentFingerprint:
        is_here = self.workers is None or not self.workers.is_cluster
        if is_here and read_gpus() is None:
            raise CampaignFailed("nvidia-smi fails, so the GPUs are unknown", remedy="run nvidia-smi to see why")
        try:
            return environment_of(file.training, self.environ, file.triggers.packages, self.workers, adds_node=False)
        except ClusterAway as error:
            raise CampaignFailed(error.found, error.allowed, error.remedy) from None


def see(store: Store, model: Model, part: str, before: Prepared | None, shared: SharedReads, now: datetime) -> SeenPart:
    """Look at a part, record what is seen and compare it with what the last campaign saw.

    Raises Unsettled, and CampaignFailed or OSError for what cannot be read; that is recorded by `note_failure`.
    """
    unwatched = _unwatched(model.file, part)
    return SeenPart(part, "", unwatched) if unwatched else _LOOKS[part](store, model, before, shared, now)


def note_failure(store: Store, model: Model, part: str, error: Exception, now: datetime) -> SeenPart:
    """Record that a part could not be looked at; it is reported as a fault once, and counts as no change."""
    _note(store, model, part, now, error=str(error))
    return SeenPart(part, "", f"cannot be looked at: {error}")


def _unwatched(file: ModelFile, part: str) -> str:
    """Why a part is not watched; empty where it is."""
    table = file.triggers
    is_on = {"data": table.data != triggers.OFF, "code": table.code, "environment": table.environment}[part]
    if not is_on:
        return "not watched: switched off under [triggers]"
    has_data = file.data is not None or table.fingerprint is not None
    return "" if part != "data" or has_data else "not watched: the model file names no data"


def _data(store: Store, model: Model, before: Prepared | None, shared: SharedReads, now: datetime) -> SeenPart:
    present = _told_data(store, model, shared, now) or _read_data(store, model, now)
    if before is None:
        return SeenPart("data", "", FIRST_SEEN)
    mask = None if present.reported is None else mask_of(shared.environ, model.file.training.pass_env)
    seen = _data_before(before, mask)
    if seen is None:
        return SeenPart("data", "", FIRST_SEEN)
    rule = model.file.triggers.data
    change = triggers.data_change(seen, present, rule)
    return SeenPart("data", change, change or triggers.data_as_before(seen, present, rule))


def _told_data(store: Store, model: Model, shared: SharedReads, now: datetime) -> DataState | None:
    """What the owner's fingerprint command says; None without one."""
    file = model.file
    if file.triggers.fingerprint is None:
        return None
    training, mask = file.training, mask_of(shared.environ, file.training.pass_env)
    output = run_fingerprint(
        file.triggers.fingerprint, training.workdir, training.environment(shared.environ), mask=mask
    )
    _note(store, model, "data", now, fingerprint=json.dumps(output))
    return DataState(reported=output)


def _read_data(store: Store, model: Model, now: datetime) -> DataState:
    """The data of the files, which are read only where their names, sizes or times are others than at the last look."""
    file = model.file
    assert file.data is not None
    signature = _signature(file)
    last = last_check(store, model.id, "data")
    if last is not None and last.signature == signature and last.fingerprint:
        data = DataFingerprint.from_json(last.fingerprint)
    else:
        data = data_fingerprint(sources(file.data))
        if _signature(file) != signature:
            raise Unsettled
    _note(store, model, "data", now, signature=signature, fingerprint=data.to_json())
    return _data_state(data)


def _data_before(before: Prepared, mask: Mask | None) -> DataState | None:
    """What the campaign saw of the data in the same way, by the owner's command where there is a `mask` for what it
    says; None where it did not look so."""
    if mask is not None:  # earlier versions recorded it as it was
        return None if before.told is None else DataState(reported=as_told(before.told, mask))
    return None if before.data is None else _data_state(before.data)


def _code(store: Store, model: Model, before: Prepared | None, shared: SharedReads, now: datetime) -> SeenPart:
    code = read_code(model.file)
    _note(store, model, "code", now, fingerprint=code.to_json())
    if before is None:
        return SeenPart("code", "", FIRST_SEEN)
    then, today = comparable_code(before.code, code)
    change = triggers.code_change(_code_state(then), _code_state(today))
    return SeenPart("code", change, change or UNCHANGED)


def _environment(store: Store, model: Model, before: Prepared | None, shared: SharedReads, now: datetime) -> SeenPart:
    try:
        present = shared.environment(model.file)
    except NoNodeNow as error:
        return SeenPart("environment", "", f"not looked at: {error.found}")
    _note(store, model, "environment", now, fingerprint=present.to_json())
    if before is None:
        return SeenPart("environment", "", FIRST_SEEN)
    seen = before.environment
    parts = compared_parts(seen, present)
    change = triggers.environment_change(*parts, seen.gpus, present.gpus, model.file.triggers.packages)
    return SeenPart("environment", change, change or UNCHANGED)


_LOOKS = {"data": _data, "code": _code, "environment": _environment}


def _data_state(data: DataFingerprint) -> DataState:
    return DataState(data.rows, data.bytes, data.content)


def _code_state(code: CodeFingerprint) -> CodeState:
    return CodeState(code.hashes(), code.commit)


def _signature(file: ModelFile) -> str:
    """A hash of the names, sizes and times of the data's files: while it is the same, nothing is read."""
    assert file.data is not None
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for source in sources(file.data) for path in files_below(source)):
        status = path.stat()
        digest.update(
            f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


def _note(
    store: Store,
    model: Model,
    part: str,
    now: datetime,
    *,
    signature: str | None = None,
    fingerprint: str | None = None,
    error: str | None = None,
) -> None:
    """Record what was seen; an error keeps what was seen before, and is reported as a fault once."""
    last = last_check(store, model.id, part)
    record_check(store, model.id, part, now, signature=signature, fingerprint=fingerprint, error=error)
    if error is not None and (last is None or last.error != error):
        note_fault(store, "looks", f"{model.name}: {part}: {error}", now, model_id=model.id)

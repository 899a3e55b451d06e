"""Checks of what the models need: their files, interpreters and settings, and the machine."""

import glob
import os
from collections.abc import Iterator
from itertools import islice

from ...strategies.errors import RetunedError
from ...strategies.splits.partition import Sizes
from ...strategies.words import counted
from ..config.model_paths import check_paths
from ..state.campaigns.campaigns import finished_baseline
from ..state.models.models import names_in_use
from ..state.models.registry import Model, find_model
from ..state.store import Store
from ..training.machine import machine_of
from ..training.splits.check import check_split
from ..training.splits.cut import SMALL_SLICE, larger_slices, slices_in_words
from ..training.training_code import all_code
from .doctor_findings import Case, Finding

MODELS_CHECKED = 200
REPORTED = 5
CUT_WHOLE_BYTES = 1 << 20  # data up to this size are looked through as a whole, of others the first rows


def sample_of(store: Store) -> tuple[tuple[Model, ...], int, tuple[Finding, ...]]:
    """A sample of the models that are not retired; how many there are; and findings about those that cannot be read."""
    names = names_in_use(store)
    step = max(1, -(-len(names) // MODELS_CHECKED))
    models, broken = [], []
    for name in names[::step]:
        try:
            models.append(find_model(store, name))
        except Exception as error:  # a damaged row must not hide the other models
            why = f"{name} cannot be read from the registry: {_line(error)}"
            broken.append(Finding("models", "error", why, "register its file again: retuned register FILE"))
    return tuple(models), len(names), tuple(broken)


def check_models(models: tuple[Model, ...], count: int) -> Iterator[Finding]:
    """That what model files name exists and can be read, run and written by this user."""
    wrong = [finding for model in models for finding in _check_model(model)]
    yield from wrong[:REPORTED]
    if len(wrong) > REPORTED:
        yield Finding(
            "models", "error", f"and {counted(len(wrong) - REPORTED, 'more trouble')} with models", "fix the ones above"
        )
    if not wrong:
        some = len(models) < count
        sample = f"{len(models)} of {count} models, evenly chosen" if some else counted(count, "model")
        sentence = f"{sample}: programs, data and settings exist" if count else "none is registered"
        yield Finding("models", "ok", sentence, "" if count else "retuned register FILE")


def check_slices(store: Store, models: tuple[Model, ...]) -> Iterator[Finding]:
    """That the data which retuned cuts can still be cut, by its first rows where it is large; and how large the slices
    were at the baselines."""
    cut = tuple(model for model in models if model.file.split is not None)
    wrong = [finding for model in cut for finding in _check_slices(store, model)]
    yield from wrong[:REPORTED]
    if len(wrong) > REPORTED:
        yield Finding("slices", "warning", f"and {len(wrong) - REPORTED} more models", "retuned plan NAME shows each")
    if cut and not wrong:
        said = [said for model in cut if (said := _slices_said(store, model))]
        more = f"; {said[0]}" if len(said) == 1 else ""
        yield Finding("slices", "ok", f"the data of {counted(len(cut), 'model')} with [data.split] can be cut{more}")


def check_machine(case: Case, models: tuple[Model, ...]) -> Iterator[Finding]:
    """That the machine has the cores, memory and GPUs that models need."""
    if case.config.workers.is_cluster:
        return  # the cluster is checked by itself
    machine = machine_of(case.config)
    wrong = []
    for model in models:
        needs = model.file.training.resources
        if needs.gpus > len(machine.gpus):
            has = counted(len(machine.gpus), "GPU")
            wrong.append((f"{model.name} needs {counted(needs.gpus, 'GPU')} per run, and this machine has {has}",
                          "see nvidia-smi, and gpus in [workers]"))  # fmt: skip
        if needs.memory_bytes and machine.memory_bytes is not None and needs.memory_bytes > machine.memory_bytes:
            wrong.append((f"{model.name} needs {needs.memory_bytes >> 20} MiB per run, and"
                          f" {machine.memory_bytes >> 20} MiB may be used", "see memory in [workers]"))  # fmt: skip
    for sentence, remedy in wrong[:REPORTED]:
        yield Finding("machine", "error", f"{sentence}: it will never start", remedy)
    usable = len(os.sched_getaffinity(0))
    if machine.slots > usable:
        yield Finding(
            "machine", "warning", f"{machine.slots} training runs may share {counted(usable, 'core')}",
            "set slots in [workers]",
        )  # fmt: skip
    if not wrong:
        memory = "" if machine.memory_bytes is None else f", {machine.memory_bytes >> 30} GiB of memory"
        gpus = counted(len(machine.gpus), "GPU")
        yield Finding("machine", "ok", f"training runs may use {counted(machine.slots, 'slot')}{memory}, {gpus}")


def _check_model(model: Model) -> Iterator[Finding]:
    try:
        check_paths(model.file)
    except RetunedError as error:
        yield Finding("models", "error", f"{model.name}: {error.found}", error.remedy)
        return
    except Exception as error:  # such as a path with a loop; the other models are still checked
        yield Finding("models", "error", f"{model.name}: {_line(error)}", "correct its model file")
        return
    files = (*map(str, all_code(model.file)), *_data_of(model))
    unreadable = [file for file in files if not os.access(file, os.R_OK)]
    if unreadable:
        yield Finding(
            "models", "error", f"{model.name}: {unreadable[0]} cannot be read by this user",
            "let the service's user read it: chmod, chgrp or setfacl",
        )  # fmt: skip
    settings = model.file.settings_file
    if settings is not None and not os.access(settings if settings.exists() else settings.parent, os.W_OK):
        yield Finding(
            "models", "error", f"{model.name}: its settings file {settings} cannot be written by this user",
            "let the service's user write it: chmod, chgrp or setfacl",
        )  # fmt: skip


def _check_slices(store: Store, model: Model) -> Iterator[Finding]:
    try:
        check_split(model.file, whole_bytes=CUT_WHOLE_BYTES)
    except RetunedError as error:
        yield Finding("slices", "error", f"{model.name}: {error.found}", error.remedy)
        return
    except OSError as error:
        yield Finding("slices", "error", f"{model.name}: {_line(error)}", "let the service's user read its data")
        return
    sizes = _sizes_at_baseline(store, model)
    if sizes is not None and sizes.smallest < SMALL_SLICE:
        yield Finding("slices", "warning", _slices_said(store, model), larger_slices(model.file.search.max_pairs))


def _slices_said(store: Store, model: Model) -> str:
    """How large the slices were at the baseline; empty without one."""
    sizes, split = _sizes_at_baseline(store, model), model.file.split
    return "" if sizes is None or split is None else f"{model.name}: {slices_in_words(sizes, split)}"


def _sizes_at_baseline(store: Store, model: Model) -> Sizes | None:
    baseline = finished_baseline(store, model.id, model.settings_version)
    return None if baseline is None or baseline.facts.prepared is None else baseline.facts.prepared.cut


def _data_of(model: Model) -> tuple[str, ...]:
    data = model.file.data
    if data is None:
        return ()
    if data.glob is not None:
        return tuple(islice(glob.iglob(data.glob, recursive=True), REPORTED))
    return (str(data.path),) if data.path is not None and data.path.exists() else ()


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]

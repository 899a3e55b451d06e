"""Checks of what the models need: their files, interpreters and settings, and the machine."""

import glob
import os
from collections.abc import Iterator
from itertools import islice

from ...strategies.errors import RetunedError
from ...strategies.words import counted
from ..config.model_paths import check_paths
from ..state.models.models import names_in_use
from ..state.models.registry import Model, find_model
from ..state.store import Store
from ..training.machine import machine_of
from .doctor_findings import Case, Finding

MODELS_CHECKED = 200
REPORTED = 5


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


def check_machine(case: Case, models: tuple[Model, ...]) -> Iterator[Finding]:
    """That the machine has the cores, memory and GPUs that models need."""
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
    files = (*map(str, model.file.code_files()), *_data_of(model))
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


def _data_of(model: Model) -> tuple[str, ...]:
    data = model.file.data
    if data is None:
        return ()
    if data.glob is not None:
        return tuple(islice(glob.iglob(data.glob, recursive=True), REPORTED))
    return (str(data.path),) if data.path is not None and data.path.exists() else ()


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]

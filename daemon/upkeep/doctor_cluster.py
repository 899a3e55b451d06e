"""Checks of the cluster that trainings run on: that it answers, and that its nodes see what they need."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...strategies.errors import RetunedError
from ...strategies.words import counted
from ..clock import SystemClock
from ..config.workers_table import WorkersTable
from ..state.models.registry import Model
from ..training.cluster.capacity import nodes_to_come
from ..training.cluster.engines import jobs_of
from ..training.cluster.jobs import Jobs, Node
from ..training.cluster.needs import needs_of
from ..training.cluster.probe import probe
from ..training.cluster.shared_folder import fault_of, link_fault
from .doctor_findings import Case, Finding


def check_cluster(case: Case, models: tuple[Model, ...]) -> Iterator[Finding]:
    """That the cluster answers, shares the folder with each node, and has room for the models."""
    workers = case.config.workers
    if not workers.is_cluster or workers.shared is None:
        return
    yield from _check_shared(case.config.state, workers.shared, f"docs/{workers.runner}.md")
    jobs = jobs_of(workers)
    try:
        version, nodes = jobs.version(), jobs.nodes()
        if not version.startswith(jobs.tested):
            sentence = f"{jobs.name} runs version {version}; retuned is tested with {jobs.tested}"
            yield Finding("cluster", "warning", sentence, "if jobs fail to start, look there first")
        yield from _check_nodes(jobs, nodes, workers)
    except RetunedError as error:
        yield Finding("cluster", "error", error.found, error.remedy)
        return
    has = [*(node.resources for node in nodes), *nodes_to_come(nodes, workers.autoscaler)]
    if has:
        yield from _check_needs(has, models)


def _check_shared(state: Path, shared: Path, page: str) -> Iterator[Finding]:
    fault = link_fault(state, shared) or fault_of(shared)
    if fault:
        yield Finding(
            "cluster", "error", f"the shared folder {shared}: {fault}", f"see {page}, and shared in [workers]"
        )


def _check_nodes(jobs: Jobs, nodes: tuple[Node, ...], workers: WorkersTable) -> Iterator[Finding]:
    shared, python = workers.shared, workers.python
    if shared is None or not shared.is_dir():
        return
    answers = probe(jobs, nodes, shared, python, SystemClock())
    for answer in answers:
        if answer.waited:
            yield Finding(
                "cluster", "warning", f"the node {answer.address} could not be asked: {answer.fault}",
                "look at what it runs, or ask again when it is less busy",
            )  # fmt: skip
        elif answer.fault:
            yield Finding(
                "cluster", "error", f"the node {answer.address} cannot train: {answer.fault}",
                f"it needs {shared} at the same path, and {python}: see shared and python in [workers]",
            )  # fmt: skip
    if answers and not any(answer.fault for answer in answers):
        some = "" if len(answers) == len(nodes) else f", {len(answers)} of them asked"
        yield Finding("cluster", "ok", f"{jobs.name}: {counted(len(nodes), 'node')}{some}, which share {shared}")
    if not nodes and workers.autoscaler:
        yield Finding("cluster", "ok", f"{jobs.name} has no node now, and adds one when something is trained")
    elif not nodes:
        yield Finding("cluster", "error", f"{jobs.name} has no node in order", "see: ray status, or sinfo")


def _check_needs(nodes: Sequence[Mapping[str, float]], models: tuple[Model, ...]) -> Iterator[Finding]:
    for model in models:
        needs = needs_of(model.file.training.resources)
        if not any(map(needs.fit, nodes)):
            yield Finding(
                "cluster", "warning", f"{model.name} needs more per run than any node has now, or may come to have",
                "add such a node, name it under autoscaler in [workers], or correct resources under [training]",
            )  # fmt: skip

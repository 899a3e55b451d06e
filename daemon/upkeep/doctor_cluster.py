"""Checks of the cluster that trainings run on: that it answers, and that its nodes see what they need."""

from collections.abc import Iterator
from pathlib import Path

from ...strategies.errors import RetunedError
from ...strategies.words import counted
from ..clock import SystemClock
from ..state.models.registry import Model
from ..training.cluster.needs import needs_of
from ..training.cluster.probe import probe
from ..training.cluster.ray_jobs import TESTED, Node, RayJobs, jobs_of
from ..training.cluster.shared_folder import fault_of, link_fault
from .doctor_findings import Case, Finding


def check_cluster(case: Case, models: tuple[Model, ...]) -> Iterator[Finding]:
    """That the cluster answers, shares the folder with each node, and has room for the models."""
    workers = case.config.workers
    if workers.runner != "ray" or workers.address is None or workers.shared is None:
        return
    yield from _check_shared(case.config.state, workers.shared)
    jobs = jobs_of(workers)
    try:
        version, nodes = jobs.version(), jobs.nodes()
        if version != TESTED:
            sentence = f"{workers.address} runs Ray {version}; retuned is tested with {TESTED}"
            yield Finding("cluster", "warning", sentence, "if jobs fail to start, look there first")
        yield from _check_nodes(jobs, nodes, workers.shared, workers.python)
    except RetunedError as error:
        yield Finding("cluster", "error", error.found, error.remedy)
        return
    yield from _check_needs(nodes, models)


def _check_shared(state: Path, shared: Path) -> Iterator[Finding]:
    fault = link_fault(state, shared) or fault_of(shared)
    if fault:
        yield Finding(
            "cluster", "error", f"the shared folder {shared}: {fault}", "see docs/ray.md, and shared in [workers]"
        )


def _check_nodes(jobs: RayJobs, nodes: tuple[Node, ...], shared: Path, python: str) -> Iterator[Finding]:
    if not shared.is_dir():
        return
    answers = probe(jobs, nodes, shared, python, SystemClock())
    for answer in answers:
        if answer.fault:
            yield Finding(
                "cluster", "error", f"the node {answer.address} cannot train: {answer.fault}",
                f"it needs {shared} at the same path, and {python}: see shared and python in [workers]",
            )  # fmt: skip
    if answers and not any(answer.fault for answer in answers):
        some = "" if len(answers) == len(nodes) else f", {len(answers)} of them asked"
        yield Finding("cluster", "ok", f"{jobs.address}: {counted(len(nodes), 'node')}{some}, which share {shared}")
    if not nodes:
        yield Finding("cluster", "error", f"{jobs.address} has no node", "start one: ray start --address=HEAD:6379")


def _check_needs(nodes: tuple[Node, ...], models: tuple[Model, ...]) -> Iterator[Finding]:
    for model in models:
        needs = needs_of(model.file.training.resources)
        if nodes and not any(needs.fit(node.resources) for node in nodes):
            yield Finding(
                "cluster", "warning", f"{model.name} needs more per run than any node has now",
                "add such a node, or correct resources under [training]",
            )  # fmt: skip

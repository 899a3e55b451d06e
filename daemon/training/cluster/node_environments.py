"""The environment that trainings have on a cluster: read on its nodes, and taken together as one fingerprint."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ....strategies.drift.fingerprints import UNKNOWN, EnvironmentFingerprint
from ....strategies.errors import CampaignFailed, ClusterAway, NoNodeNow
from ...clock import Clock
from ...config.workers_table import WorkersTable
from ..fingerprints import fingerprint_from
from .asked_nodes import MOST_NODES, NEW_NODE_S, Answer, ask
from .engines import jobs_of
from .jobs import Node
from .needs import Needs

BETWEEN = " + "  # what differs from node to node
_OF_ONE_NODE = ("node:", "object_store_memory")


def environment_on_nodes(
    workers: WorkersTable, needs: Needs, python: str | None, packages: Sequence[str], clock: Clock, *, adds_node: bool
) -> EnvironmentFingerprint:
    """What the nodes say that a training with these needs may come to. `python`: the model's interpreter there; None:
    not known, then only the hardware counts. `adds_node`: where there is none yet, the autoscaler adds one for it.

    Raises ClusterAway, NoNodeNow, and CampaignFailed where there is no such node, or one cannot say.
    """
    assert workers.shared is not None
    jobs = jobs_of(workers)
    nodes = sorted((node for node in jobs.nodes() if needs.fit(node.resources)), key=lambda node: node.address)
    may_come = any(needs.fit(kind.resources) for kind in workers.autoscaler)
    if not nodes and may_come and not adds_node:
        raise NoNodeNow(f"{jobs.name} has no node for it now, and adds one when something is trained")
    if not nodes and not may_come:
        raise CampaignFailed(
            f"no node of {jobs.name} has what one training run needs, so its environment is unknown",
            "allowed: resources that some node has now",
            "correct resources under [training], start such a node, or name what the autoscaler may add (autoscaler "
            "under [workers]); see: retuned doctor",
        )
    words = ("--environment", python or workers.python, json.dumps(list(packages)))
    answers = ask(jobs, _different(nodes), workers.shared, workers.python, words, clock, needs)
    if not nodes and answers[0].waited:
        waits = "campaigns wait until it does, and ask again"
        raise ClusterAway(f"{jobs.name} added no node within {NEW_NODE_S:.0f} s", waits, "see: ray status")
    found = together(map(_fingerprint, _that_tell(answers)))
    return found if python is not None else replace(found, python=UNKNOWN, packages=(), interpreter=UNKNOWN)


def together(found: Iterable[EnvironmentFingerprint]) -> EnvironmentFingerprint:
    """The environments of several nodes as one: each text that occurs, the least numbers, each kind of GPU once."""
    nodes = tuple(found)
    names = sorted({name for node in nodes for name, _ in node.packages})
    versions = [{dict(node.packages).get(name, "none") for node in nodes} for name in names]
    return EnvironmentFingerprint(
        python=_each(node.python for node in nodes),
        platform=_each(node.platform for node in nodes),
        machine=_each(node.machine for node in nodes),
        cpu=_each(node.cpu for node in nodes),
        cores=min(node.cores for node in nodes),
        memory_bytes=min(node.memory_bytes for node in nodes),
        packages=tuple((name, _each(each)) for name, each in zip(names, versions, strict=True)),
        gpus=tuple(sorted({gpu for node in nodes for gpu in node.gpus})),
    )


def _different(nodes: Sequence[Node]) -> list[Node]:
    """The nodes with those first that differ in their resources, since not all of many are asked; of each kind those
    first that have a place free."""
    if len(nodes) <= MOST_NODES:
        return list(nodes)
    first: dict[tuple[tuple[str, float], ...], Node] = {}
    by_room = sorted(nodes, key=lambda node: not node.is_free)
    for node in by_room:
        first.setdefault(_kind(node.resources), node)
    return [*first.values(), *(node for node in by_room if node not in first.values())]


def _that_tell(answers: Sequence[Answer]) -> list[Answer]:
    """The answers less those of nodes that had no place for the question, where another of their kind did answer.
    Raises ClusterAway where none did."""
    told = {_kind(answer.node.resources) for answer in answers if not answer.waited}
    for answer in answers:
        if answer.waited and _kind(answer.node.resources) not in told:
            raise ClusterAway(
                f"the node {answer.node.address} could not be asked for its environment: {answer.fault}",
                "campaigns wait until it, or one like it, has a place free",
                "see: squeue, or ray status",
            )
    return [answer for answer in answers if not answer.waited]


def _kind(resources: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    counted = ((name, has) for name, has in resources.items() if not name.startswith(_OF_ONE_NODE))
    return tuple(sorted((name, round(has / 2**30) if name == "memory" else has) for name, has in counted))


def _fingerprint(answer: Answer) -> EnvironmentFingerprint:
    fault = answer.fault
    try:
        told: dict[str, Any] = {} if fault else json.loads(answer.text)
        if told.get("gpus") is None:
            fault = fault or str(told.get("fault") or "nvidia-smi fails there")
        else:
            return fingerprint_from(told["environment"], told["gpus"])
    except (KeyError, TypeError, ValueError):
        fault = "what it wrote is not its environment"
    raise CampaignFailed(
        f"the node {answer.node.address} could not tell its environment: {fault}",
        "it needs the model's Python and the shared folder at the same paths",
        "see: retuned doctor",
    )


def _each(texts: Iterable[str]) -> str:
    return BETWEEN.join(sorted(set(texts)))

"""What a cluster has for trainings, as the queue deals it out."""

from collections.abc import Iterator, Mapping, Sequence

from ....strategies.schedule.grants import Machine
from ...config.workers_table import NodeTypeTable
from .jobs import Jobs, Node
from .needs import Needs


def machine_from(has: Sequence[Mapping[str, float]], most_slots: int, campaigns: int) -> Machine:
    """Nodes with these resources as one machine: their cores are slots, their GPUs are counted. What fits on which
    node, the cluster decides."""
    cores = int(sum(node.get("CPU", 0.0) for node in has))
    gpus = int(sum(node.get("GPU", 0.0) for node in has))
    memory_bytes = int(sum(node.get("memory", 0.0) for node in has))
    return Machine(min(most_slots, cores), memory_bytes, tuple(range(gpus)), campaigns, tuple(has))


def capacity(jobs: Jobs, most_slots: int, campaigns: int, types: Sequence[NodeTypeTable] = ()) -> Machine:
    """What the living nodes have, and those that an autoscaler may add of these types. Raises ClusterAway."""
    living = jobs.nodes()
    return machine_from([*(node.resources for node in living), *nodes_to_come(living, types)], most_slots, campaigns)


def nodes_to_come(living: Sequence[Node], types: Sequence[NodeTypeTable]) -> Iterator[Mapping[str, float]]:
    """The resources of each node that may still be added."""
    for kind in types:
        there = sum(_is_of(node.resources, kind) for node in living)
        yield from [kind.resources] * max(0, kind.most - there)


def _is_of(has: Mapping[str, float], kind: NodeTypeTable) -> bool:
    """Whether a node may be of a type; of memory an engine hands out less than a machine has."""
    wanted = {name: amount for name, amount in kind.resources.items() if name != "memory"}
    return all(has.get(name, 0.0) == amount for name, amount in wanted.items())


def trainings_at_once(machine: Machine, needs: Needs) -> int:
    """How many trainings with these needs the nodes can run at once, node by node."""
    return sum(needs.fit(node) for node in machine.nodes)

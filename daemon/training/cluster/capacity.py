"""What a cluster has for trainings, as the queue deals it out."""

from ....strategies.schedule.grants import Machine
from .jobs import Jobs, Node
from .needs import Needs


def machine_from(nodes: tuple[Node, ...], most_slots: int, campaigns: int) -> Machine:
    """The cluster as one machine: its cores are slots, its GPUs are counted. What fits on which node, it decides."""
    has = [node.resources for node in nodes]
    cores = int(sum(node.get("CPU", 0.0) for node in has))
    gpus = int(sum(node.get("GPU", 0.0) for node in has))
    memory_bytes = int(sum(node.get("memory", 0.0) for node in has))
    return Machine(min(most_slots, cores), memory_bytes, tuple(range(gpus)), campaigns, tuple(has))


def capacity(jobs: Jobs, most_slots: int, campaigns: int) -> Machine:
    """What the living nodes have now, without what an autoscaler might add. Raises ClusterAway."""
    return machine_from(jobs.nodes(), most_slots, campaigns)


def trainings_at_once(machine: Machine, needs: Needs) -> int:
    """How many trainings with these needs the nodes can run at once, node by node."""
    return sum(needs.fit(node) for node in machine.nodes)

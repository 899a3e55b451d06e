"""What one worker asks of a node."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...config.node_labels import label_of
from ...config.training_tables import ResourcesTable


@dataclass(frozen=True, slots=True)
class Needs:
    """What one worker asks of a node; memory in bytes, 0: not declared."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0
    custom: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def fit(self, has: Mapping[str, float]) -> int:
        """How many workers fit on a node that has these resources, as Ray names them, its labels among them."""
        if any(label_of(name, value) not in has for name, value in self.labels.items()):
            return 0
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory_bytes), **self.custom}
        return min((int(has.get(name, 0.0) / amount + 1e-9) for name, amount in asked.items() if amount > 0), default=0)


def needs_of(resources: ResourcesTable) -> Needs:
    """What a worker asks of a node for trainings with these resources."""
    cpus = 1.0 if resources.cpus is None else resources.cpus
    memory_bytes = resources.memory_bytes or 0
    return Needs(cpus, float(resources.gpus), memory_bytes, dict(resources.custom), dict(resources.labels))

"""Which of the machine's resources campaigns hold, and which are free.

A campaign that does not fit yet reserves what is free of its needs, so that smaller ones behind it cannot overtake it
repeatedly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..words import counted

_TINY = 1e-9  # of sums of parts of cores


@dataclass(frozen=True, slots=True)
class Grant:
    """The resources that a campaign was given; `memory_bytes` None: its model declares none. `cores` None: as slots."""

    slots: int
    memory_bytes: int | None = None
    gpus: tuple[int, ...] = ()
    cores: float | None = None

    @property
    def held(self) -> float:
        """How much of the machine's slots it takes, of which a core is one."""
        return self.slots if self.cores is None else self.cores

    def to_json(self) -> dict[str, Any]:
        """The grant as values that JSON can hold."""
        cores = {} if self.cores is None else {"cores": self.cores}
        return {"slots": self.slots, "memory_bytes": self.memory_bytes, "gpus": list(self.gpus), **cores}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Grant":
        """The grant that `to_json` gave."""
        return cls(fields["slots"], fields["memory_bytes"], tuple(fields["gpus"]), fields.get("cores"))

    @property
    def sentence(self) -> str:
        """The grant as text: "2 training runs at once, 20 GiB of memory, GPU 0, 1"."""
        memory = f", {_gib(self.memory_bytes)} of memory" if self.memory_bytes else ""
        gpus = f", GPU {', '.join(map(str, self.gpus))}" if self.gpus else ""
        return f"{counted(self.slots, 'training run')} at once{memory}{gpus}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What all campaigns together may use; `campaigns` is how many may run at once. Memory None: not limited.

    `nodes`: of a cluster, the resources of each by their names there; empty for this machine.
    """

    slots: int
    memory_bytes: int | None
    gpus: tuple[int, ...]
    campaigns: int
    nodes: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """How many training runs of a model may run at once, and what each needs; `cores`: of the machine's slots."""

    slots: int = 1
    memory_bytes: int = 0
    gpus: int = 0
    cores: float = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A running campaign, what it holds, and the hours of training that it is still expected to take."""

    id: int
    model_id: int
    grant: Grant
    hours_left: float = 0.0


def alone_on(machine: Machine, need: Need) -> str:
    """What a campaign gets when nothing else runs, or why it can never start, as text."""
    room = Room(machine, [])
    why = room.take(Running(0, 0, Grant(0)), need)
    return why or f"when nothing else runs, it gets {room.granted()[0][1].sentence}"


@dataclass(slots=True)
class Room:
    """The machine while the queue is worked through: what campaigns hold, and what is reserved for earlier ones."""

    machine: Machine
    running: list[Running]
    needs: dict[int, Need] = field(default_factory=dict)  # of the campaigns that start now
    kept: list[Running] = field(default_factory=list)

    @property
    def hours_left(self) -> float:
        """Hours of training that the running campaigns are still expected to take."""
        return sum(campaign.hours_left for campaign in self.running)

    def take(self, asking: Running, need: Need, wished: Sequence[int] = ()) -> str:
        """Give a campaign what one training run needs, `wished` GPUs first if they are free; or say what it lacks."""
        lacking = self._never(need)
        if lacking:
            return lacking
        if len(self.running) >= self.machine.campaigns:
            limit = self.machine.campaigns
            return f"waits for its turn: {len(self.running)} of {limit} campaigns running"
        why = self._lacks(need)
        granted = replace(asking, grant=self._share(need, wished))
        if why:
            self.kept.append(granted)
        else:
            self.needs[asking.id] = need
            self.running.append(granted)
        return why

    def granted(self) -> list[tuple[int, Grant]]:
        """What each started campaign gets: what is left is dealt out in turns, up to what each can use."""
        is_dealing = True
        while is_dealing:
            is_dealing = False
            for place, campaign in enumerate(self.running):
                need = self.needs.get(campaign.id)
                if need is None or campaign.grant.slots >= need.slots or self._lacks(need):
                    continue
                self.running[place] = replace(campaign, grant=_sum(campaign.grant, self._share(need, ())))
                is_dealing = True
        return [(campaign.id, campaign.grant) for campaign in self.running if campaign.id in self.needs]

    def _never(self, need: Need) -> str:
        """Why not even one training run fits on the machine; empty if it does."""
        has, memory = self.machine, self.machine.memory_bytes
        if need.gpus > len(has.gpus):
            return (
                f"one training run needs {counted(need.gpus, 'GPU')}, but this machine offers {len(has.gpus)}: correct"
                " resources under [training], or gpus under [workers] in the service's configuration"
            )
        if memory is not None and need.memory_bytes > memory:
            return (
                f"one training run needs {_gib(need.memory_bytes)} of memory, but this machine offers {_gib(memory)}:"
                " correct resources under [training], or memory under [workers] in the service's configuration"
            )
        if need.cores > max(1, has.slots):
            return (
                f"one training run needs {need.cores:g} cores, but there are {has.slots}: correct resources under"
                " [training], or slots under [workers] in the service's configuration"
            )
        return ""

    def _lacks(self, need: Need) -> str:
        """Which need of one training run is not free; empty where all are."""
        free = [gpu for gpu in self.machine.gpus if gpu not in self._used_gpus()]
        memory = self.machine.memory_bytes
        grants = self._grants()
        if need.gpus > len(free):
            what = "a GPU" if need.gpus == 1 else f"{need.gpus} GPUs"
            total = len(self.machine.gpus)
            return f"waits for {what}: {total - len(free)} of {total} {self._holders(lambda grant: grant.gpus)}"
        promised = sum(grant.memory_bytes or 0 for grant in grants)
        if memory is not None and need.memory_bytes and promised + need.memory_bytes > memory:
            return (
                f"waits for {_gib(need.memory_bytes)} of memory: {_gib(promised)} of {_gib(memory)}"
                f" {self._holders(lambda grant: grant.memory_bytes)}"
            )
        slots = sum(grant.held for grant in grants)
        if slots + need.cores > self.machine.slots + _TINY:
            what = "a slot" if need.cores == 1 else f"{need.cores:g} cores"
            return f"waits for {what}: {slots:g} of {self.machine.slots} {self._holders(lambda grant: grant.held)}"
        return ""

    def _share(self, need: Need, wished: Sequence[int]) -> Grant:
        """The needs of one training run as far as they are free; GPUs that the campaign had before come first."""
        free = sorted(set(self.machine.gpus) - self._used_gpus(), key=lambda gpu: (gpu not in wished, gpu))
        grants = self._grants()
        cores = max(0.0, min(need.cores, self.machine.slots - sum(grant.held for grant in grants)))
        slots = int(cores + _TINY >= need.cores)
        memory = self.machine.memory_bytes
        left = need.memory_bytes if memory is None else memory - sum(grant.memory_bytes or 0 for grant in grants)
        promised = min(need.memory_bytes, max(0, left))
        gpus = tuple(sorted(free[: need.gpus]))
        return Grant(slots, promised or None, gpus, None if need.cores == 1 else cores)

    def _grants(self) -> list[Grant]:
        return [campaign.grant for campaign in (*self.running, *self.kept)]

    def _used_gpus(self) -> set[int]:
        return {gpu for grant in self._grants() for gpu in grant.gpus}

    def _holders(self, holds: Callable[[Grant], object]) -> str:
        """Which campaigns use it, and which ones it is reserved for."""
        lists = [[str(holder.id) for holder in side if holds(holder.grant)] for side in (self.running, self.kept)]
        parts = [
            f"{words} campaign{'s' * (len(ids) > 1)} {', '.join(ids)}"
            for words, ids in zip(("in use by", "reserved for"), lists, strict=True)
            if ids
        ]
        return ", ".join(parts)


def _sum(one: Grant, other: Grant) -> Grant:
    memory = (one.memory_bytes or 0) + (other.memory_bytes or 0)
    cores = None if one.cores is None and other.cores is None else one.held + other.held
    return Grant(one.slots + other.slots, memory or None, (*one.gpus, *other.gpus), cores)


def _gib(size_bytes: int | None) -> str:
    return f"{(size_bytes or 0) / 2**30:.3g} GiB"

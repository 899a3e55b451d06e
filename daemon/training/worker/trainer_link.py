"""The trainer at a worker's side: a process that carries recipes, with torch imported once, and the pipes to it."""

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any

from ...masking import Mask
from .children import Children, cpu_seconds, forget_peak_memory, memory_now, peak_memory
from .leg_ends import Answer, End, end_of_answer, end_of_leg, end_of_process, parse_answer
from .legs import Group, Leg, write_end
from .watch import Streams, Watch, drain


class TrainerLink:
    """The worker's trainer: started when first needed, kept from leg to leg, replaced after one that failed."""

    def __init__(
        self, worker_id: str, training: Mapping[str, Any], environment: dict[str, str], children: Children,
        watch: Watch, mask: Mask,
    ) -> None:  # fmt: skip
        self._worker_id = worker_id
        self._mask = mask
        self._training = training
        self._environment = environment
        self._children = children
        self._watch = watch
        self._process: TrainerProcess | None = None

    @property
    def pid(self) -> int | None:
        """The trainer's process; None while there is none."""
        return None if self._process is None else self._process.pid

    def train(self, leg: Leg | Group) -> End:
        """How a leg ended; of a group, how those ended that the trainer did not answer for, if any."""
        if self._process is None:
            self._process = TrainerProcess(self._training, self._environment, self._children)
        trainer = self._process
        cpu_before = cpu_seconds(trainer.pid)
        forget_peak_memory(trainer.pid)
        answers: list[Answer] = []

        def hear_answer(data: bytes) -> None:
            heard = trainer.hear(data, leg)
            answers.extend(heard)
            if isinstance(leg, Group):
                write_ends(leg, heard, trainer, self._mask)

        def is_over() -> bool:
            return len(answers) >= leg.count or trainer.pid in self._children.ended

        for member in leg.legs:
            member.name_process(self._worker_id, trainer.pid)
        trainer.ask(leg)
        streams: Streams = {trainer.output: leg.print, trainer.answers: hear_answer}
        stopped = self._watch.until_over(leg, trainer.pid, streams, is_over)
        drain(streams)
        cpu_s, peak = cpu_seconds(trainer.pid) - cpu_before, peak_memory(trainer.pid)
        if len(answers) >= leg.count and not stopped:
            ends = [end_of_answer(answer, self._mask) for answer in answers]
            if any(end["process"] == "recipe_error" for end in ends):
                self.drop()
            return {"cpu_s": cpu_s, "peak_memory_bytes": peak, **ends[0]}
        self.drop()
        code, cpu_in_all, peak_in_all = self._children.take_end(trainer.pid)
        cost = {"cpu_s": max(0.0, cpu_in_all - cpu_before), "peak_memory_bytes": max(peak, peak_in_all)}
        if code == 0 and not stopped:
            return {**cost, "process": "recipe_error", "detail": "the trainer ended without an answer"}
        return {**cost, **end_of_process(leg, stopped, code)}

    def drop(self) -> None:
        """End the trainer, if there is one, with all that it started."""
        trainer, self._process = self._process, None
        if trainer is not None:
            self._children.kill_all()
            trainer.close()


class TrainerProcess:
    """A trainer that runs, and the pipes to speak with it."""

    def __init__(self, training: Mapping[str, Any], environment: dict[str, str], children: Children) -> None:
        requests, self.requests = os.pipe()
        self.answers, answers = os.pipe()
        self.output, output = os.pipe()
        argv = [training["python"], training["trainer"], "--in-fd", str(requests), "--out-fd", str(answers)]
        try:
            self.pid = children.start(
                argv, cwd=training["workdir"], env=environment, pass_fds=(requests, answers),
                stdout=output, stderr=output,
            )  # fmt: skip
        finally:
            for handle in (requests, answers, output):
                os.close(handle)
        self._text = b""
        self.idle_memory = 0  # bytes that it holds when it is ready

    def ask(self, leg: Leg | Group) -> None:
        """Hand it a leg or a group."""
        with contextlib.suppress(BrokenPipeError):  # it died; the watch will see that
            send_all(self.requests, json.dumps(leg.question()).encode() + b"\n")

    def hear(self, data: bytes, leg: Leg | Group) -> list[Answer]:
        """The answers about this leg or group that have come. What is not JSON is taken as one: the recipe failed.

        A trainer that says it is ready has loaded its libraries, and the leg's own time begins.
        """
        *lines, self._text = (self._text + data).split(b"\n")
        answers = [parse_answer(line) for line in lines]
        if any("ready" in answer for answer in answers):
            leg.begin()
            self.idle_memory = memory_now(self.pid)
        return [answer for answer in answers if leg.is_answer(answer) and "ready" not in answer]

    def close(self) -> None:
        """Close the pipes."""
        for handle in (self.requests, self.answers, self.output):
            os.close(handle)


def write_ends(group: Group, answers: list[Answer], trainer: TrainerProcess, mask: Mask) -> None:
    """Write the exit.json of legs of a group that the trainer answered for.

    Their seconds are the trainer's own account, a share of a batch's; so is their memory: what the trainer has
    anyway, and an equal part of what the group takes beyond. Raises ValueError for an answer about no leg of it.
    """
    for answer in answers:
        leg = group.open.pop(answer.get("leg", ""), None)
        if leg is None:
            raise ValueError(f"the trainer sent an answer that cannot be read: {answer.get('detail', '')[:200]}")
        fault = leg.checkpoint_fault(is_over=True)
        leg.close()
        peak = trainer.idle_memory + max(0, peak_memory(trainer.pid) - trainer.idle_memory) // group.count
        cost = {name: round(float(answer[name]), 6) for name in ("seconds", "cpu_s")}
        how = end_of_answer(answer, mask) if fault is None else {"process": "checkpoint_limit", "detail": fault}
        end = {**cost, "peak_memory_bytes": peak, **how}
        write_end(leg.folder, end_of_leg(leg, end))


def send_all(handle: int, data: bytes) -> None:
    """Write all of it, however long."""
    while data:
        data = data[os.write(handle, data) :]

"""Asks nodes of a cluster, each by a job of its own that writes its answer into the shared folder."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...clock import Clock
from ...foreign_files import remove
from .jobs import PREFIX, SUCCEEDED, Job, Jobs, Node, Order
from .needs import Needs
from .shared_folder import program_in

ASKED = ".ask-"  # how the folders of answers begin; who asks looks after the jobs
MOST_NODES = 16
WAIT_S = 60.0
PAUSE_S = 0.5
LIFETIME_S = 300.0
NEW_NODE_S = 540.0  # within which a cluster adds a node; less than a campaign's process may take for a step
MOST_BYTES = 1 << 20


NEW_NODE = Node("(to be added)", {})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node wrote; or why it wrote nothing, as a clause. `waited`: because it had no place for the job."""

    node: Node
    text: str = ""
    fault: str = ""
    waited: bool = False


def ask(
    jobs: Jobs, nodes: Sequence[Node], shared: Path, python: str, words: Sequence[str], clock: Clock, needs: Needs
) -> tuple[Answer, ...]:
    """The answers of the first nodes to the node program's `words`, behind which it is told its file, from a job that
    sees what trainings with these needs see; without nodes that of the node which the cluster adds for the question.
    Raises ClusterAway."""
    asked_s = WAIT_S if nodes else NEW_NODE_S
    trial = shared / f"{ASKED}{secrets.token_hex(4)}"
    trial.mkdir()
    program = program_in(shared) / "daemon" / "training" / "node"
    wanted: Sequence[Node | None] = nodes[:MOST_NODES] or [None]
    asked = {f"{PREFIX}{trial.name[1:]}-{number}": node for number, node in enumerate(wanted)}
    try:
        for job_id, node in asked.items():
            argv = (python, "-I", "-S", "-B", str(program), words[0], str(trial / job_id), *words[1:])
            jobs.submit(Order(job_id, argv, needs, trial, node, LIFETIME_S))
        ended = _wait(jobs, tuple(asked), clock, asked_s)
        return tuple(
            _answer(jobs, node or NEW_NODE, ended.get(job_id), trial / job_id, asked_s)
            for job_id, node in asked.items()
        )
    finally:
        for job_id in asked:
            jobs.stop(job_id)
            jobs.delete(job_id)
        remove(trial)


def _wait(jobs: Jobs, names: Sequence[str], clock: Clock, wait_s: float) -> dict[str, Job]:
    """The jobs that have ended, when all have or the time is over."""
    until = clock.monotonic() + wait_s
    while True:
        listed = jobs.jobs()
        ended = {name: listed[name] for name in names if name in listed and not listed[name].is_living}
        if len(ended) == len(names) or clock.monotonic() > until:
            return ended
        clock.sleep(max(PAUSE_S, jobs.look_every_s / 5))


def _answer(jobs: Jobs, node: Node, job: Job | None, file: Path, wait_s: float) -> Answer:
    if job is None or job.waited_in_vain:
        return Answer(node, fault=f"it started no job within {wait_s:.0f} s", waited=True)
    if file.exists():
        with file.open(encoding="utf-8", errors="replace") as opened:
            return Answer(node, opened.read(MOST_BYTES))
    words = jobs.last_words(job.id) or job.message[:200]
    if job.status == SUCCEEDED:
        words = "what it wrote to the shared folder did not arrive here"
    return Answer(node, fault=words)

"""A real Ray cluster on this machine, whose head and nodes can be ended, killed and begun again. For the tests, too.

Each node is begun by `ray start` as a process of its own, with an address of its own on the loopback network, so that
one can be lost with all that it runs while the others go on.
"""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

from retuned.daemon.processes import Identity, identify, is_alive
from retuned.daemon.training.cluster.jobs import Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.ray_jobs import RayJobs
from retuned.daemon.training.node_kinds import KIND
from retuned.daemon.training.worker.children import descendants_of, kill_exactly
from retuned.strategies.errors import ClusterAway

START_S, END_S = 600.0, 20.0  # on a busy machine
Process = subprocess.Popen[bytes]


class RayCluster:
    """A head and further nodes; the address is that of its dashboard."""

    def __init__(self, folder: Path, cpus: tuple[int, ...] = (2,), kinds: tuple[str, ...] = ()) -> None:
        """`folder`: a short path, since Ray puts sockets below it. `cpus`: of the head, then of each further node; so
        are the `kinds`, in place of what this machine is."""
        self.folder = folder
        self.cpus, self._kinds = cpus, kinds
        self.port, self.dashboard = _free_port(), _free_port()
        self.address = f"http://127.0.0.1:{self.dashboard}"
        secret = secrets.token_hex(16)  # who wants a job done must show it
        (folder / "token").write_text(secret)
        self.token = f"file:{folder / 'token'}"
        self._environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secret}
        self._nodes: dict[int, Process] = {}  # by number; 0 is the head

    def jobs(self) -> RayJobs:
        """Its Jobs API."""
        return RayJobs(self.address, timeout_s=60.0, token=self.token)

    def start(self) -> None:
        """Begin the head and all nodes that are not there, and wait until they take jobs."""
        until = time.monotonic() + START_S
        for count in (1, len(self.cpus)):  # the head first
            while not self._has_nodes(count):
                assert time.monotonic() < until, f"the cluster did not start: {self._last_words()}"
                for number in range(count):
                    if not self.is_running(number):  # on a busy machine one gives up early
                        self._nodes[number] = self._start_node(number)
                time.sleep(0.2)
        name = f"first-{time.monotonic_ns()}"
        while not self._has_run(name):
            assert time.monotonic() < until, "the cluster did not run its first job"
            with contextlib.suppress(ClusterAway):
                self.jobs().submit(Order(name, ("true",), Needs(), Path()))
            time.sleep(0.2)
        self.jobs().delete(name)

    def end(self) -> None:
        """End all nodes; what Ray started for them ends with them."""
        for number in sorted(self._nodes, reverse=True):
            process = self._nodes.pop(number)
            tree = _tree(process)
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=END_S)
            _kill_all(process, tree)

    def kill(self, number: int) -> None:
        """Lose a node at once, with all that runs there, as in a power failure; 0 is the head."""
        process = self._nodes.pop(number)
        _kill_all(process, _tree(process))

    def kill_raylet(self, number: int) -> None:
        """Kill the process of Ray alone that stands for a node; what runs there has to find out by itself."""
        process = self._nodes.pop(number)
        for child in descendants_of(process.pid):
            if "/raylet/raylet" in _command(child):
                kill_exactly(child)
        process.wait(timeout=END_S)

    def is_running(self, number: int) -> bool:
        """Whether this node's process lives."""
        return number in self._nodes and self._nodes[number].poll() is None

    def _has_run(self, name: str) -> bool:
        with contextlib.suppress(ClusterAway):
            job = self.jobs().jobs().get(name)
            return job is not None and not job.is_living
        return False

    def _has_nodes(self, count: int) -> bool:
        """Whether so many are there; one that was lost is listed for a while longer."""
        with contextlib.suppress(ClusterAway):
            return all(map(self.is_running, range(count))) and count <= len(self.jobs().nodes()) <= len(self.cpus)
        return False

    def _start_node(self, number: int) -> Process:
        common = [
            Path(sys.executable).with_name("ray"), "start", "--block", f"--num-cpus={self.cpus[number]}",
            f"--node-ip-address=127.0.0.{1 + number}", "--object-store-memory=80000000", "--disable-usage-stats",
            # by default the same for all nodes of a machine, of which the second then takes no jobs
            f"--dashboard-agent-listen-port={_free_port()}", f"--dashboard-agent-grpc-port={_free_port()}",
        ]  # fmt: skip
        head = [
            "--head", f"--port={self.port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={self.dashboard}",
            f"--ray-client-server-port={_free_port()}", f"--temp-dir={self.folder}",
        ]  # fmt: skip
        environment = {**self._environment, **({KIND: self._kinds[number]} if self._kinds else {})}
        words = [*common, *head] if number == 0 else [*common, f"--address=127.0.0.1:{self.port}"]
        with open(self.folder / "ray.log", "ab") as log:
            return subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True,
            )  # fmt: skip

    def _last_words(self) -> str:
        return (self.folder / "ray.log").read_text()[-2000:]


def _kill_all(process: Process, tree: list[Identity]) -> None:
    """SIGKILL to a process and those below it."""
    while living := [member for member in tree if is_alive(member)]:
        for member in living:
            kill_exactly(member)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)


def _tree(process: Process) -> list[Identity]:
    own = identify(process.pid) if process.poll() is None else None
    return [] if own is None else [own, *descendants_of(process.pid)]


def _command(process: Identity) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process.pid}/cmdline").read_text(errors="replace").replace("\0", " ").split(" ")[0]
    return ""


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

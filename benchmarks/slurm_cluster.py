"""A real Slurm on this machine, whose controller and nodes can be ended, killed and begun again. For the tests, too.

Everything lies in one folder: configuration, keys, sockets, logs. Each daemon listens on a port of its own; each node
is a slurmd of its own.
"""

import contextlib
import getpass
import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from retuned.daemon.processes import Identity, identify
from retuned.daemon.training.cluster.slurm_jobs import SlurmJobs
from retuned.daemon.training.cluster.slurm_options import SlurmOptions
from retuned.daemon.training.worker.children import descendants_of, kill_exactly

START_S, END_S = 120.0, 20.0  # on a busy machine
LOOK_EVERY_S = 0.3  # nobody else uses this controller
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "sinfo", "scancel", "scontrol")
Process = subprocess.Popen[bytes]


def missing_programs() -> tuple[str, ...]:
    """What a cluster needs and this machine has not."""
    return tuple(name for name in PROGRAMS if shutil.which(name, path=_path()) is None)


class SlurmCluster:
    """A controller and nodes; whoever is to use it has SLURM_CONF set to `conf`."""

    def __init__(self, folder: Path, nodes: int = 2, cpus: int = 2) -> None:
        """`folder`: a short path, since a socket lies in it. `cpus`: of each node, whatever this machine has."""
        self.folder, self.conf = folder, folder / "slurm.conf"
        self.nodes = tuple(f"n{number}" for number in range(1, nodes + 1))
        for name in ("state", "munge", *(f"spool-{node}" for node in self.nodes)):
            (folder / name).mkdir(mode=0o755)
        folder.chmod(0o755)  # munged wants to be sure who may reach its socket
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self.conf.write_text(self._configuration(cpus))
        self._processes: dict[str, Process] = {}

    def jobs(self, **options: str) -> SlurmJobs:
        """Its jobs, looked at often."""
        return SlurmJobs(SlurmOptions(**options), look_every_s=LOOK_EVERY_S)  # type: ignore[arg-type]

    def start(self) -> None:
        """Begin what is not there, and wait until the nodes take jobs."""
        socket_path = self.folder / "munge" / "socket"
        self._begin("munged", [
            "munged", "--foreground", f"--key-file={self.folder}/munge/key", f"--socket={socket_path}",
            f"--pid-file={self.folder}/munge/pid", f"--log-file={self.folder}/munge/log",
            f"--seed-file={self.folder}/munge/seed", "--num-threads=2",
        ])  # fmt: skip
        _wait(socket_path.exists, "munged did not begin")
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        _wait(lambda: self._states() == ["idle"] * len(self.nodes), "the nodes did not come up", self._last_words)

    def start_controller(self) -> None:
        """Begin slurmctld, which goes on where it was ended."""
        self._begin("slurmctld", ["slurmctld", "-D"])

    def end_controller(self) -> None:
        """End slurmctld; what runs on the nodes runs on."""
        self._end("slurmctld")

    def start_node(self, node: str) -> None:
        """Begin a node's slurmd."""
        self._begin(node, ["slurmd", "-D", "-N", node])

    def end(self) -> None:
        """End all of it, and whatever still runs there."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.run("scancel", f"--user={os.getuid()}")
        for node in self.nodes:
            self.lose_node(node)
        for name in ("slurmctld", "munged"):
            self._end(name)

    def lose_node(self, node: str) -> None:
        """Lose a node at once, with all that runs there, as in a power failure."""
        process = self._processes.pop(node, None)
        _kill_all([*_tree_of(process), *_steps_of(self.folder / f"{node}.log")])
        if process is not None:
            process.wait(timeout=END_S)

    def run(self, *words: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=60, check=False, env=self._environment(),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.stdout

    def _states(self) -> list[str]:
        return self.run("sinfo", "--Node", "--noheader", "--partition=work", "--format=%T").split()

    def _begin(self, name: str, words: list[str]) -> None:
        before = self._processes.get(name)
        if before is not None and before.poll() is None:
            return
        with open(self.folder / f"{name}.out", "ab") as log:
            self._processes[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(),
                start_new_session=True,
            )  # fmt: skip

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=END_S)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.conf), "PATH": _path()}

    def _last_words(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("*.log")))

    def _configuration(self, cpus: int) -> str:
        host, user = platform.node().partition(".")[0], getpass.getuser()
        daemons = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={_free_port()} CPUs={cpus} RealMemory=4000"
            for node in self.nodes
        )
        return f"""\
ClusterName=retuned-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={_free_port()}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={self.folder}/munge/socket,cred_expire=5
StateSaveLocation={self.folder}/state
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdPidFile={self.folder}/%n.pid
SlurmdLogFile={self.folder}/%n.log
SlurmdSpoolDir={self.folder}/spool-%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=200
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MessageTimeout=5
TCPTimeout=1
{daemons}
PartitionName=work Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF
"""


def _wait(condition: Callable[[], bool], what: str, words: Callable[[], str] = lambda: "") -> None:
    until = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < until, f"{what}: {words()}"
        time.sleep(0.05)


def _steps_of(log: Path) -> list[Identity]:
    """What the steps of a node's jobs are; they go on without its slurmd, whose log they hold open."""
    found: list[Identity] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_step = (entry / "cmdline").read_bytes().startswith(b"slurmstepd")
            if is_step and any(handle.readlink() == log for handle in (entry / "fd").iterdir()):
                root = identify(int(entry.name))
                found += [] if root is None else [root, *descendants_of(root.pid)]
    return found


def _tree_of(process: Process | None) -> list[Identity]:
    own = identify(process.pid) if process is not None and process.poll() is None else None
    return [] if own is None else [own, *descendants_of(own.pid)]


def _kill_all(tree: list[Identity]) -> None:
    for member in tree:
        kill_exactly(member)


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

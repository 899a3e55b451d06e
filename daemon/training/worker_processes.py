"""The worker processes of one campaign: started, adopted, watched and ended by their identity."""

import os
import secrets
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...strategies.errors import CampaignFailed
from ..durable_files import NO_ROOM_CODE, is_no_room, read_json, write_json
from ..foreign_files import read_plain, remove
from ..processes import Identity, identity_from, is_alive, kill_marked, marked, send
from .spool import Spool
from .worker_pool import DEADLINE_S, FAILED_STARTS, bury_folder

WORKER = Path(__file__).with_name("worker")  # a folder that is started by its path

_DEFAULTED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)


class Workers:
    """The workers of one spool folder, whoever started them. A worker's id is also its nonce in RETUNED_WORKER.

    Of `gpus` each new worker gets `gpus_each` for itself alone.
    """

    def __init__(
        self,
        spool: Spool,
        environment: Mapping[str, str] = MappingProxyType({}),
        python: str = sys.executable,
        timeout_s: float = 0.0,
        gpus: tuple[int, ...] = (),
        gpus_each: int = 0,
    ) -> None:
        self._spool = spool
        self._environment = dict(environment)
        self._python = python
        self._deadline_s = max(DEADLINE_S, 2 * timeout_s + 600)  # a new worker can always begin a leg
        self._gpus, self._gpus_each = gpus, gpus_each
        self._started: dict[int, str] = {}  # our own children, to be reaped, by pid
        self._failed_starts = 0

    def present(self) -> tuple[str, ...]:
        """The workers that are not buried yet, alive or dead; ours also where their folders were taken away."""
        named = [path.parent.name for path in self._spool.workers.glob("*/worker.json")]
        return tuple(dict.fromkeys((*named, *self._started.values())))

    def is_alive(self, worker: str) -> bool:
        """Whether its process still runs. One that has not yet said its pid is looked for by its nonce."""
        if worker in self._started.values():
            return True  # until it is reaped
        process = self._identity(worker)
        return bool(marked(worker)) if process is None else is_alive(process)

    def silent_s(self, worker: str, now_s: float) -> float:
        """Seconds since the worker last showed that it moves, by the machine's clock."""
        try:
            return now_s - (self._spool.workers / worker / "worker.json").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def has_room(self) -> bool:
        """Whether the GPUs of one more worker are free."""
        return len(self._free_gpus()) >= self._gpus_each

    def refusal(self) -> str:
        """Nothing: a process here is started, or cannot be."""
        return ""

    def misplaced(self) -> tuple[str, ...]:
        """Workers on GPUs that are no longer ours."""
        return tuple(worker for worker in self.present() if self._gpus and set(self._gpus_of(worker)) - set(self._gpus))

    def start(self, kind: str = "") -> str:
        """A new worker's id; there is this machine alone. Raises CampaignFailed when its interpreter cannot be run."""
        worker = secrets.token_hex(8)
        folder = self._spool.workers / worker
        folder.mkdir()
        gpus = self._free_gpus()[: self._gpus_each]
        write_json(folder / "worker.json", {"nonce": worker, "deadline_s": self._deadline_s, "gpus": gpus})
        # posix_spawn, not Popen: the worker outlives this object and this process, which Popen would complain about
        try:
            pid = os.posix_spawnp(
                self._python,
                [self._python, "-I", "-S", str(WORKER), str(self._spool.folder), worker],
                {**self._environment, **_visible(gpus), "RETUNED_WORKER": worker},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(folder / "worker.log"), os.O_WRONLY | os.O_CREAT, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_DEFAULTED,
            )
        except OSError as error:
            remove(folder)
            if is_no_room(error):
                raise
            raise CampaignFailed(f"no worker can be started with {self._python}: {error}") from error
        self._started[pid] = worker
        return worker

    def reap(self) -> None:
        """Collect ended workers that this process started. Raises CampaignFailed when they fail repeatedly."""
        for pid, worker in tuple(self._started.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended == 0:
                continue
            del self._started[pid]
            code = os.waitstatus_to_exitcode(status)
            self._failed_starts = self._failed_starts + 1 if code > 0 and code != NO_ROOM_CODE else 0
            if self._failed_starts >= FAILED_STARTS:
                raise CampaignFailed(
                    f"{self._failed_starts} workers in a row failed, the last one with: {self._last_words(worker)}",
                    remedy=f"see {self._spool.workers / worker / 'worker.log'}",
                )

    def took_back(self) -> int:
        """None: a process always has a place to run."""
        return 0

    def strays(self, holders: Collection[str]) -> tuple[str, ...]:
        """None: what was buried here is dead."""
        return ()

    def terminate(self, worker: str) -> None:
        """Ask a living worker to put its leg back and end."""
        process = self._identity(worker)
        for target in marked(worker) if process is None else (process,):
            send(target, signal.SIGTERM)

    def kill(self, worker: str, also: tuple[Identity, ...], sleep: Callable[[float], None]) -> bool:
        """Kill a worker and what it started; False when something of it would not die."""
        process = self._identity(worker)
        named = also if process is None else (process, *also)
        return kill_marked(worker, named, sleep)

    def bury(self, worker: str) -> None:
        """Forget a dead worker; only a log that says something stays."""
        bury_folder(self._spool.workers / worker)

    def _identity(self, worker: str) -> Identity | None:
        """Who it is; None while it is starting."""
        return identity_from(self._said_by(worker))

    def _gpus_of(self, worker: str) -> list[int]:
        return [gpu for gpu in self._said_by(worker).get("gpus", ()) if isinstance(gpu, int)]

    def _said_by(self, worker: str) -> dict[str, Any]:
        """Its worker.json; empty when that cannot be read."""
        return read_json(self._spool.workers / worker / "worker.json") or {}

    def _free_gpus(self) -> list[int]:
        if self._gpus_each == 0:
            return []
        used = {gpu for worker in self.present() for gpu in self._gpus_of(worker)}
        return [gpu for gpu in self._gpus if gpu not in used]

    def _last_words(self, worker: str) -> str:
        try:
            log = read_plain(self._spool.workers / worker / "worker.log", 1 << 20)
        except OSError:
            return "no message"
        text = log.decode(errors="replace").strip()
        return text.splitlines()[-1][:300] if text else "no message"


def _visible(gpus: list[int]) -> dict[str, str]:
    """The environment that shows these GPUs alone; the order is that of nvidia-smi, by which they are counted."""
    if not gpus:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus)), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

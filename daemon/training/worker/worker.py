"""One worker: takes legs from a campaign's spool and trains them one after another, or a group of them at once,
until nothing is left to do.

Started isolated, in a session of its own, so that it outlives the campaign process that started it. It is the
subreaper of everything it starts: after each leg all of that is killed and reaped, double forks and new sessions
included, and only an idle trainer may stay. What it starts gets SIGKILL when this process dies, since no one would
be left to watch its deadline.

These modules start fast and need the standard library alone. Of ours they use daemon/durable_files.py and
daemon/processes.py, which need no more than that; a test says so.
"""

import contextlib
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from ...durable_files import NO_ROOM_CODE, has_room, is_no_room, load_json, replace_json
from ...foreign_files import read_plain, remove
from ...masking import mask_of
from ..node_kinds import KIND
from .children import Children, become_subreaper, children_of, identity_of, living
from .leg_ends import NOT_STARTED, START_ERRORS, End, end_not_started, end_of_leg, end_of_process
from .legs import Group, Leg, begin_once, clear, is_of_group, write_end
from .metric_readers import STDERR, STDOUT, reader_of
from .pins import Pins
from .trainer_link import TrainerLink
from .watch import Heartbeat, Stopped, StopSignal, Streams, Watch, drain

QUEUE_PAUSES_S = (0.01, 0.05)  # between two looks at the queue: just after a leg, and when idle for long
NO_ROOM_PAUSE_S = 1.0
STOP_PAUSE_S = 0.05
GROUP_MOST = 512  # legs of one ticket


def main() -> None:
    """Train what CAMPAIGN_DIR has for the worker WORKER_ID; both are named on the command line."""
    stop = StopSignal()
    signal.signal(signal.SIGTERM, stop.note)
    signal.signal(signal.SIGINT, stop.note)
    become_subreaper()
    try:
        Worker(Path(sys.argv[1]), sys.argv[2], stop).run()
    except OSError as error:
        if not is_no_room(error):
            raise
        sys.exit(NO_ROOM_CODE)


class NoRoom(Exception):
    """The disk had no room for a leg; that says nothing about the leg."""


class Worker:
    """The loop: claim, train, write exit.json, give the claim up."""

    def __init__(self, campaign: Path, worker_id: str, stop: StopSignal) -> None:
        self.campaign = campaign
        self.id = worker_id
        self.folder = campaign / "workers" / worker_id
        self.tmp = self.folder / "tmp"
        self.training = load_json(campaign / "training.json")
        self.kind = os.environ.pop(KIND, "")  # of the node; empty: there is one machine
        self.pins = Pins(campaign, self.kind)
        threads = str(self.training["threads"])
        self.environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, **os.environ}
        self.mask = mask_of(os.environ, self.training.get("pass_env", ()))
        self.stop = stop
        self.children = Children()
        self.heartbeat = Heartbeat(self.folder / "worker.json", self.note_burial)
        self.ends_when_buried = False
        timeout_s, grace_s = self.training["timeout_s"], self.training["grace_s"]
        self.watch = Watch(self.children, self.heartbeat, stop, timeout_s, grace_s)
        trainer_environment = {**self.environment, "TMPDIR": str(self.tmp)}
        self.trainer = TrainerLink(worker_id, self.training, trainer_environment, self.children, self.watch, self.mask)
        self._identity = {"nonce": worker_id, **identity_of(os.getpid())}

    def run(self) -> None:
        """Train until there is nothing to do, the worker is told to end, or its time is over."""
        order = load_json(self.folder / "worker.json")
        replace_json(self.folder / "worker.json", {**order, **self._identity, "kind": self.kind})
        self.ends_when_buried = order.get("ends_when_buried") is True
        self.tmp.mkdir(exist_ok=True)
        # no leg is begun that might not be over by then
        longest = self.training["timeout_s"] * (GROUP_MOST if self.training.get("groups") else 1)
        until = time.monotonic() + order["deadline_s"] - longest - self.training["grace_s"]
        idle_since = time.monotonic()
        pause = QUEUE_PAUSES_S[0]
        while not self.stop.is_set and time.monotonic() < until and not (self.campaign / "stop").exists():
            ticket = self.claim()
            if ticket is not None:
                self.train(ticket)
                idle_since, pause = time.monotonic(), QUEUE_PAUSES_S[0]
            elif time.monotonic() - idle_since > self.training["idle_s"]:
                break
            else:
                time.sleep(pause)
                pause = min(pause * 1.2, QUEUE_PAUSES_S[1])
            self.heartbeat.beat()
        self.trainer.drop()
        self.children.kill_all()
        remove(self.tmp)

    def note_burial(self) -> None:
        """End where this worker, on another machine, was taken for dead; nobody would look after it."""
        if self.ends_when_buried:
            self.stop.set()

    def claim(self) -> str | None:
        """The first waiting ticket that no other worker was quicker to take."""
        for ticket in sorted(os.listdir(self.campaign / "queue")):
            folder = self.leg_folder(ticket)
            if not (folder / "leg.json").exists() or not self.pins.allows(ticket, folder):
                continue
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.campaign / "queue" / ticket, self.claim_path(ticket))
                return ticket
        return None

    def leg_folder(self, ticket: str) -> Path:
        """The folder of the attempt that a ticket is for."""
        return self.campaign / "legs" / ticket.partition("-")[2]

    def claim_path(self, ticket: str) -> Path:
        """Where a ticket lies while this worker has it."""
        return self.campaign / "claimed" / f"{ticket}~{self.id}"

    def tickets_of(self, ticket: str) -> list[str]:
        """A claimed ticket, and those that its file names: its group."""
        return [ticket, *read_plain(self.claim_path(ticket), 1 << 20).decode(errors="replace").split()]

    def train(self, ticket: str) -> None:
        """Train the legs of a claimed ticket and give the claim up; when told to end, or without room on the disk, put
        the ticket back."""
        folders = [self.leg_folder(member) for member in self.tickets_of(ticket)]
        begun: list[Path] = []
        try:
            begun += [folder for folder in folders if self.begin(folder)]
            if begun and is_of_group(begun[0]):
                self.run_group(begun)
            elif begun:
                end = self.run_leg(begun[0])
                self.check_stop(end)
                self.write_end(begun[0], end)
            self.claim_path(ticket).unlink(missing_ok=True)
        except (Stopped, NoRoom) as reason:
            self.trainer.drop()
            self.children.kill_all()
            for folder in begun:
                if not (folder / "exit.json").exists():
                    clear(folder)
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.claim_path(ticket), self.campaign / "queue" / ticket)
            if isinstance(reason, NoRoom):
                self.wait_for_room()

    def begin(self, folder: Path) -> bool:
        """Mark an attempt as begun; False when it was before."""
        try:
            return begin_once(folder, self._identity)
        except OSError as error:
            if is_no_room(error):
                raise NoRoom from error
            raise

    def write_end(self, folder: Path, end: End) -> None:
        """Write an attempt's exit.json, as soon as the disk has room for it."""
        while True:
            try:
                return write_end(folder, end)
            except OSError as error:
                if not is_no_room(error):
                    raise
                if self.stop.is_set:
                    raise NoRoom from error
            self.wait_for_room()

    def wait_for_room(self) -> None:
        """Wait a moment, and as long as the disk has no room."""
        while True:
            self.heartbeat.beat()
            time.sleep(NO_ROOM_PAUSE_S)
            if self.stop.is_set or not self.campaign.exists() or has_room(self.campaign):
                return

    def run_leg(self, folder: Path) -> End:
        """The leg's exit.json. A leg that cannot even start ends like a shell's command: with exit code 127."""
        leg = None
        try:
            leg = Leg(folder, self.mask, self.kind)
            environment = {**self.environment, **leg.order["environment"]}
            is_command = self.training["kind"] == "command"
            end = self.run_command(leg, environment) if is_command else self.trainer.train(leg)
        except START_ERRORS as error:
            self.trainer.drop()
            end = end_not_started(error)
        finally:
            self.children.kill_all(self.trainer.pid)
            if leg is not None:
                leg.close()
        self.check_room(end)
        return end_of_leg(leg, end)

    def check_room(self, end: End) -> None:
        """Raise NoRoom for a leg that failed while the disk has no room, after all that it wrote itself is gone."""
        if has_failed(end) and self.campaign.exists() and not has_room(self.campaign):
            raise NoRoom

    def check_stop(self, end: End) -> None:
        """Raise Stopped for a leg that ended as its worker was told to: a cluster signals the training as well, and
        what that makes of it is no end of its own."""
        if not self.kind:
            return
        if has_failed(end):
            time.sleep(STOP_PAUSE_S)  # the training may have been signalled a moment before us
        if self.stop.is_set:
            raise Stopped

    def run_group(self, folders: list[Path]) -> None:
        """Train legs together and write the exit.json of each as soon as it has ended."""
        group, end = Group([]), NOT_STARTED
        try:
            group = Group([Leg(folder, self.mask, self.kind) for folder in folders])
            end = self.trainer.train(group)
        except START_ERRORS as error:
            self.trainer.drop()
            end = end_not_started(error)
        finally:
            self.children.kill_all(self.trainer.pid)
            for leg in group.open.values():
                leg.close()
        self.check_room(end)
        self.check_stop(end)
        count = max(1, group.count)
        seconds, cpu_s = (time.monotonic() - group.started) / count, end.get("cpu_s", 0.0) / count
        for folder in folders:
            if not (folder / "exit.json").exists():
                cost = {"seconds": round(seconds, 6), "cpu_s": round(cpu_s, 6)}
                self.write_end(folder, end_of_leg(group.open.get(str(folder)), {**end, **cost}))

    def run_command(self, leg: Leg, environment: dict[str, str]) -> End:
        """How the leg's command ended; what it started is gone by then."""
        out_read, out_write = os.pipe()
        error_read, error_write = os.pipe()
        reader = reader_of(leg, self.training, self.mask)

        def hear(stream: int, data: bytes) -> None:
            leg.print(data)
            reader.hear(stream, data)
            leg.fault = reader.fault

        streams: Streams = {out_read: partial(hear, STDOUT), error_read: partial(hear, STDERR)}
        try:
            try:
                argv, workdir = leg.order["argv"], self.training["workdir"]
                pid = self.children.start(argv, cwd=workdir, env=environment, stdout=out_write, stderr=error_write)
            finally:
                os.close(out_write)
                os.close(error_write)
            leg.name_process(self.id, pid)
            stopped = self.watch.until_over(leg, pid, streams, lambda: pid in self.children.ended, reader.look)
            left = 0 if stopped else len(living(children_of(os.getpid())))
            self.children.kill_all()
            drain(streams)
        finally:
            os.close(out_read)
            os.close(error_read)
        found = reader.close()
        code, cpu_s, peak = self.children.take_end(pid)
        end = end_of_process(leg, stopped, code)
        return {"cpu_s": cpu_s, "peak_memory_bytes": peak, "left_running": left, **found, **end}


def has_failed(end: End) -> bool:
    """Whether a training ended by itself, and not well."""
    return end.get("exit_code") != 0 and end["process"] in ("exited", "signalled", "recipe_error")

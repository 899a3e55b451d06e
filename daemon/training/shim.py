"""One worker: takes legs from a campaign's spool and trains them one after another, or a group of them at once,
until nothing is left to do.

Started as `python -I shim.py CAMPAIGN_DIR WORKER_ID` in a session of its own, so that it outlives the campaign
process that started it. It is the subreaper of everything it starts: after each leg all of that is killed and
reaped, double forks and new sessions included, and only an idle trainer may stay. What it starts gets SIGKILL
when this process dies, since nobody would be left to watch its deadline.

One file with the standard library alone, because it runs isolated and must start fast: it cannot import its
siblings, so the few lines that read /proc and write JSON are repeated here.
"""

import contextlib
import ctypes
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEAD_BYTES, TAIL_BYTES = 64 << 10, 256 << 10  # what output.log keeps
REPORT_BYTES = 16 << 20
LINE_BYTES = 256 << 10  # a longer line of output is no report
CHUNK_BYTES = 64 << 10
HEARTBEAT_S = 5.0
LOOK_S = 0.1  # how often the report's size and the deadline are looked at while a leg runs
IDLE_LOOKS_S = (0.01, 0.05)  # how often the queue is looked at: at once after a leg, and when idle for long
KILL_PATIENCE_S = 10.0
GROUP_MOST = 512  # legs of one ticket

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
OOM_SCORE = "300"  # of 1000: what a training adds to its share of the memory in the kernel's choice
LIBC = ctypes.CDLL(None, use_errno=True)

WORKER_PID = os.getpid()

stopping = False


class Stopped(Exception):
    """The worker was told to end while a leg ran."""


def is_report(line: bytes) -> bool:
    """Whether a line of output is a JSON object with a step and metrics; whether they are good is judged later."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "step" in found and "metrics" in found


class OutputLog:
    """output.log: the first 64 KiB and the last 256 KiB of what a leg prints, whatever it prints in between."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._head = 0
        self._tail = bytearray()
        self._left_out = 0
        self._is_written = True

    def write(self, data: bytes) -> None:
        room = HEAD_BYTES - self._head
        if room > 0:
            self._file.write(data[:room])
            self._head += min(room, len(data))
            data = data[room:]
        if data:
            self._tail += data
            self._is_written = False
        if len(self._tail) > 2 * TAIL_BYTES:
            self._trim()

    def flush(self) -> None:
        """Bring the tail on the disk, in place of the last one."""
        if self._is_written:
            return
        self._trim()
        mark = b"\n[... %d bytes left out ...]\n" % self._left_out if self._left_out else b""
        self._file.seek(HEAD_BYTES)
        self._file.truncate()
        self._file.write(mark + self._tail)
        self._is_written = True

    def close(self) -> None:
        self.flush()
        self._file.close()

    def _trim(self) -> None:
        surplus = len(self._tail) - TAIL_BYTES
        if surplus > 0:
            del self._tail[:surplus]
            self._left_out += surplus


class ReportFilter:
    """Picks the report lines out of a command's stdout and appends them to the report file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = b""
        self._is_too_long = False

    def write(self, data: bytes) -> None:
        data = self._line + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1  # a progress bar ends its lines with the latter
        if end and b'"metrics"' in data[:end]:
            lines = data[:end].splitlines(keepends=True)
            self._append([line for line in lines[self._is_too_long :] if is_report(line)])
        if end:
            self._is_too_long = False
        self._line = data[end:]
        if len(self._line) > LINE_BYTES:
            self._line, self._is_too_long = b"", True

    def close(self) -> None:
        """Take the last line, which may have no end."""
        if self._line and not self._is_too_long and is_report(self._line):
            self._append([self._line])

    def _append(self, lines: list[bytes]) -> None:
        if lines:
            with self._path.open("ab") as file:
                file.write(b"".join(line.strip() + b"\n" for line in lines))


class Children:
    """The processes that this worker started or inherited, and how the ones that it started ended."""

    def __init__(self) -> None:
        self.ended: dict[int, tuple[int, float, int]] = {}  # exit code (negative: signal), CPU seconds, peak bytes
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, argv: list[str], **how: Any) -> int:  # noqa: ANN401 - Popen's own arguments
        """The pid of a new child in a session of its own. Raises OSError or ValueError when it cannot be started."""
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - there is one thread
            **how,
        )
        self._started[process.pid] = process
        return process.pid

    def reap(self) -> bool:
        """Collect whatever has ended; False when there is no child left, dead or alive."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return True
                process = self._started.pop(pid, None)
                if process is not None:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    cpu_s = usage.ru_utime + usage.ru_stime
                    self.ended[pid] = (process.returncode, cpu_s, usage.ru_maxrss * 1024)
        return False

    def take_end(self, pid: int) -> tuple[int, float, int]:
        """How a child that was killed or waited for ended; one that cannot be killed counts as killed."""
        return self.ended.pop(pid, (-signal.SIGKILL, 0.0, 0))

    def kill_all(self, spared: int | None = None) -> None:
        """Kill and reap everything below this process, but not the `spared` child.

        Only direct children are signalled, whose pids cannot pass on before they are reaped here; what they
        leave behind becomes a direct child in turn. Below the spared one, which reaps for itself, the start
        time is compared first.
        """
        until = time.monotonic() + KILL_PATIENCE_S
        while self.reap() and time.monotonic() < until:
            mine = [pid for pid in children_of(os.getpid()) if pid != spared]
            below = descendants_of(spared) if spared is not None else []
            for pid in mine:
                os.kill(pid, signal.SIGKILL)
            for pid, start_time in below:
                kill_exactly(pid, start_time)
            if spared is not None and not mine and not below:
                return
            time.sleep(0.001)


class Trainer:
    """The process that carries recipes, with torch imported once, and the pipes to speak with it."""

    def __init__(self, worker: "Worker") -> None:
        requests, self.requests = os.pipe()
        self.answers, answers = os.pipe()
        self.output, output = os.pipe()
        order = worker.training
        argv = [order["python"], order["trainer"], "--in-fd", str(requests), "--out-fd", str(answers)]
        environment = {**worker.environment, "TMPDIR": str(worker.tmp)}
        try:
            self.pid = worker.children.start(
                argv, cwd=order["workdir"], env=environment, pass_fds=(requests, answers), stdout=output, stderr=output
            )
        finally:
            for handle in (requests, answers, output):
                os.close(handle)
        self._text = b""
        self.idle_memory = 0  # what it holds when it is ready

    def ask(self, leg: "Leg | Group") -> None:
        with contextlib.suppress(BrokenPipeError):  # it died; the watch will see that
            send_all(self.requests, json.dumps(leg.question()).encode() + b"\n")

    def hear(self, data: bytes, leg: "Leg | Group") -> list[dict[str, Any]]:
        """The answers about this leg or group that have come. What is not JSON is taken as one: the recipe failed.

        A trainer that says it is ready has loaded its libraries, and the leg's own time begins.
        """
        *lines, self._text = (self._text + data).split(b"\n")
        found = [parse_answer(line) for line in lines]
        if any("ready" in answer for answer in found):
            leg.begin()
            self.idle_memory = memory_now(self.pid)
        return [answer for answer in found if leg.is_answer(answer) and "ready" not in answer]

    def close(self) -> None:
        for handle in (self.requests, self.answers, self.output):
            os.close(handle)


class Leg:
    """The leg in hand: its folder, its order, its output, and the clock since it began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.order = read_json(folder / "leg.json")
        self.report = folder / "report.jsonl"
        self.log = OutputLog(folder / "output.log")
        self.last_output = b""
        self.count = 1
        self.begin()
        (folder / "tmp").mkdir(exist_ok=True)

    def question(self) -> dict[str, Any]:
        """What a trainer is asked."""
        return {"leg": str(self.folder)}

    def is_answer(self, answer: dict[str, Any]) -> bool:
        """Whether an answer is about this leg; one that names none is."""
        return "leg" not in answer or answer["leg"] == str(self.folder)

    def flush(self) -> None:
        self.log.flush()

    def begin(self) -> None:
        """Start the leg's clock."""
        self.started_at = utc_now()
        self.started = time.monotonic()

    def print(self, data: bytes) -> None:
        self.log.write(data)
        self.last_output = (self.last_output + data)[-2048:]

    def has_too_many_reports(self) -> bool:
        try:
            return self.report.stat().st_size > REPORT_BYTES
        except FileNotFoundError:
            return False

    def is_to_stop(self) -> bool:
        """Whether the campaign has asked for an early end."""
        return (self.folder / "stop").exists()

    def last_line(self) -> str:
        lines = self.last_output.decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f"its last line of output: {said[-1][-300:]}" if said else ""

    def close(self) -> None:
        self.log.close()
        if self.has_too_many_reports():
            os.truncate(self.report, REPORT_BYTES)
        remove(self.folder / "tmp")


class Group:
    """Legs that the trainer is handed at once. Each has an end of its own; output and deadline are of all."""

    def __init__(self, legs: list[Leg]) -> None:
        self.legs = legs
        self.count = len(legs)
        self.open = {str(leg.folder): leg for leg in legs}  # those that have not ended
        self.started = time.monotonic()

    def begin(self) -> None:
        self.started = time.monotonic()
        for leg in self.legs:
            leg.begin()

    def question(self) -> dict[str, Any]:
        return {"legs": [str(leg.folder) for leg in self.legs]}

    def is_answer(self, answer: dict[str, Any]) -> bool:
        return answer.get("leg") in self.open or "leg" not in answer

    def print(self, data: bytes) -> None:
        for leg in self.open.values():
            leg.print(data)

    def flush(self) -> None:
        for leg in self.open.values():
            leg.flush()

    def has_too_many_reports(self) -> bool:
        return any(leg.has_too_many_reports() for leg in self.open.values())

    def is_to_stop(self) -> bool:
        return False  # legs that are stopped early train alone

    def last_line(self) -> str:
        return next(iter(self.open.values())).last_line() if self.open else ""


class Worker:
    """The loop: claim, train, write exit.json, give the claim up."""

    def __init__(self, campaign: Path, worker_id: str) -> None:
        self.campaign = campaign
        self.id = worker_id
        self.folder = campaign / "workers" / worker_id
        self.tmp = self.folder / "tmp"
        self.training = read_json(campaign / "training.json")
        threads = str(self.training["threads"])
        self.environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, **os.environ}
        self.children = Children()
        self.trainer: Trainer | None = None
        self._beat = 0.0
        self._identity = {"nonce": worker_id, **identity(os.getpid())}

    def run(self) -> None:
        known = read_json(self.folder / "worker.json")
        write_json(self.folder / "worker.json", {**known, **self._identity}, durable=False)
        self.tmp.mkdir(exist_ok=True)
        # no leg is begun that might not be over by then
        longest = self.training["timeout_s"] * (GROUP_MOST if self.training.get("groups") else 1)
        until = time.monotonic() + known["deadline_s"] - longest - self.training["grace_s"]
        idle_since = time.monotonic()
        pause = IDLE_LOOKS_S[0]
        while not stopping and time.monotonic() < until and not (self.campaign / "stop").exists():
            ticket = self.claim()
            if ticket is not None:
                self.train(ticket)
                idle_since, pause = time.monotonic(), IDLE_LOOKS_S[0]
            elif time.monotonic() - idle_since > self.training["idle_s"]:
                break
            else:
                time.sleep(pause)
                pause = min(pause * 1.2, IDLE_LOOKS_S[1])
            self.heartbeat()
        self.drop_trainer()
        self.children.kill_all()
        remove(self.tmp)

    def claim(self) -> str | None:
        """The first waiting ticket that no other worker was quicker to take."""
        for ticket in sorted(os.listdir(self.campaign / "queue")):
            if not (self.leg_folder(ticket) / "leg.json").exists():
                continue
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.campaign / "queue" / ticket, self.claim_path(ticket))
                return ticket
        return None

    def leg_folder(self, ticket: str) -> Path:
        return self.campaign / "legs" / ticket.partition("-")[2]

    def claim_path(self, ticket: str) -> Path:
        return self.campaign / "claimed" / f"{ticket}~{self.id}"

    def tickets_of(self, ticket: str) -> list[str]:
        """A claimed ticket, and those that its file names: its group."""
        return [ticket, *self.claim_path(ticket).read_text().split()]

    def train(self, ticket: str) -> None:
        folders = [self.leg_folder(one) for one in self.tickets_of(ticket)]
        begun: list[Path] = []
        try:
            begun += [folder for folder in folders if begin_once(folder, self._identity)]
            if begun and is_of_group(begun[0]):
                self.run_group(begun)
            elif begun:
                write_json(begun[0] / "exit.json", self.run_leg(begun[0]))
            os.unlink(self.claim_path(ticket))
        except Stopped:
            self.drop_trainer()
            self.children.kill_all()
            for folder in begun:
                if not (folder / "exit.json").exists():
                    clear(folder)
            os.rename(self.claim_path(ticket), self.campaign / "queue" / ticket)

    def run_leg(self, folder: Path) -> dict[str, Any]:
        """The leg's exit.json. A leg that cannot even start ends like a shell's command: with exit code 127."""
        leg = None
        try:
            leg = Leg(folder)
            environment = {**self.environment, **leg.order["environment"]}
            run = self.run_command if self.training["kind"] == "command" else self.run_recipe
            end = run(leg, environment)
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            self.drop_trainer()
            detail = f"it could not be started: {type(error).__name__}: {error}"
            end = {**NOT_STARTED, "detail": detail}
        finally:
            self.children.kill_all(None if self.trainer is None else self.trainer.pid)
            if leg is not None:
                leg.close()
        return end_of_leg(leg, end)

    def run_group(self, folders: list[Path]) -> None:
        """Train legs together and write the exit.json of each as soon as it has ended."""
        group, end = Group([]), NOT_STARTED
        try:
            group = Group([Leg(folder) for folder in folders])
            end = self.ask_trainer(group)
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            self.drop_trainer()
            end = {**NOT_STARTED, "detail": f"it could not be started: {type(error).__name__}: {error}"}
        finally:
            self.children.kill_all(None if self.trainer is None else self.trainer.pid)
            for leg in group.open.values():
                leg.close()
        count = max(1, group.count)
        seconds, cpu_s = (time.monotonic() - group.started) / count, end.get("cpu_s", 0.0) / count
        for folder in folders:
            if not (folder / "exit.json").exists():
                cost = {"seconds": round(seconds, 6), "cpu_s": round(cpu_s, 6)}
                write_json(folder / "exit.json", end_of_leg(group.open.get(str(folder)), {**end, **cost}))

    def run_command(self, leg: Leg, environment: dict[str, str]) -> dict[str, Any]:
        out_read, out_write = os.pipe()
        error_read, error_write = os.pipe()
        reports = ReportFilter(leg.report)

        def hear_stdout(data: bytes) -> None:
            leg.print(data)
            reports.write(data)

        streams: dict[int, Callable[[bytes], None]] = {out_read: hear_stdout, error_read: leg.print}
        try:
            try:
                argv, workdir = leg.order["argv"], self.training["workdir"]
                pid = self.children.start(argv, cwd=workdir, env=environment, stdout=out_write, stderr=error_write)
            finally:
                os.close(out_write)
                os.close(error_write)
            self.say_who(leg, pid)
            stopped = self.watch(leg, pid, streams, lambda: pid in self.children.ended)
            self.children.kill_all()
            drain(streams)
        finally:
            os.close(out_read)
            os.close(error_read)
        reports.close()
        code, cpu_s, peak = self.children.take_end(pid)
        return {"cpu_s": cpu_s, "peak_memory_bytes": peak, **end_of_process(leg, stopped, code)}

    def run_recipe(self, leg: Leg, environment: dict[str, str]) -> dict[str, Any]:
        return self.ask_trainer(leg)

    def ask_trainer(self, leg: Leg | Group) -> dict[str, Any]:
        """How a leg ended; of a group, how those ended that the trainer did not answer for, if any."""
        if self.trainer is None:
            self.trainer = Trainer(self)
        trainer = self.trainer
        cpu_before = cpu_seconds(trainer.pid)
        forget_peak_memory(trainer.pid)
        answers: list[dict[str, Any]] = []

        def hear_answer(data: bytes) -> None:
            found = trainer.hear(data, leg)
            answers.extend(found)
            if isinstance(leg, Group):
                self.write_ends(leg, found, trainer)

        def is_over() -> bool:
            return len(answers) >= leg.count or trainer.pid in self.children.ended

        for one in leg.legs if isinstance(leg, Group) else [leg]:
            self.say_who(one, trainer.pid)
        trainer.ask(leg)
        streams: dict[int, Callable[[bytes], None]] = {trainer.output: leg.print, trainer.answers: hear_answer}
        stopped = self.watch(leg, trainer.pid, streams, is_over)
        drain(streams)
        cpu_s, peak = cpu_seconds(trainer.pid) - cpu_before, peak_memory(trainer.pid)
        if len(answers) >= leg.count and not stopped:
            ends = [end_of_answer(answer) for answer in answers]
            if any(end["process"] == "recipe_error" for end in ends):
                self.drop_trainer()
            return {"cpu_s": cpu_s, "peak_memory_bytes": peak, **ends[0]}
        self.drop_trainer()
        code, cpu_in_all, peak_in_all = self.children.take_end(trainer.pid)
        cost = {"cpu_s": max(0.0, cpu_in_all - cpu_before), "peak_memory_bytes": max(peak, peak_in_all)}
        if code == 0 and not stopped:
            return {**cost, "process": "recipe_error", "detail": "the trainer ended without an answer"}
        return {**cost, **end_of_process(leg, stopped, code)}

    def write_ends(self, group: Group, answers: list[dict[str, Any]], trainer: Trainer) -> None:
        """The exit.json of legs of a group that the trainer answered for.

        Their seconds are the trainer's own account, a share of a batch's; so is their memory: what the trainer has
        anyway, and an equal part of what the group takes beyond.
        """
        for answer in answers:
            leg = group.open.pop(answer.get("leg", ""), None)
            if leg is None:
                raise ValueError(f"the trainer sent an answer that cannot be read: {answer.get('detail', '')[:200]}")
            leg.close()
            peak = trainer.idle_memory + max(0, peak_memory(trainer.pid) - trainer.idle_memory) // group.count
            cost = {name: round(float(answer[name]), 6) for name in ("seconds", "cpu_s")}
            end = {**cost, "peak_memory_bytes": peak, **end_of_answer(answer)}
            write_json(leg.folder / "exit.json", end_of_leg(leg, end))

    def watch(
        self, leg: Leg | Group, pid: int, streams: dict[int, Callable[[bytes], None]], is_over: Callable[[], bool]
    ) -> str | None:
        """Pass output on until the leg is over. Why it was stopped, or None if it ended by itself.

        A leg past its deadline, or one that the campaign wants to end, gets SIGTERM and a grace; the caller kills what
        is then left.
        """
        stopped, killed_at = None, math.inf
        poll = select.poll()
        alive = os.pidfd_open(pid)
        try:
            for handle in (alive, *streams):
                poll.register(handle, select.POLLIN)
            while not is_over():
                for handle, _ in poll.poll(LOOK_S * 1000):
                    if handle != alive and not pass_on(handle, streams):
                        poll.unregister(handle)
                self.children.reap()
                self.heartbeat(leg)
                if stopping:
                    raise Stopped
                if leg.has_too_many_reports():
                    return "report_limit"
                if time.monotonic() > killed_at and not is_over():
                    return stopped
                reason = None if stopped or is_over() else self.why_to_end(leg)
                if reason is not None:
                    stopped, killed_at = reason, time.monotonic() + self.training["grace_s"]
                    os.killpg(pid, signal.SIGTERM)
        finally:
            os.close(alive)
        return stopped or ("report_limit" if leg.has_too_many_reports() else None)

    def why_to_end(self, leg: Leg | Group) -> str | None:
        if time.monotonic() > leg.started + leg.count * self.training["timeout_s"]:
            return "timed_out"
        return "stopped" if leg.is_to_stop() else None

    def say_who(self, leg: Leg, pid: int) -> None:
        """Write trial.json, by which a later runner can find the process."""
        who = {"worker": self.id, "nonce": self.id, **identity(pid)}
        write_json(leg.folder / "trial.json", who, durable=False)

    def drop_trainer(self) -> None:
        trainer, self.trainer = self.trainer, None
        if trainer is not None:
            self.children.kill_all()
            trainer.close()

    def heartbeat(self, leg: Leg | Group | None = None) -> None:
        now = time.monotonic()
        if now - self._beat < HEARTBEAT_S:
            return
        self._beat = now
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.folder / "worker.json")
        if leg is not None:
            leg.flush()


NOT_STARTED: dict[str, Any] = {"process": "exited", "exit_code": 127}


def end_of_leg(leg: Leg | None, end: dict[str, Any]) -> dict[str, Any]:
    """The content of exit.json. Without a word on its cost, a leg took the time since it began."""
    started = time.monotonic() if leg is None else leg.started
    return {
        "exit_code": None,
        "signal": None,
        "seconds": round(time.monotonic() - started, 6),
        "started_at": utc_now() if leg is None else leg.started_at,
        "ended_at": utc_now(),
        "detail": "",
        **end,
    }


def end_of_process(leg: Leg | Group, stopped: str | None, code: int) -> dict[str, Any]:
    """What to record about a process that was stopped, or that ended with this code (negative: by a signal)."""
    if stopped == "report_limit":
        return {"process": stopped, "detail": f"more than {REPORT_BYTES >> 20} MiB of reports"}
    if stopped:
        return {"process": stopped, "detail": leg.last_line()}
    detail = leg.last_line() if code else ""
    if code < 0:
        return {"process": "signalled", "signal": -code, "detail": detail}
    return {"process": "exited", "exit_code": code, "detail": detail}


def end_of_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """What to record about a leg that the trainer answered for."""
    detail = str(answer.get("detail") or "")[:1000]
    if answer.get("end") == "completed":
        return {"process": "exited", "exit_code": 0, "detail": detail}
    if answer.get("end") == "diverged":
        return {"process": "diverged", "detail": detail}
    return {"process": "recipe_error", "detail": detail or "the recipe failed"}


def parse_answer(line: bytes) -> dict[str, Any]:
    """What the trainer said on one line; a failure of the recipe when that cannot be read."""
    with contextlib.suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {"end": "crashed", "detail": f"the trainer sent an answer that cannot be read: {line[:200]!r}"}


def send_all(handle: int, data: bytes) -> None:
    """Write all of it, however long."""
    while data:
        data = data[os.write(handle, data) :]


def pass_on(handle: int, streams: dict[int, Callable[[bytes], None]]) -> bool:
    """Hand one chunk to its reader; False at the end of the stream."""
    data = os.read(handle, CHUNK_BYTES)
    if data:
        streams[handle](data)
    return bool(data)


def drain(streams: dict[int, Callable[[bytes], None]]) -> None:
    """Hand on what is still in the pipes, without waiting for more."""
    for handle in streams:
        while select.select([handle], [], [], 0)[0] and pass_on(handle, streams):
            pass


def begin_once(folder: Path, who: dict[str, Any]) -> bool:
    """Mark an attempt as begun; False when it was begun or given up before: guards against a doubled ticket."""
    passing = folder / f".begin.{os.getpid()}"
    passing.write_text(json.dumps(who))
    try:
        os.link(passing, folder / "trial.json")
    except FileExistsError:
        return False
    finally:
        passing.unlink()
    return True


def is_of_group(folder: Path) -> bool:
    """Whether a leg is trained in the company of others, of which it may be the only one left to be trained."""
    with contextlib.suppress(OSError, ValueError):
        return bool(read_json(folder / "leg.json").get("group"))
    return False


def clear(folder: Path) -> None:
    """Bring an attempt's folder back to what it was before it began; trial.json last, since it guards the rest."""
    for name in sorted(os.listdir(folder), key="trial.json".__eq__):
        if name not in ("leg.json", "hyperparameters.json"):
            remove(folder / name)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # rarely needed, and a tenth of this file's start

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any], durable: bool = True) -> None:
    """Replace a file as a whole. What describes processes need not be durable: a power failure ends them too."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    with passing.open("w") as file:
        json.dump(content, file)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    passing.rename(path)
    if durable:
        handle = os.open(path.parent, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. Raises ValueError when it holds something else."""
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object")
    return found


def utc_now() -> str:
    seconds, fraction = divmod(time.time(), 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(fraction * 1000):03d}+00:00"


def identity(pid: int) -> dict[str, Any]:
    """A process for all time. Raises FileNotFoundError when it is gone."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"pid": pid, "start_time": int(stat_fields(pid)[19]), "boot_id": boot}


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before may hold spaces and parentheses."""
    text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return text[text.rindex(")") + 2 :].split()


def cpu_seconds(pid: int) -> float:
    """What a process and its reaped children have used; 0 when it is gone."""
    try:
        return sum(map(int, stat_fields(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def peak_memory(pid: int) -> int:
    """The most memory it held since `forget_peak_memory`; 0 when it is gone."""
    return memory_in_status(pid, "VmHWM:")


def memory_now(pid: int) -> int:
    """The memory that it holds; 0 when it is gone."""
    return memory_in_status(pid, "VmRSS:")


def memory_in_status(pid: int, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def forget_peak_memory(pid: int) -> None:
    with contextlib.suppress(OSError):  # not every kernel has it; then the peak is the trainer's so far
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def children_of(pid: int) -> list[int]:
    """The direct children, dead ones included until they are reaped; not certain to be all while they change."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
            return children_by_parent(pid)
    return found


def children_by_parent(pid: int) -> list[int]:
    """The same on a kernel that keeps no lists of children."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdecimal() and int(stat_fields(int(entry))[1]) == pid:
                found.append(int(entry))
    return found


def descendants_of(pid: int) -> list[tuple[int, int]]:
    """The living processes below this one, each with its start time."""
    found = []
    for child in children_of(pid):
        with contextlib.suppress(OSError):
            fields = stat_fields(child)
            found += [(child, int(fields[19]))] * (fields[0] not in "ZX")
        found += descendants_of(child)
    return found


def kill_exactly(pid: int, start_time: int) -> None:
    """SIGKILL to the process with this start time, and to no other that got its pid."""
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if int(stat_fields(pid)[19]) == start_time:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def die_with_parent() -> None:
    """Runs in the new process: SIGKILL when the worker dies, also if that happened just now.

    Where memory runs out, the kernel shall end a training before the service, which may be spared by its unit.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != WORKER_PID:
        os._exit(1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)


def note_stop(number: int, frame: object) -> None:
    global stopping
    stopping = True


def main() -> None:
    signal.signal(signal.SIGTERM, note_stop)
    signal.signal(signal.SIGINT, note_stop)
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    Worker(Path(sys.argv[1]), sys.argv[2]).run()


if __name__ == "__main__":
    main()

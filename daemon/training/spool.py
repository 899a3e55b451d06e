"""The folder through which a campaign hands legs to its workers, and reads back what became of them.

queue/TICKET             a leg that waits; TICKET is <sequence>-<leg>.a<attempt>, an empty file, or the first of a group
                         of legs to be trained together: the file names the tickets of the others, one per line
claimed/TICKET~WORKER    a leg, or a group, that a worker took, by renaming the ticket
legs/<leg>.a<attempt>/   leg.json, hyperparameters.json, config.yaml, trial.json (who trains it), report.jsonl,
                         output.log, checkpoint, exit.json; stop: asks the worker to end it early
workers/<id>/            worker.json (pid, start time, boot id, nonce), worker.log
fusing/<kind>.json       whether trials of a kind are trained as a batch, how many at once, and why
pins/<pin>.json          on which kind of node a pair trains; the first worker that took a leg of it decided
splits/                  what was cut of the data for the legs, where retuned does that (splits/split_files.py)
stop                     while it is there, workers end after their leg

A leg's folder is complete once it has leg.json, and ended once it has exit.json. After enqueueing, only its worker
writes there, but for stop; only when that worker is dead, the runner writes the exit.json of a lost leg in its place.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ...strategies.errors import CampaignFailed, InputError
from ...strategies.legs.ends import ProcessEnd, ProcessKind, process_end_of
from ...strategies.legs.request import request_of
from ...strategies.records import LegRequest
from ..durable_files import read_json, sweep, sync_file, sync_folder, write_json
from ..foreign_files import NotPlain, create_plain, make_folder, read_plain, remove
from .leg_order import Ticket, TrainingOrder, config_path, order_for_leg, values_for_leg
from .splits.leg_data import LegData

_LEG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Spool:
    """One campaign's spool folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.queue = self.folder / "queue"
        self.claimed = self.folder / "claimed"
        self.legs = self.folder / "legs"
        self.workers = self.folder / "workers"
        self.stop_file = self.folder / "stop"

    def create(self, training: TrainingOrder) -> None:
        """Make the folders, write training.json and lift a stop."""
        for folder in (self.queue, self.claimed, self.legs, self.workers):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "training.json", asdict(training))
        self.lift_stop()

    def sweep(self) -> None:
        """Remove what dead processes were writing here. For the holder of the campaign's lease or lock alone."""
        sweep((self.folder, self.folder / "fusing", *_folders_in(self.legs), *_folders_in(self.workers)))
        for passing in self.folder.glob("*.new"):
            passing.unlink(missing_ok=True)

    def leg_folder(self, leg: str, attempt: int) -> Path:
        """The folder of an attempt at a leg."""
        return self.legs / f"{leg}.a{attempt}"

    def prepare(
        self,
        request: LegRequest,
        ticket: Ticket,
        training: TrainingOrder,
        parent: Path | None,
        group: tuple[str, ...] = (),
        data: LegData | None = None,
        pin: str = "",
    ) -> bool:
        """Write one attempt's folder, leg.json last, for a ticket to follow; False when it has ended with that.

        `parent` is the folder of the leg whose checkpoint it starts from. If that one left no checkpoint, the
        attempt ends at once with this reason. `group` names the legs that it is trained with; `data`, what was
        cut for it. Raises InputError for a command that cannot be filled in, before anything is written.
        """
        folder = self.leg_folder(ticket.leg, ticket.attempt)
        order = {**order_for_leg(request, ticket, training, folder, parent, data, pin), "group": group}
        values = values_for_leg(request, training, folder, data)
        config = None if training.template is None else training.template.filled(values)
        remove(folder)  # what nobody prepared to its end, or a training put there
        folder.mkdir()
        write_json(folder / "hyperparameters.json", dict(request.configuration), syncs_name=False)
        if training.template is not None and config is not None:
            config_path(training.template, folder).write_text(config, encoding="utf-8")
        write_json(folder / "leg.json", order)  # syncs both names
        if parent is not None and not (parent / "checkpoint").exists():
            detail = (
                f"its parent leg {request.parent} left no checkpoint; a resumable command writes RETUNED_CHECKPOINT_OUT"
            )
            write_end(folder, ProcessEnd(ProcessKind.RECIPE_ERROR, detail=detail))
            return False
        return True

    def put(self, ticket: Ticket, *others: Ticket) -> None:
        """Queue a ticket whose leg folder is complete; with others, as a group."""
        self.put_groups([(ticket, *others)])

    def put_groups(self, groups: Sequence[Sequence[Ticket]]) -> None:
        """Queue several groups of tickets, each of one or more, whose leg folders are complete."""
        sync_folder(self.legs)
        for ticket, *others in groups:
            if others:
                passing = self.folder / f"{ticket}.new"
                passing.write_text("".join(f"{other}\n" for other in others))
                sync_file(passing)
                passing.rename(self.queue / str(ticket))
            else:
                (self.queue / str(ticket)).touch()
        sync_folder(self.queue)

    def count_queued(self) -> int:
        """How many tickets wait, a group counting once."""
        return len(os.listdir(self.queue))

    def queued(self) -> frozenset[Ticket]:
        """The tickets that wait, those of groups one by one."""
        return frozenset(ticket for entry in os.scandir(self.queue) for ticket in _tickets_in(entry, entry.name))

    def claims(self) -> tuple[tuple[Ticket, str], ...]:
        """The claimed tickets with their workers. Read it after `queued`: tickets move in that direction."""
        named = ((entry, *entry.name.partition("~")) for entry in os.scandir(self.claimed))
        return tuple((ticket, worker) for entry, text, _, worker in named for ticket in _tickets_in(entry, text))

    def drop_claim(self, ticket: Ticket, worker: str) -> None:
        """Forget that a dead worker held this ticket."""
        (self.claimed / f"{ticket}~{worker}").unlink(missing_ok=True)

    def withdraw(self, ticket: Ticket) -> None:
        """Take a waiting ticket back."""
        (self.queue / str(ticket)).unlink(missing_ok=True)

    def is_prepared(self, ticket: Ticket) -> bool:
        """Whether the folder of a ticket's leg is complete; a training may have taken it away."""
        return (self.leg_folder(ticket.leg, ticket.attempt) / "leg.json").exists()

    def lift_stop(self) -> None:
        """Take back a request to all workers to end."""
        remove(self.stop_file)

    def give_up(self, ticket: Ticket, detail: str) -> None:
        """Record an attempt as lost, unless it has ended; from now on no worker can begin it."""
        folder = self.leg_folder(ticket.leg, ticket.attempt)
        make_folder(folder)
        if not (folder / "exit.json").exists():
            if not (folder / "trial.json").exists():
                os.close(create_plain(folder / "trial.json"))
            write_end(folder, ProcessEnd(ProcessKind.LOST, detail=detail))
        remove(folder / "tmp")

    def ask_to_stop(self, ticket: Ticket, step: float) -> None:
        """Have a claimed leg ended by its worker, as hopeless since that step; harmless to repeat."""
        with contextlib.suppress(FileNotFoundError):
            write_json(self.leg_folder(ticket.leg, ticket.attempt) / "stop", {"step": step})

    def attempts(self) -> dict[str, int]:
        """The newest complete attempt at each leg."""
        newest: dict[str, int] = {}
        for name in os.listdir(self.legs):
            leg, mark, attempt = name.rpartition(".a")
            if mark and attempt.isdecimal() and (self.legs / name / "leg.json").exists():
                newest[leg] = max(int(attempt), newest.get(leg, 0))
        return newest

    def read_group(self, leg: str, attempt: int) -> tuple[str, ...]:
        """The legs that this attempt is trained with, itself among them; empty when it is trained alone."""
        return tuple((read_json(self.leg_folder(leg, attempt) / "leg.json") or {}).get("group", ()))

    def read_pin(self, ticket: Ticket) -> str:
        """What its leg has in common with those that must train on the same kind of node; empty: nothing."""
        return str((read_json(self.leg_folder(ticket.leg, ticket.attempt) / "leg.json") or {}).get("pin") or "")

    def read_leg(self, leg: str, attempt: int) -> tuple[LegRequest, int] | None:
        """What was asked and its sequence; None when leg.json cannot be read."""
        order = read_json(self.leg_folder(leg, attempt) / "leg.json")
        try:
            return (request_of(order), int(order["sequence"])) if order is not None else None
        except (KeyError, TypeError, ValueError):
            return None

    def was_started(self, leg: str, attempt: int) -> bool:
        """Whether a worker began this attempt."""
        return (self.leg_folder(leg, attempt) / "trial.json").exists()

    def read_end(self, leg: str, attempt: int) -> ProcessEnd | None:
        """How this attempt's process ended; None while it has not. An unreadable exit.json counts as lost."""
        path = self.leg_folder(leg, attempt) / "exit.json"
        if not path.exists():
            return None
        return process_end_of(read_json(path) or {}) or _UNREAD

    def checkpoint_fault(self, leg: str, attempt: int) -> str | None:
        """What an attempt left in place of a checkpoint, as a clause, which may be empty; None where it left one."""
        folder = self.leg_folder(leg, attempt)
        if (folder / "checkpoint").exists():
            return None
        others = sorted(path.name for path in folder.glob("checkpoint*"))[:3]
        return f" (there is {', '.join(others)}: some libraries add an ending to the name)" if others else ""

    def report_path(self, leg: str, attempt: int) -> Path:
        """Its report file, which may not be there."""
        return self.leg_folder(leg, attempt) / "report.jsonl"


@contextlib.contextmanager
def folder_in_place() -> Iterator[None]:
    """Raises CampaignFailed, with what to do, where a spool turns out to have been removed or changed."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, NotPlain) as error:
        raise CampaignFailed(
            f"the campaign's own folder was removed or changed while it ran: {error}",
            "a training writes to RETUNED_REPORT, RETUNED_CHECKPOINT_OUT and TMPDIR, and to nothing else there",
            "look for what did so, then start the campaign again",
        ) from error


def leg_in(folder: Path) -> str:
    """The name of the leg that a folder of one attempt belongs to."""
    return folder.name.rpartition(".a")[0]


def remove_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a campaign that has ended; no later campaign starts from them."""
    for name in ("checkpoint", "checkpoint.new"):  # the latter where a trainer was killed
        for checkpoint in (folder / "legs").glob(f"*/{name}"):
            remove(checkpoint)


def withdraw_tickets(campaign: Path) -> None:
    """Delete what waits and what is claimed in the spools of a campaign that has ended, whose workers are gone.

    A worker that its training killed, or one that put its ticket back, leaves some. Links are not followed.
    """
    for spool in (campaign, *_folders_in(campaign)):  # pieces of a long run have spools of their own
        for folder in (spool / "queue", spool / "claimed"):
            if not folder.is_symlink():
                for path in _paths_in(folder):
                    remove(path)


def check_leg_name(name: str) -> None:
    """Raises InputError for a leg name that cannot be a file name or a ticket."""
    if not _LEG_NAME.fullmatch(name):
        raise InputError(f"the leg name {name!r}", "letters, digits, dot, dash and underscore, at most 100")


def write_end(folder: Path, end: ProcessEnd) -> None:
    """Write an attempt's exit.json."""
    write_json(folder / "exit.json", asdict(end))


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _paths_in(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except OSError:
        return []


def _tickets_in(entry: os.DirEntry[str], name: str) -> list[Ticket]:
    """The tickets of a file in the queue or among the claims: its own, and those of its group."""
    first = Ticket.parse(name)
    if first is None:
        return []
    others: list[str] = []
    with contextlib.suppress(OSError):  # it has just moved on; where to, the next look will show
        if entry.stat().st_size:
            others = read_plain(Path(entry.path), 1 << 20).decode(errors="replace").split()
    return [first, *(ticket for ticket in map(Ticket.parse, others) if ticket is not None)]


_UNREAD = ProcessEnd(ProcessKind.LOST, detail="its exit.json cannot be read")

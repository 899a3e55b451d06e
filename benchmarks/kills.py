"""SIGKILL at random moments of a re-evaluation, of the process that leads it and of its workers; then start again.

    python benchmarks/kills.py --out benchmarks/results/kills.json

A campaign that is killed again and again must end with the verdict of one that was left alone, train no leg a second
time that had ended, and leave no process behind, neither when it ends nor past the deadlines of what it started.
Exit code 1 when it does not.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record
from retuned.daemon.training.leg_order import Ticket
from retuned.daemon.training.spool import Spool
from retuned.daemon.training.worker_processes import WORKER
from scene import WAIT_S, Scene, age_s, finished, kill, make_flights, make_toy

VARYING = ("created_at", "started_at", "ended_at", "compute_s", "cost_drift")  # times and costs
SLOTS = 2  # of the toy
HANG_TIMEOUT_S, HANG_GRACE_S, WORKER_IDLE_S, WORKER_DEADLINE_S, LATE_S = 1.0, 5.0, 30.0, 8.0, 3.0
AFTER_A_LEG_S, START_UP_S = 0.1, 1.2

Row = dict[str, Any]


def main() -> int:
    """Run the studies, print and write what came out; 1 when a promise is broken."""
    options = _options()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        if options.kills:
            rows.append(killed(make_toy, Path(folder) / "toy", options.kills, options.worker_kills, options.seed))
        if options.flights_kills:
            rows.append(killed(make_flights, Path(folder) / "flights", options.flights_kills, 2, options.seed))
        left = [] if options.fast else [abandoned(Path(folder) / "abandoned"), outlived(Path(folder) / "outlived")]
    print_table("killed and started again", [{k: v for k, v in row.items() if k != "moments"} for row in rows])
    if left:
        print_table("left alone after the kill", left)
    seconds = round(time.perf_counter() - started, 1)
    command = f"python benchmarks/kills.py --kills {options.kills} --seed {options.seed}"
    write_record(options.out, header(command) | {"seconds": seconds, "killed": rows, "left_alone": left})
    return 0 if all(row["kept"] for row in (*rows, *left)) else 1


def killed(make: Callable[[Path], Scene], folder: Path, kills: int, worker_kills: int, seed: int) -> Row:
    """One campaign left alone, one killed at random moments, and what differs."""
    alone, disturbed = make(folder / "alone"), make(folder / "disturbed")
    expected = stable(json.loads(finished(alone.retune(seed))))
    legs = alone.ended_legs()
    moments: list[Row] = []
    leader = disturbed.retune(seed)
    for ended, victim in draw_moments(kills, worker_kills, legs, seed):
        moments += kill_at(disturbed, leader, random.Random(f"{seed} {len(moments)}"), ended, victim)
        leader = disturbed.retune(seed) if leader.returncode == -signal.SIGKILL else leader
    found = stable(json.loads(finished(leader)))
    left = disturbed.processes()
    again = run_again(disturbed)
    row = {
        "model": disturbed.name,
        "outcome": found["verdict"]["outcome"],
        "pairs": found["verdict"]["pairs"],
        "legs": legs,
        "kills": sum(moment["victim"] == "retune" for moment in moments),
        "worker_kills": sum(moment["victim"] == "worker" for moment in moments),
        "phases": dict(Counter(moment["phase"] for moment in moments)),
        "amid_legs": sum(moment["running_legs"] > 0 for moment in moments),
        "attempts": len(disturbed.legs()),
        "same_verdict": found == expected,
        "same_alerts": disturbed.alerts() == alone.alerts(),
        "ended_legs_run_again": again,
        "logged_twice": logged_twice(disturbed),
        "processes_left": len(left),
        "moments": moments,
    }
    # A worker may die between the last line of a training and the record of its end: that leg runs again.
    excess = row["logged_twice"] > row["worker_kills"] if row["worker_kills"] else row["logged_twice"] > 0
    kept = row["same_verdict"] and row["same_alerts"] and not again and not left and not excess
    return row | {"kept": kept and row["kills"] == kills}


def draw_moments(kills: int, worker_kills: int, legs: int, seed: int) -> list[tuple[int, str]]:
    """(number of ended legs, victim) of each kill, in order: all over the campaign and before its first leg."""
    generator = random.Random(seed)
    victims = ["retune"] * kills + ["worker"] * worker_kills
    return sorted((max(0, generator.randrange(-legs // 6, legs - 2)), victim) for victim in victims)


def kill_at(
    scene: Scene, leader: "subprocess.Popen[str]", generator: random.Random, ended: int, victim: str
) -> list[Row]:
    """Wait for the moment and kill; empty when the campaign was over before, or no worker was left to kill.

    Where the moment passed while nobody led the campaign, the kill falls into the start, or at the latest on the next
    end of a leg.
    """
    at_start = scene.ended_legs()
    pause_s = generator.uniform(0, AFTER_A_LEG_S if at_start < ended else START_UP_S)
    while scene.ended_legs() < ended and leader.poll() is None:
        time.sleep(0.002)
    until = time.monotonic() + pause_s
    while time.monotonic() < until and scene.ended_legs() <= max(at_start, ended):
        time.sleep(0.002)
    busy = wait_for_busy_worker(scene, leader, generator) if victim == "worker" else None
    moment = {
        "victim": victim,
        "phase": scene.phase(),
        "ended_legs": scene.ended_legs(),
        "running_legs": len(scene.claims()),
        "pause_s": round(pause_s, 3),
    }
    if victim == "worker":
        return [moment] if busy is not None and kill(busy) else []
    if leader.poll() is not None:
        return []
    os.killpg(leader.pid, signal.SIGKILL)
    leader.communicate()
    return [moment]


def wait_for_busy_worker(scene: Scene, leader: "subprocess.Popen[str]", generator: random.Random) -> int | None:
    """A worker somewhere in the middle of a leg; None when the campaign ends first."""
    while leader.poll() is None:
        holders = {claim.name.partition("~")[2] for claim in scene.claims()}
        busy = [pid for worker, pid in sorted(scene.workers().items()) if worker in holders]
        if busy:
            time.sleep(generator.uniform(0, AFTER_A_LEG_S / 2))
            return generator.choice(busy)
        time.sleep(0.005)
    return None


def run_again(scene: Scene) -> int:
    """Legs that were trained once more although an earlier attempt had come to a recorded end of its own."""
    ended: Counter[str] = Counter()
    for leg in scene.legs():
        end = json.loads((leg / "exit.json").read_text()) if (leg / "exit.json").exists() else {}
        name, _, _ = leg.name.rpartition(".a")
        ended[name] += end.get("process") not in (None, "lost")
    return sum(count > 1 for count in ended.values())


def logged_twice(scene: Scene) -> int:
    """Legs of which the training itself wrote more than once that it had come to its end."""
    log = scene.folder / "log.txt"
    lines = log.read_text().splitlines() if log.exists() else []
    ends = Counter(line.removeprefix("end ").rpartition(".a")[0] for line in lines if line.startswith("end "))
    return sum(count > 1 for count in ends.values())


def abandoned(folder: Path) -> Row:
    """The leading process is killed while every training hangs, and nobody starts it again."""
    scene, process = make_hanging(folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    started, oldest = time.monotonic(), 0.0
    allowed_s = len(scene.legs()) * (HANG_TIMEOUT_S + HANG_GRACE_S) + WORKER_IDLE_S + LATE_S
    while (living := scene.processes()) and time.monotonic() - started < allowed_s:
        oldest = max([oldest, *(age_s(pid) for pid, line in living.items() if str(WORKER) not in line)])
        time.sleep(0.1)
    return {
        "what": "no one leads",
        "oldest_training_s": round(oldest, 1),
        "training_deadline_s": HANG_TIMEOUT_S + HANG_GRACE_S,
        "workers_gone_after_s": round(time.monotonic() - started, 1),
        "workers_deadline_s": round(allowed_s, 1),
        "processes_left": len(living),
        "kept": not living and oldest < HANG_TIMEOUT_S + HANG_GRACE_S + LATE_S,
    }


def outlived(folder: Path) -> Row:
    """A worker whose own deadline comes while there is still work in the queue."""
    scene, process = make_hanging(folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for pid in scene.workers().values():
        kill(pid)
    campaign = scene.state / "campaigns" / "2"
    queue_all(Spool(campaign))
    worker = campaign / "workers" / "planted"
    worker.mkdir(parents=True)
    (worker / "worker.json").write_text(json.dumps({"nonce": "planted", "deadline_s": WORKER_DEADLINE_S}))
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-I", "-S", WORKER, campaign, "planted"],
        env={"RETUNED_WORKER": "planted", "PATH": os.environ["PATH"]},
        timeout=WAIT_S,
        check=True,
    )
    lived_s = time.monotonic() - started
    left = scene.processes()
    waiting = len(list((campaign / "queue").glob("*")))
    return {
        "what": "worker past its deadline",
        "workers_gone_after_s": round(lived_s, 1),
        "workers_deadline_s": WORKER_DEADLINE_S,
        "legs_waiting": waiting,
        "processes_left": len(left),
        "kept": not left and waiting > 0 and lived_s <= WORKER_DEADLINE_S,
    }


def queue_all(spool: Spool) -> None:
    """Queue every leg that has not ended: a campaign holds most of them back."""
    for number, folder in enumerate(sorted(spool.legs.iterdir())):
        leg, _, attempt = folder.name.rpartition(".a")
        if not (folder / "exit.json").exists():
            spool.put(Ticket(number, leg, int(attempt)))


def make_hanging(folder: Path) -> tuple[Scene, "subprocess.Popen[str]"]:
    """A campaign whose first trainings, one in each of its two workers, have just begun to hang."""
    scene = make_toy(folder, timeout=f"{HANG_TIMEOUT_S:g}s", sleep_s=600)
    process = scene.retune(1)
    until = time.monotonic() + WAIT_S
    while len(scene.claims()) < SLOTS:
        assert time.monotonic() < until, "no legs were begun"
        time.sleep(0.01)
    return scene, process


def stable(campaign: Row) -> Row:
    """What two runs of a campaign must have in common."""
    return {name: value for name, value in campaign.items() if name not in VARYING}


def _options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of the process that leads the toy's campaign")
    parser.add_argument("--worker-kills", type=int, default=6, help="of a worker, in between")
    parser.add_argument("--flights-kills", type=int, default=6, help="the same on a recipe")
    parser.add_argument("--fast", action="store_true", help="leave out what waits for deadlines")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "kills.json")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())

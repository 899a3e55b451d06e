"""SIGKILL at random moments of campaigns on a Ray cluster of three nodes: of the service, of the process that leads a
campaign, of workers, of whole nodes, of a node's Ray alone, and of the head.

    python benchmarks/ray_kills.py --out benchmarks/results/ray.json

What is gone is started again after a moment. Compared with the same campaigns on this machine alone, every verdict
must be the same, no leg may be lost or counted twice, and nothing may be left: no job, no actor, no process, no
half-written file. Exit code 1 when a promise is broken. (A file ray.py would hide the package of that name.)
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests
from faults import wait_for_leaders
from fleet import CONFIG, WAIT_S, Fleet, Row, doubled, ended_legs, lost
from machine import header, print_table, write_record
from ray_cluster import RayCluster
from retuned.daemon.config.config import resolve_secret
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from scene import everywhere, kill

MODELS = {"near": -2.35}  # the best value lies a little beside the stored one, which takes many pairs
KINDS = ("x", "x", "y")  # of nodes, of which a pair must stay on one
NODES, LEG_S, LONGEST_PAUSE_S = len(KINDS), 1.0, 6.0
BUSY_S, GONE_S, FORGOTTEN_S = 120.0, 30.0, 150.0  # two looks of the service at the cluster
COUNTS = {"service": 6, "leader": 8, "worker": 8, "node": 3, "raylet": 3, "head": 2}
MOST_TOLD = 20
LOCAL = f"[workers]\nslots = {NODES}\n"


class ClusterFleet(Fleet):
    """A fleet whose trainings run on a cluster."""

    @property
    def shared(self) -> Path:
        """What the nodes see."""
        return self.folder / "shared"

    def place_on(self, cluster: RayCluster) -> None:
        """Let it train there."""
        self.shared.mkdir()
        lines = (
            "[workers]",
            'runner = "ray"',
            f'token = "{cluster.token}"',
            f'address = "{cluster.address}"',
            f'shared = "{self.shared}"',
        )
        text = "\n".join((CONFIG, *lines, f'python = "{sys.executable}"', ""))
        (self.folder / "config.toml").write_text(text)

    def busy_workers(self) -> list[int]:
        """The pids of workers that hold a leg."""
        holders = {path.name.partition("~")[2] for path in self.shared.glob("*/campaigns/*/claimed/*")}
        lines = ((pid, line) for pid, line, _ in everywhere() if "/training/worker\0" in line)
        return [pid for pid, line in lines if any(holder in line for holder in holders)]

    def processes(self) -> list[str]:
        """The command lines of living processes that belong to it, on this machine and on the nodes."""
        return [line for _, line, environment in everywhere() if str(self.folder) in line + environment]

    def left_in_spools(self) -> list[str]:
        """Tickets, claims, workers and their variables that no campaign has any more use for."""
        patterns = ("queue/*", "claimed/*", "workers/*/worker.json", "workers/*/environment.json")
        return [str(path) for pattern in patterns for path in self.shared.glob(f"*/campaigns/*/{pattern}")]


def main() -> int:
    """Run the study, print and write what came out; 1 when a promise is broken."""
    options = _options()
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as ray_folder,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        cluster = RayCluster(Path(ray_folder), (1,) * NODES, KINDS)
        try:
            cluster.start()
            row = study(Path(folder), cluster, _counts(options.kills), options.rounds, options.seed)
        finally:
            cluster.end()
    print_table("killed on a cluster", [{k: v for k, v in row.items() if k not in ("moments", "left")}])
    seconds = round(time.perf_counter() - started, 1)
    command = f"python benchmarks/ray_kills.py --kills {options.kills} --rounds {options.rounds} --seed {options.seed}"
    write_record(options.out, header(command, packages=("ray",)) | {"seconds": seconds, "killed": row})
    return 0 if row["kept"] else 1


def study(folder: Path, cluster: RayCluster, counts: Mapping[str, int], rounds: int, seed: int) -> Row:
    """Campaigns that are disturbed so often in each way, the same ones left alone on this machine, and what differs."""
    disturbed = ClusterFleet(folder / "cluster", MODELS, sleep_s=LEG_S, slots=NODES)
    disturbed.place_on(cluster)
    try:
        moments = disturb(disturbed, cluster, counts, rounds, random.Random(seed))
        wait_for_the_end(disturbed, cluster)
        disturbed.finish()
    finally:
        if disturbed.service is not None:
            disturbed.service.kill()
    left_behind = remains(disturbed, cluster)
    alone = Fleet(folder / "alone", MODELS, config=LOCAL, slots=NODES)
    for _ in range(disturbed.rounds):
        alone.queue_round()
    alone.start()
    alone.finish()
    found, expected = disturbed.verdicts(), alone.verdicts()
    row = {
        "nodes": NODES,
        "campaigns": len(found),
        "kills": dict(Counter(moment["victim"] for moment in moments)),
        "phases": dict(Counter(phase for moment in moments for phase in moment["phases"])),
        "amid_legs": sum(moment["running_legs"] > 0 for moment in moments),
        "outcomes": dict(Counter(str((one["verdict"] or {}).get("outcome", one["phase"])) for one in found)),
        "legs": sum(ended_legs(disturbed).values()),
        "legs_alone": sum(ended_legs(alone).values()),
        "attempts": len(list(disturbed.shared.glob("*/campaigns/*/legs/*/leg.json"))),
        "lost": lost(disturbed, expected),
        "counted_twice": doubled(disturbed, tolerated=len(moments)),
        **{f"{name}_left": len(what) for name, what in left_behind.items()},
        **sides(disturbed),
        "same_verdicts": found == expected,
        "same_legs": scores(disturbed) == scores(alone),
        "same_alerts": disturbed.alerts() == alone.alerts(),
        "differing_legs": differing(disturbed, alone),
        "left": left_behind,
        "moments": moments,
    }
    whole = row["same_verdicts"] and row["same_legs"] and row["same_alerts"] and len(moments) == sum(counts.values())
    return row | {
        "kept": whole and not (row["lost"] or row["counted_twice"] or row["split_pairs"] or any(left_behind.values()))
    }


def disturb(
    fleet: ClusterFleet, cluster: RayCluster, counts: Mapping[str, int], rounds: int, generator: random.Random
) -> list[Row]:
    """Kill one after the other while campaigns run; at the end everything is there again."""
    victims = [victim for victim, count in counts.items() for _ in range(count)]
    generator.shuffle(victims)
    fleet.queue_round()
    fleet.start()
    moments: list[Row] = []
    for victim in victims:
        while fleet.rounds < rounds or not open_campaigns(fleet.store):
            fleet.queue_round()
        time.sleep(generator.uniform(0, LONGEST_PAUSE_S))
        busy = wait_for_busy(fleet)
        leaders = wait_for_leaders(fleet)
        moment = {
            "victim": victim,
            "phases": sorted(one.phase for one in open_campaigns(fleet.store) if one.phase != "queued"),
            "running_legs": fleet.running_legs(),
        }
        print(moment, flush=True)
        if strike(fleet, cluster, victim, (leaders, busy), generator):
            moments.append(moment)
    return moments


def strike(
    fleet: ClusterFleet, cluster: RayCluster, victim: str, pids: tuple[list[int], list[int]], generator: random.Random
) -> bool:
    """Kill one of that kind, and start it again where nobody else does; False where there was none."""
    leaders, busy = pids
    if victim == "service":
        assert fleet.service is not None
        fleet.service.kill()
        fleet.service.wait()
        for pid in leaders:  # the service's processes are killed with it, as where a machine restarts
            kill(pid)
        fleet.start()
        return True
    if victim in ("leader", "worker"):
        candidates = leaders if victim == "leader" else busy
        return bool(candidates) and kill(generator.choice(candidates))
    number = 0 if victim == "head" else generator.randrange(1, NODES)
    lose = cluster.kill_raylet if victim == "raylet" else cluster.kill
    lose(number)
    time.sleep(generator.uniform(0, LONGEST_PAUSE_S))
    cluster.start()
    return True


def wait_for_busy(fleet: ClusterFleet) -> list[int]:
    """The workers that hold a leg, as soon as there are some."""
    until = time.monotonic() + BUSY_S
    while not (busy := fleet.busy_workers()) and open_campaigns(fleet.store) and time.monotonic() < until:
        time.sleep(0.1)
    return busy


def wait_for_the_end(fleet: ClusterFleet, cluster: RayCluster) -> None:
    """Wait until no campaign is open, and for the service to have the cluster forget what ended late."""
    until = time.monotonic() + WAIT_S
    while open_campaigns(fleet.store) and time.monotonic() < until:
        time.sleep(0.5)
    until = time.monotonic() + FORGOTTEN_S
    while cluster.jobs().jobs() and time.monotonic() < until:
        time.sleep(0.5)


def remains(fleet: ClusterFleet, cluster: RayCluster) -> dict[str, list[str]]:
    """What is left of the campaigns when all have ended; processes are given a moment."""
    until = time.monotonic() + GONE_S
    while (processes := fleet.processes()) and time.monotonic() < until:
        time.sleep(0.2)
    jobs = list(cluster.jobs().jobs())
    address = f"{cluster.address}/api/v0/actors?detail=1&limit=10000"
    headers = {"authorization": f"Bearer {resolve_secret(cluster.token, {})}"}
    told = requests.get(address, headers=headers, timeout=60).json()["data"]["result"]["result"]
    actors = [str(actor["name"]) for actor in told if "retuned-" in str(actor["name"]) and actor["state"] != "DEAD"]
    return {
        "jobs": jobs,
        "actors": actors,
        "processes": processes,
        "files": [*fleet.left_in_spools(), *fleet.temporaries()],
    }


def sides(fleet: Fleet) -> Row:
    """How many pairs each kind of node trained, and how many were split."""
    rows = fleet.store.rows(
        """SELECT campaign_id, request ->> '$.number' AS number, group_concat(DISTINCT node) AS nodes FROM legs
        WHERE request ->> '$.purpose' = 'confirm' AND ended = 'completed' GROUP BY campaign_id, number"""
    )
    pairs = Counter(str(row["nodes"]) for row in rows)
    return {"pairs_by_node": dict(pairs), "split_pairs": sum(count for nodes, count in pairs.items() if "," in nodes)}


def scores(fleet: Fleet) -> list[tuple[object, ...]]:
    """The end of each leg, as it is recorded."""
    rows = fleet.store.rows("SELECT campaign_id, name, ended, score FROM legs ORDER BY campaign_id, name")
    return [tuple(row.values()) for row in rows]


def differing(fleet: Fleet, other: Fleet) -> list[Row]:
    """The legs that ended in another way than the same ones there, or are not there, with what is recorded of them."""
    rows, expected = (
        {(row["campaign_id"], row["name"]): row for row in one.store.rows(
            "SELECT campaign_id, name, ended, score, attempts, detail FROM legs"
        )}
        for one in (fleet, other)
    )  # fmt: skip
    told = []
    for key in sorted(rows.keys() | expected.keys()):
        own, there = dict(rows.get(key, {})), dict(expected.get(key, {}))
        if (own.get("ended"), own.get("score")) != (there.get("ended"), there.get("score")):
            told.append({"leg": f"{key[0]} {key[1]}", "here": own, "alone": there})
    return told[:MOST_TOLD]


def _counts(kills: int) -> dict[str, int]:
    """As many of each kind as make so many together."""
    order = [victim for i in range(max(COUNTS.values())) for victim, count in COUNTS.items() if i < count]
    return dict(Counter(order[:kills]))


def _options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=sum(COUNTS.values()))
    parser.add_argument("--rounds", type=int, default=3, help="re-evaluations, each with a seed of its own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ray.json")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())

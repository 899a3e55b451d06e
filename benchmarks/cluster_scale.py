"""Where a campaign's own process becomes the limit on a large cluster: what it computes for each leg and each look.

python benchmarks/cluster_scale.py            writes benchmarks/results/cluster_scale.json
python benchmarks/cluster_scale.py --few      two small cases, to see that it runs; writes nothing

Campaign, database, runner and spool are the real ones. The nodes are those of simulated_nodes.py: they claim tickets
and leave reports and ends as workers do, and train nothing. All costs are processor time of the campaign; what a
network file system and a cluster's own list of jobs would add is not in them. Each case has a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from machine import header, kept_in, print_table, write_record
from retuned.daemon.campaign.leg_runs import LegRuns
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.campaigns.lease import Lease
from retuned.daemon.state.models.registry import register
from retuned.daemon.state.store import Store
from retuned.daemon.training.cluster.cluster_runner import Cluster, ClusterRunner
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.piecewise_runner import PiecewiseRunner
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role
from retuned.strategies.search.median_stopping import StopRule
from scene import TOY_MODEL
from simulated_nodes import SimulatedNodes

T = TypeVar("T")
RESULT = Path(__file__).parent / "results" / "cluster_scale.json"
MODEL_TIMEOUT = "30s"
GROWTH = ((10, 1_000), (10, 10_000), (100, 1_000), (100, 10_000), (1_000, 10_000), (1_000, 100_000))  # nodes, legs
RATE_PER_S = 1000.0  # legs that the nodes alone could end, while it is found out how costs grow
SHORT_LEGS_S = (30.0, 10.0, 3.0, 1.0)
SHORT_NODES, SHORT_EACH = 1_000, 20  # nodes, and legs of each, while it is found out how short a leg may be
KEEPS_UP = 1.1  # times what the nodes alone would need
FEW = ((5, 50, 0.1), (20, 200, 0.1))


@dataclass
class Costs:
    """Processor time of parts of the campaign, in seconds."""

    submit_s: float = 0.0
    poll_s: float = 0.0
    polls: int = 0


class MeasuredRunner:
    """A runner whose calls are timed, without what the nodes compute meanwhile."""

    def __init__(self, runner: PiecewiseRunner, nodes: SimulatedNodes) -> None:
        self.costs = Costs()
        self.ended = 0
        self._runner = runner
        self._nodes = nodes

    @property
    def waits(self) -> str:
        """Why no leg is trained though some wait."""
        return self._runner.waits

    def submit(
        self, requests: Sequence[LegRequest], among: Sequence[LegRequest] = (), rule: StopRule | None = None
    ) -> None:
        """Queue legs."""
        _, spent_s = self._timed(lambda: self._runner.submit(requests, among, rule))
        self.costs.submit_s += spent_s

    def poll(self) -> Mapping[str, LegResult]:
        """Legs that ended."""
        ended, spent_s = self._timed(self._runner.poll)
        self.costs.poll_s += spent_s
        self.costs.polls += 1
        self.ended += len(ended)
        return ended

    def stop(self, grace_s: float = 10.0) -> None:
        """End all workers."""
        self._runner.stop(grace_s)

    def _timed(self, call: Callable[[], T]) -> tuple[T, float]:
        before, others = time.process_time(), self._nodes.own_cpu_s
        given = call()
        return given, time.process_time() - before - (self._nodes.own_cpu_s - others)


def main() -> None:
    """Run the study, or one case of it, and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--case", nargs=3, type=float, metavar=("NODES", "LEGS", "LEG_S"))
    parser.add_argument("--folder", type=Path, help="where spools are made; a folder in memory spares the disk")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the rows of cases, from which an interrupted run goes on"
    )
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
    if given.case is not None:
        nodes, legs, leg_s = given.case
        print(json.dumps(case(int(nodes), int(legs), leg_s, given.folder)))
        return
    if given.few:
        print_table("cases", [in_process_of_its_own(*few, given.folder, None) for few in FEW])
        return
    growth = [
        in_process_of_its_own(nodes, legs, nodes / RATE_PER_S, given.folder, given.keep) for nodes, legs in GROWTH
    ]
    print_table("how costs grow", growth)
    short = [
        in_process_of_its_own(SHORT_NODES, SHORT_NODES * SHORT_EACH, leg_s, given.folder, given.keep)
        for leg_s in SHORT_LEGS_S
    ]
    print_table(f"legs that become shorter, {SHORT_NODES} nodes", short)
    kept_up = [row["leg_s"] for row in short if row["stretch"] <= KEEPS_UP]
    place = "" if given.folder is None else f" --folder {given.folder}"
    record = header(f"python benchmarks/cluster_scale.py{place}") | {
        "keeps_up": KEEPS_UP, "shortest_leg_s": min(kept_up, default=None), "growth": growth, "short_legs": short,
    }  # fmt: skip
    write_record(given.out, record)


def in_process_of_its_own(nodes: int, legs: int, leg_s: float, place: Path | None, keep: Path | None) -> dict[str, Any]:
    """A case's row, from a process that has done nothing else."""
    words = [sys.executable, __file__, "--case", str(nodes), str(legs), str(leg_s)]
    words += [] if place is None else ["--folder", str(place)]

    def make() -> dict[str, Any]:
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        row: dict[str, Any] = json.loads(done.stdout)
        return row

    return kept_in(None if keep is None else keep / f"{nodes}-{legs}-{leg_s:g}.json", make)


def case(nodes: int, legs: int, leg_s: float, place: Path | None) -> dict[str, Any]:
    """What a campaign computes for so many legs, all asked for at once, on so many nodes.

    `stretch`: how much longer the second half took, in the simulation, than the nodes alone would have needed; in the
    first half workers are still being started.
    """
    with tempfile.TemporaryDirectory(prefix="retuned-scale-", dir=place) as name:
        folder, simulated = Path(name), SimulatedNodes(nodes, leg_s)
        with closing(Store(folder / "state")) as store:
            lease = _lease(store, folder)
            runner = MeasuredRunner(_runner(folder, lease, nodes, simulated), simulated)
            half: list[tuple[float, int]] = []  # when half of them had ended, and how many that were

            def watch() -> None:
                if not half and runner.ended >= legs / 2:
                    half.append((simulated.monotonic(), runner.ended))

            runs = LegRuns(lease, (), runner, simulated, watch)
            before, began_s = time.process_time(), simulated.monotonic()
            results = runs.run([_request(number) for number in range(legs)])
            own_s = time.process_time() - before - simulated.own_cpu_s
            took_s, half_s = simulated.monotonic() - began_s, simulated.monotonic() - half[0][0]
            assert len(results) == legs
            assert all(result.end is LegEnd.COMPLETED for result in results)
            peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            runner.stop()
    costs, ideal_s = runner.costs, (legs - half[0][1]) / nodes * leg_s
    row = {
        "submit_ms": costs.submit_s / legs * 1000,
        "poll_ms": costs.poll_s / legs * 1000,
        "record_ms": (own_s - costs.submit_s - costs.poll_s) / legs * 1000,
        "ms_a_poll": costs.poll_s / costs.polls * 1000,
        "peak_mib": peak_bytes / 2**20,
        "busy": own_s / took_s,
        "took_s": took_s,
        "stretch": half_s / ideal_s if ideal_s else 1.0,
    }
    counts = {"polls": costs.polls, "lists": simulated.lists}
    return {"nodes": nodes, "legs": legs, "leg_s": leg_s} | {k: round(v, 3) for k, v in row.items()} | counts


def _lease(store: Store, folder: Path) -> Lease:
    """The right to work on a campaign of a model that was just registered."""
    (folder / "data.json").write_text("{}")
    source = folder / "model.toml"
    source.write_text(TOY_MODEL % MODEL_TIMEOUT)
    register(store, load_model_file(source), source, SystemClock().now())
    (campaign,) = open_campaigns(store)
    return Lease(store, campaign.id)


def _runner(folder: Path, lease: Lease, nodes: int, simulated: SimulatedNodes) -> PiecewiseRunner:
    shared = folder / "shared"
    shared.mkdir()
    order = TrainingOrder("command", ("true",), None, sys.executable, "/", "", "steps", None, 30.0, 1)
    environment = {"PATH": os.environ["PATH"]}
    runner = ClusterRunner(
        lease.folder, order, Objective("score", lower_is_better=False), nodes, environment, simulated,
        Cluster(simulated, shared), Needs(),
    )  # fmt: skip
    return PiecewiseRunner(runner, runner.checkpoint_fault)


def _request(number: int) -> LegRequest:
    name = f"search.{number:06d}"
    return LegRequest(
        name=name, trial=name, purpose=Purpose.SEARCH, configuration={"lr": 0.001 + number * 1e-7}, seed=number,
        split_seed=number, from_step=0.0, to_step=10.0, role=Role.CANDIDATE, number=number,
    )  # fmt: skip


if __name__ == "__main__":
    main()

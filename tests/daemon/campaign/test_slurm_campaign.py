"""Whole campaigns on a real Slurm: the verdict is the local one, whatever is pre-empted or lost on the way."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.campaign.plan import plan_of
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.durable_files import read_json
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.lease_file import folder_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.training.supervisor import end_workers
from retuned.daemon.upkeep.doctor import examine
from retuned.strategies.errors import ClusterAway

pytestmark = pytest.mark.timeout(600)
SEED = 5
NAP_S = 0.3
TOYS = Path(__file__).parents[2] / "toys"


def on_slurm(desk, **options):
    """Let the desk's trainings run as jobs."""
    shared = desk.folder / "shared"
    shared.mkdir(exist_ok=True)
    workers = WorkersTable(runner="slurm", shared=shared, python=sys.executable, **options)
    desk.config = Config(state=desk.config.state, workers=workers)
    return desk


def prepared(desk, **toy):
    """A desk whose optimum moved a little since its baseline; `toy` is of the trainings after that."""
    desk.register()
    desk.baseline()
    desk.write_data(optimum=-2.7, **toy)
    return desk


def told(desk, campaign):
    """What is recorded of a campaign, without what is a matter of time."""
    legs = [(leg.request.name, leg.end, leg.score, leg.curve) for leg in results_of(desk.store, campaign.id)]
    searched = campaign.facts.searched
    return sorted(legs), campaign.verdict, searched and searched.challenger, campaign.facts.ended.recommended


@pytest.fixture(scope="module")
def local(new_desk, tmp_path_factory):
    """What is recorded of the campaign on this machine."""
    desk = prepared(new_desk(tmp_path_factory.mktemp("local")))
    return told(desk, desk.retune(seed=SEED))


def wait_for(condition, timeout_s=90.0):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def begin(desk):
    """The process of a re-evaluation that has begun its search, on the desk's cluster."""
    file = desk.folder / "config.toml"
    file.write_text(
        f'state = "{desk.config.state}"\n[workers]\nrunner = "slurm"\nshared = "{desk.config.workers.shared}"\n'
        f'python = "{sys.executable}"\n'
    )
    command = [sys.executable, "-m", "retuned.daemon", "--config", file, "retune", "toy", "--seed", SEED]
    with open(desk.folder / "leader.log", "wb") as log:
        leader = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    legs = desk.config.state / "campaigns" / "2" / "legs"
    wait_for(lambda: list(legs.glob("search.*/trial.json")) or leader.poll() is not None)
    assert leader.poll() is None
    return leader


def numbers(cluster, state="RUNNING"):
    """The numbers of the jobs in some state."""
    return cluster.run("squeue", "--noheader", f"--states={state}", "--format=%i").split()


def living(desk, cluster):
    place = str(desk.config.workers.shared)
    return [job for job in cluster.jobs().jobs().values() if job.spool.startswith(place) and job.is_living]


def workers_of(desk):
    found = (read_json(path) for path in folder_of(desk.config.state, 2).glob("workers/*/worker.json"))
    return [said["nonce"] for said in found if said is not None and "pid" in said]


def test_a_campaign_has_the_verdict_of_this_machine_and_leaves_nothing_behind(desk, slurm_cluster, local):
    prepared(on_slurm(desk))
    campaign = desk.retune(seed=SEED)
    assert told(desk, campaign) == local
    assert living(desk, slurm_cluster) == []
    assert {leg.attempts for leg in results_of(desk.store, campaign.id)} == {1}
    spool = folder_of(desk.config.state, campaign.id)
    assert [path.name for path in Path(os.path.realpath(spool)).glob(".retuned-*")] == []


def test_a_campaign_goes_on_through_a_preemption_a_lost_node_and_without_a_controller(desk, slurm_cluster, local):
    prepared(on_slurm(desk), sleep_s=NAP_S)
    leader = begin(desk)
    ours = numbers(slurm_cluster)
    slurm_cluster.run(
        "sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"
    )
    wait_for(lambda: set(ours) <= set(numbers(slurm_cluster, "PENDING")))
    slurm_cluster.run("scontrol", "update", f"JobId={','.join(ours)}", "StartTime=now")  # or they would wait 2 minutes
    wait_for(lambda: any(worker.endswith(".1") for worker in workers_of(desk)))
    slurm_cluster.end_controller()
    with pytest.raises(ClusterAway):
        slurm_cluster.jobs().nodes()
    assert leader.poll() is None
    slurm_cluster.start_controller()
    slurm_cluster.lose_node("n1")
    slurm_cluster.run("scontrol", "update", "NodeName=n1", "State=DOWN", "Reason=lost")
    leader.wait(timeout=150)
    slurm_cluster.start_node("n1")
    slurm_cluster.run("scontrol", "update", "NodeName=n1", "State=RESUME")
    assert told(desk, find_campaign(desk.store, 2)) == local
    assert living(desk, slurm_cluster) == []


def test_workers_of_a_killed_campaign_are_ended_from_outside_and_others_jobs_are_left_alone(desk, slurm_cluster):
    prepared(on_slurm(desk), sleep_s=NAP_S)
    others = slurm_cluster.run("sbatch", "--parsable", "--output=/dev/null", "--job-name=retuned-x", "--wrap=sleep 60")
    leader = begin(desk)
    leader.kill()
    leader.wait()
    began = time.monotonic()
    assert end_workers(folder_of(desk.config.state, 2), SystemClock()) >= 1
    assert living(desk, slurm_cluster) == []
    assert time.monotonic() - began < 10
    assert others.strip() in numbers(slurm_cluster)
    slurm_cluster.run("scancel", others.strip())


def test_the_doctor_asks_each_node_and_says_what_it_lacks(desk, slurm_cluster):
    config = on_slurm(desk).config
    good = [found for found in examine(config, os.environ, SystemClock()) if found.part == "cluster"]
    assert [found.level for found in good] == ["ok"], good
    assert "2 nodes" in good[0].sentence
    lacking = on_slurm(desk, partition="nope").config
    (fault,) = [found for found in examine(lacking, os.environ, SystemClock()) if found.part == "cluster"]
    assert (fault.level, "partition nope is not known" in fault.sentence) == ("error", True)


def test_plan_counts_what_the_nodes_have(desk, slurm_cluster):
    table = desk.training_table(TOYS / "quadratic.py").replace("slots = 2", "slots = 9\nresources = {cpus = 2}")
    model = desk.register(training=table)
    sentences = plan_of(desk.store, model, on_slurm(desk).config, SystemClock().now()).sentences
    assert "when nothing else runs, it gets 2 training runs at once" in sentences

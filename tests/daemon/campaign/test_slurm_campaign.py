"""Whole campaigns on a real Slurm: the verdict is the local one, whatever is pre-empted or lost on the way."""

import os
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.campaign.plan import plan_of
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.lease_file import folder_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.training.supervisor import end_workers
from retuned.daemon.upkeep.doctor import examine
from retuned.strategies.errors import ClusterAway

from .cluster_campaigns import SEED, begin, begun_workers, prepared, told, told_here, wait_for

pytestmark = pytest.mark.timeout(600)
NAP_S = 0.3
TOYS = Path(__file__).parents[2] / "toys"


def on_slurm(desk, **options):
    """Let the desk's trainings run as jobs."""
    shared = desk.folder / "shared"
    shared.mkdir(exist_ok=True)
    workers = WorkersTable(runner="slurm", shared=shared, python=sys.executable, **options)
    desk.config = Config(state=desk.config.state, workers=workers)
    return desk


@pytest.fixture(scope="module")
def local(new_desk, tmp_path_factory):
    """What is recorded of the campaign on this machine."""
    return told_here(new_desk(tmp_path_factory.mktemp("local")))


def numbers(cluster, state="RUNNING"):
    """The numbers of the jobs in some state."""
    return cluster.run("squeue", "--noheader", f"--states={state}", "--format=%i").split()


def living(desk, cluster):
    place = str(desk.config.workers.shared)
    return [job for job in cluster.jobs().jobs().values() if job.spool.startswith(place) and job.is_living]


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
    wait_for(lambda: any(said["nonce"].endswith(".1") for said in begun_workers(desk)))
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

"""Whole campaigns on a real Ray cluster: the verdict is the local one, whatever is killed on the way."""

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from retuned.daemon.campaign.check.check import Extent, check_model
from retuned.daemon.campaign.plan import plan_of
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.campaigns.lease_file import folder_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import register
from retuned.daemon.training.cluster.ended_jobs import forget_ended
from retuned.daemon.training.supervisor import end_workers
from retuned.daemon.upkeep.doctor import examine
from retuned.strategies.errors import ClusterAway
from retuned.strategies.verdict.check_points import Level

from .cluster_campaigns import SEED, begin, begun_workers, prepared, told, told_here, wait_for

pytestmark = pytest.mark.timeout(600)  # a cluster takes its time to start
NAP_S = 0.3
TOYS = Path(__file__).parents[2] / "toys"


def on_cluster(desk, cluster):
    """Let the desk's trainings run on the cluster."""
    shared = desk.folder / "shared"
    shared.mkdir()
    workers = WorkersTable(
        runner="ray", address=cluster.address, token=cluster.token, shared=shared, python=sys.executable
    )
    desk.config = Config(state=desk.config.state, workers=workers)
    return desk


@pytest.fixture(scope="module")
def local(new_desk, tmp_path_factory):
    """What is recorded of the campaign on this machine."""
    return told_here(new_desk(tmp_path_factory.mktemp("local")))


def jobs_of(desk, cluster):
    place = str(desk.config.workers.shared)
    return [job for job in cluster.jobs().jobs().values() if job.spool.startswith(place)]


def test_a_campaign_has_the_verdict_of_this_machine_and_leaves_nothing_on_the_cluster(desk, ray_cluster, local):
    prepared(on_cluster(desk, ray_cluster))
    campaign = desk.retune(seed=SEED)
    assert told(desk, campaign) == local
    assert jobs_of(desk, ray_cluster) == []
    legs = results_of(desk.store, campaign.id)
    assert {leg.attempts for leg in legs} == {1}
    (kind,) = {leg.node for leg in legs}
    assert campaign.facts.ended.nodes == {kind: pytest.approx(sum(leg.seconds for leg in legs))}
    assert campaign.facts.prepared.environment.cpu in kind


def test_the_doctor_asks_each_node_and_says_what_it_lacks(desk, ray_cluster):
    config = on_cluster(desk, ray_cluster).config
    good = [found for found in examine(config, os.environ, SystemClock()) if found.part == "cluster"]
    lacking = config.workers.model_copy(update={"python": "/no/such/python"})
    bad = examine(config.model_copy(update={"workers": lacking}), os.environ, SystemClock())
    (fault,) = [found for found in bad if found.part == "cluster"]
    assert [found.level for found in good] == ["ok"], good
    assert "1 node" in good[0].sentence
    assert (fault.level, "cannot train" in fault.sentence, "/no/such/python" in fault.sentence) == ("error", True, True)
    assert jobs_of(desk, ray_cluster) == []


def test_plan_and_check_are_of_the_cluster(desk, ray_cluster):
    desk.write_data()
    table = desk.training_table(TOYS / "quadratic.py").replace("slots = 2", "slots = 4\nresources = {cpus = 2}")
    path = desk.write_model(training=table)
    config, file = on_cluster(desk, ray_cluster).config, load_model_file(path)
    model = register(desk.store, file, path, SystemClock().now()).model
    sentences = plan_of(desk.store, model, config, SystemClock().now()).sentences
    assert "when nothing else runs, it gets 1 training run at once" in sentences
    done = check_model(
        file, path, None, Extent(300.0, with_noise=False), SystemClock(), config, os.environ, lambda _: None
    )
    points = {point.name: point.level for point in done.points}
    assert (points["starts"], points["metric"], done.runs > 0) == (Level.OK, Level.OK, True)

    def is_forgotten():  # what waited for a place gets it, finds nothing to do, and ends
        forget_ended(ray_cluster.jobs(), config.workers.shared)
        return jobs_of(desk, ray_cluster) == []

    wait_for(is_forgotten)
    assert [path.name for path in config.workers.shared.iterdir()] == ["program"]


def test_a_campaign_that_is_killed_with_a_worker_goes_on_to_the_same_verdict(desk, ray_cluster, local):
    prepared(on_cluster(desk, ray_cluster), sleep_s=NAP_S)
    leader = begin(desk)
    leader.kill()
    leader.wait()
    with contextlib.suppress(ProcessLookupError):
        os.kill(begun_workers(desk)[0]["pid"], signal.SIGKILL)
    (campaign,) = open_campaigns(desk.store)
    assert told(desk, desk.run(campaign)) == local
    assert jobs_of(desk, ray_cluster) == []


def test_workers_of_a_killed_campaign_are_ended_from_outside(desk, ray_cluster):
    prepared(on_cluster(desk, ray_cluster), sleep_s=NAP_S)
    leader = begin(desk)
    leader.kill()
    leader.wait()
    assert end_workers(folder_of(desk.config.state, 2), SystemClock()) >= 1
    assert jobs_of(desk, ray_cluster) == []


def test_a_campaign_waits_for_a_head_that_is_gone_and_goes_on_when_it_is_back(desk, ray_cluster, local):
    prepared(on_cluster(desk, ray_cluster), sleep_s=NAP_S)
    leader = begin(desk)
    ray_cluster.end()
    with pytest.raises(ClusterAway):
        ray_cluster.jobs().nodes()
    assert leader.poll() is None
    ray_cluster.start()
    leader.wait(timeout=150)
    assert told(desk, find_campaign(desk.store, 2)) == local

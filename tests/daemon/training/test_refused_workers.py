"""A cluster that takes no job for now makes a campaign wait, which it says, until the cluster takes one."""

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest
from retuned.daemon.campaign.leg_runs import LegRuns
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.campaigns.lease import Lease
from retuned.daemon.state.models.registry import register
from retuned.daemon.state.store import Store
from retuned.daemon.training.cluster.cluster_runner import Cluster, ClusterRunner
from retuned.daemon.training.cluster.jobs import Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.ray_jobs import RayJobs
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.piecewise_runner import PiecewiseRunner
from retuned.daemon.upkeep.health import health_of
from retuned.strategies.errors import ClusterAway
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

QOS = "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates policy"
TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
ACCOUNT = "sbatch: error: AssocMaxSubmitJobLimit"
COMMAND = ("sh", "-c", 'echo \'{{"step": 1, "metrics": {{"score": 1}}}}\' >> "$RETUNED_REPORT"')
MODEL = f"""name = "toy"
owner = "tests"
[training]
command = ["{sys.executable}", "{{lr}}"]
budget = {{steps = 1}}
timeout = "30s"
[objective]
metric = "score"
direction = "maximize"
[hyperparameters.lr]
type = "float"
low = 1e-4
high = 1.0
value = 0.01
"""


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "state")) as made:
        source = tmp_path / "toy.toml"
        source.write_text(MODEL)
        register(made, load_model_file(source), source, SystemClock().now())
        yield made


def runner_on(jobs, lease, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    order = TrainingOrder("command", COMMAND, None, sys.executable, "/", "", "steps", None, 30.0, 1, idle_s=0.2)
    runner = ClusterRunner(
        lease.folder, order, Objective("score", lower_is_better=False), 1, {"PATH": os.environ["PATH"]}, SystemClock(),
        Cluster(jobs, shared, sys.executable), Needs(),
    )  # fmt: skip
    return PiecewiseRunner(runner, runner.checkpoint_fault)


def leg():
    return LegRequest(
        name="leg", trial="leg", purpose=Purpose.SEARCH, configuration={"lr": 0.01}, seed=1, split_seed=1,
        from_step=0, to_step=1, role=Role.CANDIDATE, number=0,
    )  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("said", "told"),
    [
        (QOS, "QOSMaxSubmitJobPerUserLimit"),
        (TIMED_OUT, "Socket timed out on send/recv operation"),
        (ACCOUNT, "AssocMaxSubmitJobLimit"),
    ],
)
def test_a_refusal_of_the_moment_is_told_until_a_job_is_taken(said, told, fake_slurm, store, tmp_path, retuned):
    (campaign,) = open_campaigns(store)
    lease = Lease(store, campaign.id)
    refusal = Path(os.environ["SLURM_CONF"]).with_name("refusal")
    refusal.write_text(said)
    runner, seen = runner_on(fake_slurm.jobs(), lease, tmp_path), []

    def watch():
        waits = find_campaign(store, campaign.id).waits
        if waits and refusal.exists():
            status = health_of(store, Config(state=tmp_path / "state"), SystemClock().now())
            seen.extend([waits, " ".join(status.sentences), retuned("status").stdout, retuned("show", "toy").stdout])
            refusal.unlink()

    try:
        (result,) = LegRuns(lease, (), runner, SystemClock(), watch).run([leg()])
    finally:
        refusal.unlink(missing_ok=True)
        runner.stop()
    assert (result.end, find_campaign(store, campaign.id).waits) == (LegEnd.COMPLETED, None)
    assert [told in " ".join(text.split()) for text in seen] == [True] * 4
    assert seen[0].startswith("the Slurm controller takes no job now (")


def test_what_ray_says_of_a_job_that_it_takes_not_now_is_kept(head):
    head.answers["POST", "/api/jobs/"] = 500, "Traceback\nNo available agent to submit job, please try again later."
    with pytest.raises(ClusterAway, match=r"takes no job now \(No available agent to submit job"):
        RayJobs(head.address).submit(Order("retuned-a", ("true",), Needs(), Path("/spool")))


def test_a_cluster_that_is_away_is_told_too(head, store, tmp_path):
    (campaign,) = open_campaigns(store)
    lease = Lease(store, campaign.id)
    head.answers["GET", "/api/jobs/"] = 503, ""
    runner = runner_on(RayJobs(head.address), lease, tmp_path)
    runner.submit([leg()])
    first = runner.poll(), runner.waits
    assert (first, runner.poll()) == (({}, ""), {})  # a worker may be between two legs
    assert runner.waits == f"the cluster at {head.address} does not answer (HTTP status 503)"

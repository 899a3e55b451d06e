"""The cluster's parts without a cluster: what is asked over HTTP, the shared folder, needs, and messages."""

import json
import os
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config, load_config
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.training.cluster import ray_jobs
from retuned.daemon.training.cluster.capacity import machine_from, trainings_at_once
from retuned.daemon.training.cluster.ended_jobs import forget_ended
from retuned.daemon.training.cluster.job_workers import JobWorkers, Starter
from retuned.daemon.training.cluster.jobs import Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.ray_jobs import RayJobs
from retuned.daemon.training.cluster.shared_folder import fault_of, forget_state, link_state, place_of, program_in
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.machine import machine_of
from retuned.daemon.training.spool import Spool
from retuned.daemon.upkeep.doctor import examine
from retuned.strategies.errors import CampaignFailed, ClusterAway, InputError

GIB = 2**30
AGENT_REFUSES = "RuntimeError: Request failed with status code 400: ValueError: bad resources."


@pytest.fixture
def workers(head, tmp_path):
    """A pool on a spool, whose jobs the head answers for."""
    spool = Spool(tmp_path / "spool")
    spool.create(TrainingOrder("command", ("true",), None, "", "/", "", "steps", None, 20.0, 1))
    environment = {"PATH": "/ours", "TOKEN": "hunter2"}
    starter = Starter("python3", Path("/shared/program"), Needs(2.0, 1.0, 4 * GIB, {"a100": 1.0}), environment)
    return JobWorkers(spool, RayJobs(head.address), SystemClock(), starter)


def test_a_worker_is_one_job_with_its_needs_and_no_secret_in_it(head, workers, tmp_path):
    worker = workers.start()
    ((_, _, order),) = [asked for asked in head.asked if asked[0] == "POST"]
    file = tmp_path / "spool" / "workers" / worker / "environment.json"
    assert order == {
        "entrypoint": f"exec python3 -I -S -B /shared/program/daemon/training/node {tmp_path}/spool {worker}",
        "submission_id": f"retuned-{worker}",
        "metadata": {"retuned_spool": f"{tmp_path}/spool"},
        "entrypoint_num_cpus": 2.0,
        "entrypoint_num_gpus": 1.0,
        "entrypoint_memory": 4 * GIB,
        "entrypoint_resources": {"a100": 1.0},
    }
    assert json.loads(file.read_text())["set"] == {"TOKEN": "hunter2"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_while_the_cluster_is_away_workers_count_as_alive_and_none_is_started(head, workers):
    worker = workers.start()
    head.answers["GET", "/api/jobs/"] = 503, ""
    assert (workers.is_alive(worker), workers.has_room(), workers.kill(worker, (), lambda _: None)) == (
        True,
        False,
        False,
    )


def test_a_worker_that_the_cluster_does_not_know_is_dead_and_was_not_to_blame(head, workers):
    worker = workers.start()
    head.lists()
    workers.reap()
    assert (workers.is_alive(worker), workers.took_back(), workers.took_back()) == (False, 1, 0)


def test_jobs_that_fail_before_their_worker_begins_fail_the_campaign_with_their_last_words(head, workers, tmp_path):
    names = [f"retuned-{workers.start()}" for _ in range(3)]
    head.lists(*[(name, "FAILED", "exit code 2", None, f"{tmp_path}/spool") for name in names])
    for name in names:
        head.answers["GET", f"/api/jobs/{name}/logs"] = 200, {"logs": "python3: can't open file '/shared/x'\n"}
    with pytest.raises(CampaignFailed, match=r"3 workers in a row.*can't open file '/shared/x'.*shared folder"):
        workers.reap()


def test_too_many_workers_that_wait_for_a_place_are_not_joined_by_more(head, workers, tmp_path):
    names = [f"retuned-{workers.start()}" for _ in range(3)]
    head.lists(*[(name, "PENDING", "", None, f"{tmp_path}/spool") for name in names])
    assert not workers.has_room()


def test_what_ended_is_forgotten_by_the_cluster_when_its_worker_is_buried(head, workers, tmp_path):
    head.lists(
        ("retuned-old", "SUCCEEDED", "", None, f"{tmp_path}/spool"), ("retuned-other", "SUCCEEDED", "", None, "/other")
    )
    workers.reap()
    assert [path for method, path, _ in head.asked if method == "DELETE"] == ["/api/jobs/retuned-old"]


def test_what_ended_after_its_campaign_is_forgotten_unless_someone_looks_after_it(head, workers, tmp_path):
    worker = workers.start()
    head.lists(
        (f"retuned-{worker}", "FAILED", "", None, f"{tmp_path}/spool"),  # its campaign has not seen that yet
        ("retuned-late", "SUCCEEDED", "", None, f"{tmp_path}/spool"),
        ("retuned-ask-1", "SUCCEEDED", "", None, f"{tmp_path}/.ask-1"),  # who asked looks after it
        ("retuned-waits", "PENDING", "", None, f"{tmp_path}/spool"),
        ("retuned-other", "SUCCEEDED", "", None, f"{tmp_path}er/spool"),
    )
    forget_ended(RayJobs(head.address), tmp_path)
    assert [path for method, path, _ in head.asked if method == "DELETE"] == ["/api/jobs/retuned-late"]


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (500, AGENT_REFUSES, CampaignFailed),  # a fault of the job
        (500, "No available agent to submit job, please try again later.", ClusterAway),  # of the moment
        (503, "", ClusterAway),
        (400, "Invalid request", CampaignFailed),
    ],
)
def test_a_job_that_is_refused_is_told_from_a_cluster_that_is_not_ready(head, status, text, error):
    head.answers["POST", "/api/jobs/"] = status, text
    with pytest.raises(error):
        RayJobs(head.address).submit(Order("retuned-a", ("true",), Needs(), Path("/spool")))


def test_a_job_that_exists_already_is_left_alone(head):
    head.answers["POST", "/api/jobs/"] = 500, "ValueError: Job with submission_id retuned-a already exists."
    RayJobs(head.address).submit(Order("retuned-a", ("true",), Needs(), Path("/spool")))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"ray_version": "1.13.0"}), "runs Ray 1.13.0"),
        ((200, {"name": "grafana"}), "no Ray cluster"),
        ((200, "<html>"), "no Ray cluster"),
    ],
)
def test_another_program_or_an_old_ray_is_told_by_one_line(head, answer, said):
    head.answers["GET", "/api/version"] = answer
    with pytest.raises(InputError, match=said):
        RayJobs(head.address).version()


@pytest.mark.parametrize(
    "answer",
    [
        "no JSON",
        "[" * 100_000,
        "3",
        '{"data": []}',
        "[3]",
        '[{"submission_id": "x", "metadata": {"retuned_spool": 1}}]',
    ],
)
def test_an_answer_of_another_shape_is_a_cluster_that_is_away(head, answer):
    head.answers["GET", "/api/jobs/"] = head.answers["GET", "/api/v0/nodes"] = 200, answer
    for ask in (RayJobs(head.address).jobs, RayJobs(head.address).nodes):
        with pytest.raises(ClusterAway, match=r"what it sent is not a list of (jobs|nodes)"):
            ask()


def test_an_answer_without_an_end_is_a_cluster_that_is_away(head, monkeypatch):
    monkeypatch.setattr(ray_jobs, "LARGEST_ANSWER_BYTES", 1000)
    head.answers["GET", "/api/jobs/"] = 200, " " * 5000
    with pytest.raises(ClusterAway, match="its answer does not end"):
        RayJobs(head.address).jobs()


def test_nothing_is_sent_on_to_another_address(head):
    head.answers["POST", "/api/jobs/"] = 307, "elsewhere"
    with pytest.raises(ClusterAway):
        RayJobs(head.address).submit(Order("a", ("x",), Needs(1, 0, 0, {}), Path("/spool")))
    assert [path for _, path, _ in head.asked] == ["/api/jobs/"]


def test_nothing_at_the_address_is_told_with_what_to_do():
    with pytest.raises(ClusterAway, match=r"127.0.0.1:9 does not answer.*campaigns wait.*address under \[workers\]"):
        RayJobs("http://127.0.0.1:9").version()


def test_a_cluster_is_a_machine_whose_nodes_hold_whole_trainings(head):
    nodes = ({"CPU": 8.0, "GPU": 2.0, "memory": 32.0 * GIB}, {"CPU": 3.0, "memory": 8.0 * GIB})
    machine = machine_from(nodes, 4096, 2)
    assert (machine.slots, machine.memory_bytes, machine.gpus, machine.campaigns) == (11, 40 * GIB, (0, 1), 2)
    assert trainings_at_once(machine, Needs(2.0)) == 5
    assert trainings_at_once(machine, Needs(1.0, 1.0)) == 2
    assert trainings_at_once(machine, Needs(1.0, 0.0, 16 * GIB)) == 2
    assert trainings_at_once(machine, Needs(1.0, custom={"a100": 1.0})) == 0


def test_the_nodes_are_what_campaigns_may_use(head, tmp_path):
    row = {"node_ip": "10.0.0.1", "state": "ALIVE", "resources_total": {"CPU": 4.0, "memory": 8.0 * GIB}}
    rows = [row, {**row, "state": "DEAD"}]
    head.answers["GET", "/api/v0/nodes"] = 200, {"data": {"result": {"result": rows}}}
    workers = WorkersTable(runner="ray", address=head.address, shared=tmp_path)
    assert machine_of(Config(state=tmp_path, workers=workers)).slots == 4


def test_a_training_comes_to_nodes_with_its_labels_alone(head, tmp_path):
    labels = {"ray.io/node-id": "4711", "market-type": "spot", "zone": "a"}
    row = {"node_ip": "10.0.0.1", "state": "ALIVE", "resources_total": {"CPU": 4.0}, "labels": labels}
    other = {**row, "node_ip": "10.0.0.2", "labels": {"market-type": "on-demand"}}
    head.answers["GET", "/api/v0/nodes"] = 200, {"data": {"result": {"result": [row, other]}}}
    types = [{"most": 1, "cpus": 8, "labels": {"market-type": "on-demand"}}]
    workers = WorkersTable(runner="ray", address=head.address, shared=tmp_path, autoscaler=types)
    machine = machine_of(Config(state=tmp_path, workers=workers))
    at_once = [
        trainings_at_once(machine, Needs(1.0, labels=labels))
        for labels in ({}, {"market-type": "spot"}, {"market-type": "on-demand"}, {"zone": "b"})
    ]
    assert (machine.slots, at_once) == (16, [16, 4, 12, 0])
    assert not any("4711" in name for node in machine.nodes for name in node)
    head.answers["POST", "/api/jobs/"] = 200, {}
    jobs = RayJobs(head.address)
    for labels in ({"market-type": "spot"}, {}):
        jobs.submit(Order("a", ("x",), Needs(1.0, labels=labels), Path("/spool")))
    told = [told for method, _, told in head.asked if method == "POST"]
    assert [order.get("entrypoint_label_selector") for order in told] == [{"market-type": "spot"}, None]


def test_what_an_autoscaler_may_add_counts_beside_the_living_nodes_and_none_twice(head, tmp_path):
    row = {"node_ip": "10.0.0.1", "state": "ALIVE", "resources_total": {"CPU": 8.0, "GPU": 1.0, "memory": 30.0 * GIB}}
    other = {**row, "node_ip": "10.0.0.2", "resources_total": {"CPU": 4.0}}
    head.answers["GET", "/api/v0/nodes"] = 200, {"data": {"result": {"result": [row, other]}}}
    types = [{"most": 3, "cpus": 8, "gpus": 1, "memory": "32GiB"}, {"most": 2, "cpus": 64, "custom": {"big": 1}}]
    workers = WorkersTable(runner="ray", address=head.address, shared=tmp_path, autoscaler=types)
    machine = machine_of(Config(state=tmp_path, workers=workers))
    assert (machine.slots, len(machine.gpus), len(machine.nodes)) == (4 + 3 * 8 + 2 * 64, 3, 6)
    assert trainings_at_once(machine, Needs(8.0, 1.0, 24 * GIB)) == 3
    assert trainings_at_once(machine, Needs(32.0, custom={"big": 0.5})) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runner = 'ray'\nshared = '/tmp'", "workers.address is missing"),
        ("runner = 'ray'\naddress = 'http://head:8265'", "workers.shared is missing"),
        ("address = 'ray://head:10001'", "workers.address is 'ray://head:10001'.*dashboard"),
        ("runner = 'dask'", "workers.runner is 'dask'.*ray"),
    ],
)
def test_a_cluster_that_is_not_whole_is_refused(tmp_path, text, said):
    (tmp_path / "config.toml").write_text(f"[workers]\n{text}\n")
    with pytest.raises(InputError, match=said):
        load_config(tmp_path / "config.toml", {"HOME": str(tmp_path)})


def on(shared):
    return WorkersTable(runner="ray", address="http://127.0.0.1:9", shared=shared)


def test_campaigns_and_snapshots_lie_in_the_shared_folder_and_go_with_their_state(tmp_path):
    state, shared = tmp_path / "state", tmp_path / "shared"
    shared.mkdir()
    (state / "campaigns").mkdir(parents=True)  # an empty one makes way
    link_state(state, on(shared))
    link_state(state, on(shared))
    (state / "campaigns" / "1").mkdir()
    assert (place_of(state, shared) / "campaigns" / "1").is_dir()
    assert (state / "snapshots").is_dir()
    forget_state(state, on(shared))
    assert not place_of(state, shared).exists()


def test_campaigns_that_were_begun_without_a_cluster_are_not_hidden(tmp_path):
    (tmp_path / "state" / "campaigns" / "1").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    with pytest.raises(InputError, match=r"begun without the cluster.*mv .*state/campaigns/\*"):
        link_state(tmp_path / "state", on(tmp_path / "shared"))


def test_a_shared_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"shared does not exist.*same path"):
        link_state(tmp_path / "state", on(tmp_path / "shared"))


def test_the_program_is_copied_once_and_needs_nothing_beside_it(tmp_path):
    first, second = program_in(tmp_path), program_in(tmp_path)
    assert first == second
    assert [name for name in os.listdir(tmp_path / "program") if name.startswith(".")] == []
    assert (first / "daemon/training/node/__main__.py").exists()
    assert (first / "strategies/training/training.py").exists()
    assert fault_of(tmp_path) is None


def test_the_doctor_says_in_one_line_what_is_wrong_with_the_cluster(tmp_path):
    config = Config(state=tmp_path / "state", workers=on(tmp_path / "shared"))
    found = [each for each in examine(config, {"HOME": str(tmp_path)}, SystemClock()) if each.part == "cluster"]
    assert [each.level for each in found] == ["error", "error"]
    assert "does not exist" in found[0].sentence
    assert "does not answer" in found[1].sentence

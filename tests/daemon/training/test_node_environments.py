"""What the nodes of a cluster are belongs to the environment of a model: read by the program that really runs there."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.workers_table import NodeTypeTable, WorkersTable
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.node_environments import environment_on_nodes, together
from retuned.daemon.training.environment_reading import read_environment
from retuned.daemon.training.fingerprints import fingerprint_from
from retuned.strategies.drift.fingerprints import describe_change
from retuned.strategies.errors import CampaignFailed, ClusterAway, NoNodeNow

A100, H100 = "NVIDIA A100-SXM4-40GB, 40960 MiB, 550.54", "NVIDIA H100 80GB HBM3, 81559 MiB, 550.54"
ONE_CORE = Needs(1.0)
BUSY = "busy"  # no place for the question
NEW = "node:new"  # which is added where a job asks for what no node has
CPU, GPU = {"CPU": 8.0}, {"CPU": 8.0, "GPU": 1.0}
HERE = fingerprint_from(read_environment(sys.executable), ())


@pytest.fixture
def nodes(head, tmp_path):
    """A cluster whose nodes are this machine with other GPUs; runs each job at once."""
    gpus = {}

    def run(order):
        node = next((name for name in order.get("entrypoint_resources", ()) if name.startswith("node:")), NEW)
        if gpus.get(node) == BUSY:
            return "PENDING", ""
        tools = tmp_path / node.replace(":", "-")
        tools.mkdir(exist_ok=True)
        (tools / "nvidia-smi").write_text(f"#!/bin/sh\n{gpus.get(node, 'exit 0')}\n")
        (tools / "nvidia-smi").chmod(0o755)
        done = subprocess.run(
            ["sh", "-c", order["entrypoint"]], capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        )  # fmt: skip
        head.answers["GET", f"/api/jobs/{order['submission_id']}/logs"] = 200, {"logs": done.stderr}
        return "FAILED" if done.returncode else "SUCCEEDED", ""

    head.runs = run
    shared = tmp_path / "shared"
    shared.mkdir()
    workers = WorkersTable(runner="ray", address=head.address, shared=shared, python=sys.executable)

    def read(needs=ONE_CORE, python=sys.executable, clock=None, may_add=(), adds_node=True):
        kinds = workers.model_copy(update={"autoscaler": tuple(NodeTypeTable(**kind) for kind in may_add)})
        return environment_on_nodes(kinds, needs, python, ("pydantic",), clock or SystemClock(), adds_node=adds_node)

    gpus["read"] = read
    return gpus


def test_the_environment_is_what_the_model_has_on_the_nodes(head, nodes, tmp_path):
    head.has_nodes(CPU, CPU)
    found = nodes["read"]()
    assert (found.python, found.cpu, found.cores, found.gpus) == (HERE.python, HERE.cpu, HERE.cores, ())
    assert dict(found.packages).keys() >= {"torch", "pydantic"}
    assert os.listdir(tmp_path / "shared") == ["program"]
    assert len([path for method, path, _ in head.asked if method == "DELETE"]) == 2


def test_where_no_node_is_left_a_campaign_has_one_added_and_a_look_does_not(head, nodes):
    head.has_nodes()
    nodes[NEW] = f"echo '{A100}'"
    wanted, kinds = Needs(8.0, gpus=1.0), [{"most": 2, "cpus": 8, "gpus": 1}]
    with pytest.raises(NoNodeNow, match="adds one when something is trained"):
        nodes["read"](wanted, may_add=kinds, adds_node=False)
    assert [path for method, path, _ in head.asked if method == "POST"] == []
    assert nodes["read"](wanted, may_add=kinds).gpus == (A100,)
    (order,) = [told for method, path, told in head.asked if (method, path) == ("POST", "/api/jobs/")]
    assert (order["entrypoint_num_cpus"], order["entrypoint_num_gpus"]) == (8.0, 1.0)
    with pytest.raises(CampaignFailed, match=r"no node .* has what one training run needs.*autoscaler under"):
        nodes["read"](Needs(16.0), may_add=kinds)


def test_a_campaign_waits_where_no_node_is_added_in_time(head, nodes, clock):
    head.has_nodes()
    nodes[NEW] = BUSY
    with pytest.raises(ClusterAway, match=r"added no node within 540 s; campaigns wait until it does"):
        nodes["read"](clock=clock, may_add=[{"most": 1, "cpus": 4}])


def test_another_gpu_on_the_nodes_is_a_change(head, nodes):
    head.has_nodes(GPU, GPU)
    nodes["node:10.0.0.1"] = nodes["node:10.0.0.2"] = f"echo '{A100}'; echo '{A100}'"
    before = nodes["read"]()
    nodes["node:10.0.0.1"] = nodes["node:10.0.0.2"] = f"echo '{H100}'"
    assert describe_change(before, nodes["read"]()) == f"GPU {A100} -> {H100}"


def test_a_node_that_no_training_can_come_to_does_not_count(head, nodes):
    head.has_nodes(CPU, GPU)
    nodes["node:10.0.0.1"] = "exit 1"
    nodes["node:10.0.0.2"] = f"echo '{A100}'"
    assert nodes["read"](Needs(1.0, gpus=1.0)).gpus == (A100,)


@pytest.mark.parametrize(
    ("has", "gpu", "python", "said"),
    [
        (CPU, "exit 1", sys.executable, "10.0.0.1 could not tell its environment: nvidia-smi fails"),
        (CPU, "exit 0", "/no/such/python", "could not be asked for its versions.*same paths"),
        ({}, "exit 0", sys.executable, "no node of .* has what one training run needs.*resources under"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_do(head, nodes, has, gpu, python, said):
    head.has_nodes(has)
    nodes["node:10.0.0.1"] = gpu
    with pytest.raises(CampaignFailed, match=said):
        nodes["read"](python=python)


def test_a_node_without_a_place_for_the_question_is_answered_for_by_one_of_its_kind(head, nodes, clock):
    head.has_nodes(CPU, CPU)
    nodes["node:10.0.0.1"] = BUSY
    assert nodes["read"](clock=clock).cpu == HERE.cpu


def test_where_no_node_of_a_kind_has_a_place_campaigns_wait(head, nodes, clock):
    head.has_nodes(CPU, {"CPU": 16.0})
    nodes["node:10.0.0.2"] = BUSY
    with pytest.raises(ClusterAway, match=r"10.0.0.2 could not be asked.*campaigns wait until it, or one like it"):
        nodes["read"](clock=clock)


def test_of_many_nodes_those_that_differ_are_asked(head, nodes):
    head.has_nodes(*[CPU] * 20, {**CPU, "accelerator_type:T4": 1.0})
    nodes["node:10.0.0.21"] = "echo T4"
    assert nodes["read"]().gpus == ("T4",)


def test_nodes_that_differ_are_told_together_in_any_order():
    other = replace(HERE, cpu="Another", cores=HERE.cores + 1, packages=(*HERE.packages, ("zarr", "3.0")), gpus=(A100,))
    both = together([HERE, other])
    assert both == together([other, HERE])
    assert both.cpu == " + ".join(sorted((HERE.cpu, "Another")))
    assert (both.cores, both.gpus, dict(both.packages)["zarr"]) == (HERE.cores, (A100,), "3.0 + none")
    assert together([HERE, HERE]).key() == HERE.key()

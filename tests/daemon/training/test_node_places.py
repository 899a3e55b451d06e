"""Where a worker is asked for that a pair's kind of node needs: by what workers told before, at Ray's own addresses."""

import json
from pathlib import Path

import pytest
from retuned.daemon.training.cluster.jobs import Node, Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.node_places import NodePlaces
from retuned.daemon.training.cluster.ray_jobs import RayJobs
from retuned.strategies.errors import ClusterAway

ONE = Needs(1.0)


class Cluster:
    """Nodes a to d of one core; None: it is away."""

    names = "abcd"

    def nodes(self):
        if self.names is None:
            raise ClusterAway("away")
        return tuple(Node(name, {"CPU": 1.0}) for name in self.names)


@pytest.fixture
def places(tmp_path):
    """Places where a worker on b told of an A100, one on a and one on c of an H100."""
    made = NodePlaces(Cluster())
    for worker, (place, kind) in enumerate((("b", "A100"), ("a", "H100"), ("c", "H100"))):
        record = tmp_path / f"{worker}.json"
        record.write_text(json.dumps({"kind": kind}))
        made.learn(str(worker), place, record)
    return made


def never(_worker):
    return False


def test_a_worker_is_asked_for_where_the_kind_was_seen_else_where_nothing_is_known(places):
    assert {places.find("A100", ONE, never) for _ in range(3)} == {"b"}
    assert {places.find("H100", ONE, never) for _ in range(4)} == {"a", "c"}
    assert {places.find("T4", ONE, never) for _ in range(2)} == {"d"}
    assert places.find("A100", Needs(2.0), never) == ""


def test_one_at_a_time_and_none_while_the_cluster_is_away(places, monkeypatch):
    places.note_asked("other", "", 0.0)
    places.note_asked("w", "b", 0.0)
    assert places.find("A100", ONE, lambda worker: worker == "w") == ""
    assert places.find("A100", ONE, never) == "b"
    monkeypatch.setattr(Cluster, "names", None)
    assert places.find("A100", ONE, never) == ""


def test_who_waits_too_long_for_a_place_frees_its_slot(places):
    places.note_asked("w", "b", 0.0)
    assert [places.has_waited(worker, 61.0) for worker in ("w", "other")] == [True, False]
    assert not places.has_waited("w", 59.0)


def test_a_worker_that_has_not_begun_tells_nothing(tmp_path):
    places = NodePlaces(Cluster())
    places.learn("w", "a", tmp_path / "absent.json")
    places.learn("w", "", tmp_path / "absent.json")
    assert places.find("A100", ONE, never) in set("abcd")


def test_ray_is_asked_for_the_node_and_says_where_a_job_runs(head):
    jobs = RayJobs(head.address)
    head.answers["POST", "/api/jobs/"] = 200, {}
    jobs.submit(Order("a", ("x",), Needs(2.0, 1.0, custom={"big": 1.0}), Path("/spool"), place="10.0.0.7"))
    (told,) = [told for method, _, told in head.asked if method == "POST"]
    assert told["entrypoint_resources"] == {"big": 1.0, "node:10.0.0.7": 0.001}
    assert (told["entrypoint_num_cpus"], told["entrypoint_num_gpus"]) == (2.0, 1.0)
    row = {"submission_id": "retuned-a", "status": "RUNNING", "metadata": {"retuned_spool": "/spool"}}
    head.answers["GET", "/api/jobs/"] = 200, [{**row, "driver_agent_http_address": "http://10.0.0.7:52365"},
                                                {**row, "submission_id": "retuned-b"}]  # fmt: skip
    assert {name: job.place for name, job in jobs.jobs().items()} == {"retuned-a": "10.0.0.7", "retuned-b": ""}

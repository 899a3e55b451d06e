"""The cluster's token: sent to the cluster alone, and written nowhere."""

import json
import os
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config, load_config
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.training.cluster.cluster_runner import Cluster, ClusterRunner
from retuned.daemon.training.cluster.jobs import Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.ray_jobs import RayJobs
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.spool import Spool
from retuned.daemon.training.supervisor import pool_of
from retuned.daemon.upkeep.doctor import examine
from retuned.strategies.errors import ClusterAway, InputError
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegRequest, Purpose, Role

CANARY = "canary-77b1-token"


@pytest.fixture
def token(tmp_path):
    """A reference to a file with the token."""
    file = tmp_path / "token"
    file.write_text(f"{CANARY}\n")
    return f"file:{file}"


def sent(head):
    return [{name.lower(): value for name, value in headers.items()}.get("authorization") for headers in head.headers]


def test_each_request_shows_the_token_as_the_file_has_it_then(head, token, tmp_path):
    jobs = RayJobs(head.address, token=token)
    head.lists()
    jobs.jobs()
    (tmp_path / "token").write_text("renewed")
    jobs.submit(Order("retuned-a", ("true",), Needs(), Path("/spool")))
    assert sent(head) == [f"Bearer {CANARY}", "Bearer renewed"]


def test_without_a_token_none_is_sent_whatever_netrc_and_proxies_say(head, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("no_proxy", "")
    head.lists()
    RayJobs(head.address).jobs()
    assert sent(head) == [None]


def test_a_token_goes_to_no_other_address(head, token):
    head.answers["GET", "/api/version"] = 302, ""
    with pytest.raises(ClusterAway, match="HTTP status 302"):
        RayJobs(head.address, token=token).version()
    assert len(head.headers) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_told_with_what_to_do_and_without_the_token(head, token, status):
    head.answers["GET", "/api/jobs/"] = status, "Unauthorized"
    with pytest.raises(ClusterAway, match=r"asks for a token.*RAY_AUTH_TOKEN.*under \[workers\]"):
        RayJobs(head.address).jobs()
    with pytest.raises(ClusterAway, match="does not take the token") as refused:
        RayJobs(head.address, token=token).jobs()
    assert CANARY not in str(refused.value)


def test_a_token_that_cannot_be_read_makes_campaigns_wait(head, tmp_path):
    with pytest.raises(ClusterAway, match=r"gone cannot be read.*check its path"):
        RayJobs(head.address, token=f"file:{tmp_path}/gone").jobs()


def test_a_token_itself_is_no_reference(tmp_path):
    (tmp_path / "config.toml").write_text(f"[workers]\ntoken = '{CANARY}'\n")
    with pytest.raises(InputError, match="is not a reference to a secret") as refused:
        load_config(tmp_path / "config.toml", {"HOME": str(tmp_path)})
    assert CANARY not in str(refused.value)


def test_the_token_is_in_no_file_no_job_and_no_finding(head, token, tmp_path):
    shared, folder = tmp_path / "shared", tmp_path / "spool"
    shared.mkdir()
    order = TrainingOrder("command", ("true",), None, "", str(tmp_path), "", "steps", None, 20.0, 1)
    cluster = Cluster(RayJobs(head.address, token=token), shared)
    objective = Objective("loss", lower_is_better=True)
    head.lists()
    runner = ClusterRunner(folder, order, objective, 1, dict(os.environ), SystemClock(), cluster, Needs())
    runner.submit([LegRequest("a", "a", Purpose.SEARCH, {}, 1, 2, 0, 1, role=Role.CANDIDATE, number=0)])
    runner.poll()
    assert pool_of(Spool(folder), SystemClock()).present() != ()
    workers = WorkersTable(runner="ray", address=head.address, shared=shared, token=token)
    found = examine(Config(state=tmp_path / "state", workers=workers), {"HOME": str(tmp_path)}, SystemClock())
    assert f"Bearer {CANARY}" in sent(head)
    assert CANARY not in json.dumps(head.asked) + str(found)
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert holders == [Path(token.removeprefix("file:"))]

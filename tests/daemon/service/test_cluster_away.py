"""A service whose cluster is away: it says so, campaigns wait, and start when the cluster is back."""

import pytest
from retuned.daemon.config.config import Config
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.service.campaign_processes import CampaignProcesses
from retuned.daemon.service.cluster_look import ClusterLook
from retuned.daemon.service.service import Part, Service
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.faults import recent_faults
from retuned.strategies.errors import ClusterAway
from retuned.strategies.schedule.grants import Machine

AWAY = "http://127.0.0.1:9"
WORKERS = WorkersTable(runner="ray", address=AWAY, shared="/mnt")


def test_campaigns_wait_for_a_cluster_that_is_away_and_start_when_it_is_back(desk, clock):
    desk.register()
    answers, started = [], []

    def read_machine():
        if not answers:
            raise ClusterAway(f"the cluster at {AWAY} does not answer")
        return answers[0]

    def start(campaign_id):
        started.append(campaign_id)
        raise RuntimeError("that is enough")

    processes = CampaignProcesses(desk.config.state, start, clock)
    look = Part("cluster", ClusterLook(WORKERS, clock).step)
    service = Service(
        desk.store, Config(state=desk.config.state), clock, processes, read_machine, (look,), lambda: True
    )
    service.tick()
    assert started == []
    assert [campaign.phase for campaign in open_campaigns(desk.store)] == ["queued"]
    faults = [fault for fault in recent_faults(desk.store) if AWAY in fault.sentence]
    assert {fault.part for fault in faults} >= {"cluster"}
    assert len(faults) == 2
    answers.append(Machine(slots=8, memory_bytes=None, gpus=(), campaigns=1))
    clock.move(seconds=1)
    service.tick()
    assert started == [1]


def test_a_look_is_taken_once_a_minute(clock):
    look = ClusterLook(WORKERS, clock)
    with pytest.raises(ClusterAway):
        look.step()
    look.step()
    clock.move(seconds=61)
    with pytest.raises(ClusterAway):
        look.step()

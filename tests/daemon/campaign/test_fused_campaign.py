"""Whole campaigns whose trials are fused: interrupted or not, with the same scores to the bit."""

import contextlib
import os
from pathlib import Path

import pytest
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.durable_files import read_json
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.records import LegEnd

LINE = Path(__file__).parents[2] / "toys" / "line.py"
TRAINING = f'recipe = "{LINE}:Line"\nbudget = {{epochs = 4}}\ntimeout = "60s"\nslots = 2\nthreads = 1'
HYPERPARAMETERS = {
    "hyperparameters.lr": 'type = "float"\nlow = 1e-3\nhigh = 10.0\nlog = true\nvalue = 0.15',
    "hyperparameters.momentum": 'type = "float"\nlow = 0.0\nhigh = 0.95\nvalue = 0.5',
    "search": "challengers = 8\nmax_pairs = 4",
}


class Interrupted(Exception):
    pass


def retune(desk, interruptions=0):
    """A re-evaluation of the line, stopped so often and gone on with; what became of its legs, by name."""
    desk.register(training=TRAINING, **HYPERPARAMETERS)
    model = find_model(desk.store, "toy")
    campaign = open_or_queue(desk.store, model, "retune", 1, {}, SystemClock())
    for _ in range(interruptions):
        with contextlib.suppress(Interrupted):
            run(desk, campaign, Watch(desk, campaign.id))
    run(desk, campaign, lambda: None)
    return {leg.request.name: leg for leg in results_of(desk.store, campaign.id)}, desk.store.state / "campaigns" / "2"


class Watch:
    """Interrupts once a few legs more have been begun."""

    def __init__(self, desk, campaign_id):
        self.legs = desk.store.state / "campaigns" / str(campaign_id) / "legs"
        self.limit = self.begun() + 7

    def begun(self):
        return len(list(self.legs.glob("*/trial.json")))

    def __call__(self):
        if self.begun() >= self.limit:
            raise Interrupted


def run(desk, campaign, watch):
    run_campaign(desk.store, campaign.id, clock=SystemClock(), config=desk.config, environ=os.environ, watch=watch)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, new_desk):
    return retune(new_desk(tmp_path_factory.mktemp("uninterrupted")))


def test_the_trials_of_a_campaign_are_fused_and_a_diverged_one_ends_alone(uninterrupted):
    legs, folder = uninterrupted
    choices = [read_json(path) for path in (folder / "fusing").iterdir()]
    assert {choice["is_fused"] for choice in choices} == {True}
    assert {leg.end for leg in legs.values()} == {LegEnd.COMPLETED, LegEnd.DIVERGED}
    assert legs["probe.base"].score == legs["probe.equal"].score
    assert legs["probe.base"].score != legs["probe.seed"].score


def test_an_interrupted_campaign_gives_the_same_scores_to_the_bit(uninterrupted, desk):
    legs, _ = uninterrupted
    again, _ = retune(desk, interruptions=3)
    assert {name: (leg.end, leg.score) for name, leg in again.items()} == {
        name: (leg.end, leg.score) for name, leg in legs.items()
    }


def test_trials_alone_give_the_same_scores_but_for_rounding(uninterrupted, other_desk):
    legs, _ = uninterrupted
    other_desk.register(training=f'{TRAINING}\nfuse = "off"', **HYPERPARAMETERS)
    campaign = other_desk.retune(seed=1)
    alone = {leg.request.name: leg.score for leg in results_of(other_desk.store, campaign.id)}
    first = [name for name, leg in legs.items() if leg.score is not None and name.startswith("search.0")][:4]
    assert [legs[name].score for name in first] == pytest.approx([alone[name] for name in first], abs=1e-4)

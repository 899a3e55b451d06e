"""What `plan` promises, what a campaign then does and what the queue expects come from one forecast."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.daemon.campaign.forecast import forecast, slots_that_fit
from retuned.daemon.campaign.plan import plan_of
from retuned.daemon.campaign.request import ask_for, retune_request
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import ModelFile
from retuned.daemon.service.queue_reader import QueueReader
from retuned.daemon.state.campaigns.campaigns import finished_baseline
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.training.machine import machine_of
from retuned.strategies.legs import names
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role
from retuned.strategies.schedule.grants import Machine
from retuned.strategies.search.choose import Strategy

CLOCK = SystemClock()
RECIPE = Path(__file__).parents[2] / "toys" / "line_recipe.py"


@dataclass(frozen=True)
class Registered:
    """A model that either strategy can search, and the configuration of its state folder."""

    file: ModelFile
    config: Config


@pytest.fixture(scope="module")
def registered(new_desk, tmp_path_factory):
    """A recipe, registered and not yet trained."""
    desk = new_desk(tmp_path_factory.mktemp("forecast"))
    training = f'recipe = "{RECIPE}:Line"\nbudget = {{steps = 10}}\nslots = 8'
    model = desk.register(training=training, objective='metric = "loss"\ndirection = "minimize"')
    return Registered(model.file, desk.config)


def replicate(number, seconds, memory_bytes=0, budget=10.0):
    name = names.full_run(Purpose.REPLICATE, Role.INCUMBENT, number)
    request = LegRequest(
        name, name, Purpose.REPLICATE, {"lr": 0.1}, 1, 2, 0.0, budget, role=Role.INCUMBENT, number=number
    )
    return LegResult(request, LegEnd.COMPLETED, 1.0, seconds=seconds, peak_memory_bytes=memory_bytes)


@pytest.mark.parametrize("search", ["", 'budget = "2s"', 'budget = "1h"', "challengers = 6", 'strategy = "caviar"'])
def test_plan_campaign_and_queue_tell_the_same(desk, search):
    model = desk.register(search=search or "max_pairs = 32")
    desk.baseline()
    planned = plan_of(desk.store, model, desk.config, CLOCK.now())
    queued = ask_for(desk.store, retune_request(desk.store, "toy", seed=3), CLOCK)
    waiting = QueueReader(desk.store, desk.config).read((), machine_of(desk.config), CLOCK.now()).waiting
    chosen = desk.run(queued).facts.chosen
    assert (chosen.strategy, chosen.lives) == (planned.choice.strategy, planned.choice.lives)
    assert chosen.choice == planned.sentences[0]
    assert chosen.estimate == planned.sentences[1]
    assert chosen.full_runs == planned.choice.full_runs
    assert chosen.seconds_expected == planned.cost.seconds_expected
    baseline = finished_baseline(desk.store, model.id, model.settings_version)
    told = forecast(model.file, results_of(desk.store, baseline.id), machine_of(desk.config), desk.config).training_s
    budget_s = model.file.search.budget_s
    assert [entry.hours for entry in waiting] == [min(told, budget_s or told) / 3600.0]


@settings(max_examples=60)
@given(
    seconds=st.floats(0.01, 3e5),
    memory_gib=st.floats(0.0, 40.0),
    granted=st.integers(1, 8),
    slots=st.integers(1, 8),
    budget_s=st.none() | st.floats(1.0, 1e7),
)
def test_what_a_service_grants_changes_the_time_and_not_the_strategy(
    registered, seconds, memory_gib, granted, slots, budget_s
):
    config = registered.config.model_copy(
        update={"workers": registered.config.workers.model_copy(update={"slots": slots})}
    )
    legs = [replicate(number, seconds, int(memory_gib * 2**30)) for number in range(8)]
    machine = Machine(8, 32 << 30, (), 1)
    alone = forecast(registered.file, legs, machine, config, budget_s=budget_s)
    beside = forecast(registered.file, legs, machine, config, budget_s=budget_s, at_once=granted)
    assert beside.choice == alone.choice
    assert beside.cost.seconds_expected >= alone.cost.seconds_expected
    assert beside.training_s == alone.training_s


def test_long_runs_that_nearly_fill_the_memory_are_babysat_in_all_three(registered):
    day = timedelta(days=1).total_seconds()
    legs = [replicate(number, day, 20 << 30) for number in range(8)]
    found = forecast(registered.file, legs, Machine(8, 32 << 30, (), 1), registered.config)
    assert found.choice.strategy is Strategy.PANDA
    assert found.cost.full_runs_search == 1 + found.choice.lives
    assert found.training_s == day * (1 + found.choice.lives + found.cost.runs_confirm_expected)


def test_before_a_training_was_timed_neither_time_nor_hours_are_told(registered):
    found = forecast(registered.file, (), Machine(8, None, (), 1), registered.config)
    assert (found.training_s, found.cost.seconds_expected, found.seconds_per_run) == (None, None, None)


def test_a_strategy_that_was_asked_for_is_taken_and_said(registered):
    found = forecast(registered.file, (), Machine(8, None, (), 1), registered.config, strategy="caviar")
    assert found.choice.strategy is Strategy.CAVIAR
    assert found.sentence.endswith("; caviar was asked for")


@pytest.mark.parametrize(
    ("memory_gib", "gpus", "slots"),
    [
        (32, 2, 2),
        (9, 2, 2),  # two of 4 GiB
        (7, 2, 1),
        (3, 2, 0),  # not one fits
        (32, 1, 1),
        (32, 0, 0),
    ],
)
def test_slots_follow_memory_and_gpus(new_desk, tmp_path, memory_gib, gpus, slots):
    desk = new_desk(tmp_path)
    resources = 'resources = {memory = "4GiB", gpus = 1}'
    file = desk.register(training=f"{desk.training_table(tmp_path / 'none.py')}\n{resources}").file
    assert slots_that_fit(file, desk.config, memory_gib << 30, gpus) == slots

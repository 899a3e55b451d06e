"""Searches whose configurations are proposed by Sobol points or by Optuna, the real one."""

import importlib.metadata
import math
import os
import random
import subprocess
import sys
import warnings

import numpy as np
import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.daemon.campaign.forecast import forecast
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.model_paths import check_paths
from retuned.strategies.caviar.caviar import Finished, Propose, SearchTask, decide
from retuned.strategies.caviar.optuna_proposals import propose_with_optuna
from retuned.strategies.errors import CampaignFailed, InputError
from retuned.strategies.legs.names import INCUMBENT
from retuned.strategies.records import BudgetUnit, LegEnd, LegResult
from retuned.strategies.schedule.grants import Machine
from retuned.strategies.search.observations import Observations, Source
from retuned.strategies.search.samplers import Sampler
from retuned.strategies.space import Hyperparameter, Kind, Space, configuration_key

SPACE = Space.of(
    [
        Hyperparameter("lr", Kind.FLOAT, low=1e-4, high=1.0, log=True),
        Hyperparameter("weight_decay", Kind.SCHEDULE, low=1e-6, high=0.1, log=True),
        Hyperparameter("hidden", Kind.INT, low=4, high=64, log=True),
        Hyperparameter("layers", Kind.INT, low=-1, high=2),
        Hyperparameter("batch", Kind.CATEGORICAL, choices=(256, 16, 64)),
        Hyperparameter("pad", Kind.CATEGORICAL, choices=(True, 1, "edge")),
        Hyperparameter("threads", Kind.INT),
        Hyperparameter("optimiser", Kind.CATEGORICAL, choices=("sgd", "adamw")),
        Hyperparameter("momentum", Kind.FLOAT, low=0.0, high=0.99, when=("optimiser", ("sgd",))),
        Hyperparameter("nesterov", Kind.BOOL, when=("optimiser", ("sgd",))),
        Hyperparameter("beta2", Kind.FLOAT, when=("optimiser", ("adamw",)), stored=0.999),
    ]
)
STORED = {
    "lr": 3.0,  # outside its bounds, as an incumbent may be
    "weight_decay": ((0.0, 0.01), (100.0, 0.0)),
    "hidden": 16, "layers": 1, "batch": 64, "pad": True, "threads": 2, "optimiser": "adamw", "beta2": 0.99,
}  # fmt: skip
OTHERS = [sampler for sampler in Sampler if sampler is not Sampler.AUTO]
MODELS = [Sampler.TPE, Sampler.GP]
QUICK = [sampler for sampler in OTHERS if sampler is not Sampler.GP]  # that one takes seconds for a search
GOOD = """\
name = "rides"
owner = "team"
[training]
command = ["sh", "-c", "true", "{lr}"]
budget = {steps = 100}
[objective]
metric = "loss"
direction = "minimize"
[hyperparameters.lr]
type = "float"
low = 0.001
high = 1.0
log = true
value = 0.1
[search]
sampler = "optuna:tpe"
"""


def task_of(sampler, space=SPACE, incumbent=STORED, seed=1, resumable=True, **changes):
    values = {"warm": (), "budget": 300.0, "unit": BudgetUnit.STEPS, "sampler": sampler, **changes}
    return SearchTask(space=space, incumbent=incumbent, seed=seed, resumable=resumable, **values)


def skill(configuration):
    """Higher is better; None where it diverges."""
    if configuration["lr"] > 0.5:
        return None
    bonus = 0.2 * (configuration.get("momentum", 0.0) > 0.5) + 0.1 * (configuration["pad"] == "edge")
    return bonus - (math.log10(configuration["lr"]) + 2) ** 2 - abs(configuration["hidden"] - 32) / 32


def trained(leg, objective=skill):
    score = objective(leg.configuration)
    if score is None:
        return LegResult(leg, LegEnd.DIVERGED, None)
    return LegResult(leg, LegEnd.COMPLETED, score - 1.0 + 0.5 * leg.to_step / 300.0)


def searched(task, objective=skill, history=()):
    """(the end of the search, everything trained), training every rung that is proposed."""
    results = {result.request.name: result for result in history}
    while isinstance(step := decide(task, list(results.values())), Propose):
        missing = [leg for leg in step.legs if leg.name not in results]
        results.update((leg.name, trained(leg, objective)) for leg in missing)
    return step, list(results.values())


def configurations_of(history):
    """What was tried, by trial."""
    return {result.request.trial: result.request.configuration for result in history}


@pytest.mark.parametrize(
    ("sampler", "resumable", "challengers"),
    [*((sampler, resumable, 18) for sampler in QUICK for resumable in (True, False)), (Sampler.GP, True, 10)],
)
def test_a_search_ends_with_as_many_different_allowed_configurations_as_planned(sampler, resumable, challengers):
    end, history = searched(task_of(sampler, resumable=resumable, challengers=challengers))
    tried = configurations_of(history)
    assert isinstance(end, Finished)
    assert not end.failed
    assert len({configuration_key(configuration) for configuration in tried.values()}) == len(tried) == 1 + challengers
    challengers = [configuration for trial, configuration in tried.items() if trial != INCUMBENT]
    assert [
        configuration
        for configuration in challengers
        if SPACE.validate(configuration) != configuration or SPACE.active(configuration) != tuple(configuration)
    ] == []
    assert {configuration["threads"] for configuration in challengers} == {2}
    assert skill(end.winner) > -1.5


@pytest.mark.parametrize("sampler", OTHERS)
def test_every_sampler_keeps_to_the_grid_of_a_step_also_where_the_incumbent_does_not(sampler):
    lr = Hyperparameter("lr", Kind.FLOAT, low=0.1, high=0.9, step=0.2)
    hidden = Hyperparameter("hidden", Kind.INT, low=8, high=56, step=24)
    task = task_of(sampler, Space.of([lr, hidden]), {"lr": 0.25, "hidden": 9}, challengers=9)
    end, history = searched(task, lambda configuration: configuration["lr"] - configuration["hidden"] / 100)
    tried = [configuration for trial, configuration in configurations_of(history).items() if trial != INCUMBENT]
    assert len({configuration_key(configuration) for configuration in tried}) == 9
    assert {repr(configuration["lr"]) for configuration in tried} <= {"0.1", "0.3", "0.5", "0.7", "0.9"}
    assert {configuration["hidden"] for configuration in tried} <= {8, 32, 56}
    assert configurations_of(history)[INCUMBENT] == {"lr": 0.25, "hidden": 9}
    assert isinstance(end, Finished)


@pytest.mark.parametrize("sampler", OTHERS)
def test_the_same_record_gives_the_same_waves_whatever_was_drawn_elsewhere(sampler):
    task = task_of(sampler, challengers=8)
    expected, complete = searched(task)
    for draw in (random.seed, np.random.seed, torch.manual_seed):
        draw(4711)
    again, history = searched(task, history=complete[:7])
    assert again == expected
    assert configurations_of(history) == configurations_of(complete)


def test_another_process_with_another_hash_seed_proposes_the_same():
    script = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "from test_samplers import proposals\n"
        "print(proposals())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert answers == {f"{proposals()}\n"}


def proposals():
    """What a short search proposes, by each sampler that has a model."""
    searches = [searched(task_of(sampler, challengers=6)) for sampler in MODELS]
    return [sorted(configurations_of(history).items()) for _, history in searches]


@settings(max_examples=15)
@given(st.integers(0, 2**31 - 1), st.sampled_from(QUICK), st.randoms(use_true_random=False))
def test_any_order_of_the_record_leads_to_the_same_next_wave(seed, sampler, shuffler):
    task = task_of(sampler, seed=seed)
    first = [trained(leg) for leg in decide(task, []).legs]
    halved = first + [trained(leg) for leg in decide(task, first).legs if leg.name.endswith("r1")]
    expected = decide(task, halved)
    shuffler.shuffle(halved)
    assert decide(task, halved) == expected


places = st.lists(st.floats(0.0, 1.0), min_size=len(SPACE.names), max_size=len(SPACE.names))
scores = st.floats(-1e6, 1e6)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(places, scores), max_size=12),
    st.lists(st.tuples(places, scores), max_size=6),
    st.sampled_from([Sampler.TPE, Sampler.RANDOM]),
    st.integers(0, 2**31 - 1),
)
def test_whatever_was_scored_what_is_proposed_is_new_and_allowed(full, stopped, sampler, seed):
    groups = [
        Observations(tuple((SPACE.from_unit(place, STORED), score) for place, score in rows), source)
        for rows, source in ((full, Source.FULL), (stopped, Source.RUNG), (full, Source.EARLIER))
    ]
    tried = [STORED, *(configuration for group in groups for configuration, _ in group.scores)]
    proposed = propose_with_optuna(SPACE, groups, tried, seed, 3, sampler)
    keys = {configuration_key(configuration) for configuration in proposed}
    assert len(keys) == len(proposed) == 3
    assert not keys & {configuration_key(configuration) for configuration in tried}
    assert [configuration for configuration in proposed if SPACE.validate(configuration) != configuration] == []


@pytest.mark.parametrize("sampler", MODELS)
def test_a_sampler_with_a_model_goes_to_where_the_scores_are_high(sampler):
    space = Space.of(SPACE.hyperparameters[:1])
    task = task_of(sampler, space, {"lr": 0.5}, challengers=24)
    _, history = searched(task, lambda configuration: -abs(math.log10(configuration["lr"]) + 2.0))
    off = [abs(math.log10(configuration["lr"]) + 2.0) for configuration in configurations_of(history).values()]
    assert sum(off[-6:]) / 6 < 0.5 * sum(off[1:13]) / 12


@pytest.mark.parametrize("sampler", [Sampler.SOBOL, Sampler.RANDOM])
def test_a_sampler_without_a_model_does_not_look_at_the_scores(sampler):
    task = task_of(sampler, resumable=False)
    histories = [searched(task, objective)[1] for objective in (skill, lambda configuration: configuration["lr"])]
    assert configurations_of(histories[0]) == configurations_of(histories[1])


def test_the_waves_of_a_sobol_search_are_one_sequence():
    space = Space.of([Hyperparameter(f"x{number}", Kind.FLOAT, 0.0, 1.0) for number in range(2)])
    task = task_of(Sampler.SOBOL, space, {"x0": 0.5, "x1": 0.5}, resumable=False, challengers=16)
    _, history = searched(task, lambda configuration: configuration["x0"])
    challengers = [configuration for trial, configuration in configurations_of(history).items() if trial != INCUMBENT]
    quarters = [(configuration["x0"] >= 0.5, configuration["x1"] >= 0.5) for configuration in challengers]
    assert [quarters.count((left, low)) for left in (True, False) for low in (True, False)] == [4] * 4


@pytest.mark.parametrize("sampler", OTHERS)
def test_the_best_of_the_last_campaign_are_tried_first(sampler):
    good = SPACE.validate({**STORED, "lr": 0.01})
    assert decide(task_of(sampler, warm=(good,)), []).legs[1].configuration == good


@pytest.mark.parametrize("sampler", QUICK)
def test_a_small_space_is_used_up(sampler):
    declared = [Hyperparameter(name, Kind.CATEGORICAL, choices=("a", "b", "c")) for name in ("one", "two")]
    space = Space.of([*declared, Hyperparameter("three", Kind.BOOL, when=("one", ("a",)))])
    task = task_of(sampler, space, {"one": "b", "two": "a"})
    _, history = searched(task, lambda configuration: float(configuration["one"] == "c"))
    assert len({configuration_key(configuration) for configuration in configurations_of(history).values()}) == 12


@pytest.mark.parametrize("sampler", OTHERS)
def test_a_search_in_which_everything_diverges_has_failed(sampler):
    end, history = searched(task_of(sampler), lambda configuration: None)
    assert end.failed
    assert len(configurations_of(history)) == 19


def test_optuna_is_left_as_it_was_and_says_nothing(capfd):
    before = optuna.logging.get_verbosity(), torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searched(task_of(Sampler.TPE))
        searched(task_of(Sampler.GP, challengers=4))
    assert (optuna.logging.get_verbosity(), torch.get_num_threads()) == before
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def without_optuna(monkeypatch):
    """As on a machine where it is not installed."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "retuned.strategies.caviar.optuna_proposals")


def test_what_is_on_record_needs_no_optuna(request):
    expected, complete = searched(task_of(Sampler.TPE))
    request.getfixturevalue("without_optuna")
    assert decide(task_of(Sampler.TPE), complete) == expected


def test_a_search_without_optuna_says_what_to_install(without_optuna):
    with pytest.raises(CampaignFailed, match=r"Optuna is not installed.*pip install 'retuned\[optuna\]'"):
        searched(task_of(Sampler.TPE))


def test_a_search_by_our_own_model_needs_no_optuna(without_optuna):
    assert isinstance(searched(task_of(Sampler.AUTO))[0], Finished)


def written(folder, text=GOOD):
    path = folder / "model.toml"
    path.write_text(text)
    return load_model_file(path)


def test_optuna_is_looked_for_at_registration(tmp_path, without_optuna):
    with pytest.raises(InputError, match=r"'optuna:tpe'.* not installed.*'auto' and 'sobol'.*pip install") as caught:
        check_paths(written(tmp_path))
    assert "\n" not in str(caught.value)


def test_an_old_optuna_is_refused_at_registration(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "4.2.1")
    with pytest.raises(InputError, match=r"Optuna 4\.2\.1 is installed; allowed: Optuna 5\.0 or newer"):
        check_paths(written(tmp_path))


def test_a_model_file_with_an_optuna_that_is_there_is_accepted(tmp_path):
    file = written(tmp_path)
    check_paths(file)
    assert file.search.sampler is Sampler.TPE


def test_the_plan_says_who_proposes(tmp_path):
    sentence = forecast(written(tmp_path), (), Machine(2, None, (), 1), Config(state=tmp_path)).sentence
    start = "caviar: 12 challengers a stage, two stages at most"
    assert sentence.startswith(f"{start} (the later ones proposed by Optuna's TPE), 1 training at once")


def test_a_campaign_searches_with_the_sampler_of_the_model_file(desk):
    desk.register(search='sampler = "optuna:tpe"')
    desk.baseline()
    campaign = desk.retune(seed=3)
    assert campaign.phase == "done"
    assert "proposed by Optuna's TPE" in campaign.facts.chosen.choice

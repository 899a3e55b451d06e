"""The registry: model files become versions, values become settings, and nothing is overwritten."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import campaigns_of, open_campaigns
from retuned.daemon.state.models.adoption import make_current, proposal
from retuned.daemon.state.models.registry import (
    all_models,
    file_of_version,
    find_model,
    register,
    set_state,
    settings_of,
)
from retuned.strategies.errors import ConflictError, InputError, UnknownName

LR = 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = '
OPTIMIZER = 'type = "categorical"\nchoices = ["sgd", "adamw"]\nvalue = '
MOMENTUM = 'type = "float"\nlow = 0.0\nhigh = 0.99\nwhen = {optimizer = ["sgd"]}\nvalue = 0.9'
OPTIMIZED = {"hyperparameters.optimizer": OPTIMIZER + '"adamw"', "hyperparameters.momentum": MOMENTUM}


def take_up(desk, clock, **changes):
    path = desk.write_model(**changes)
    return register(desk.store, load_model_file(path), path, clock.now())


def put_in_force(desk, campaign_id, recommended, clock):
    """Adopt what a campaign is made to have recommended."""
    with desk.store.transaction():
        desk.store.change(
            "UPDATE campaigns SET facts = json_set(facts, '$.recommended', json(?)) WHERE id = ?",
            (recommended, campaign_id),
        )
    return make_current(desk.store, proposal(desk.store, "toy", campaign_id), clock.now())


def queued(desk):
    return [(c.kind, c.trigger, c.settings_version) for c in open_campaigns(desk.store)]


def counts(store):
    tables = ("models", "model_versions", "settings", "campaigns")
    return [store.row(f"SELECT count(*) AS n FROM {table}")["n"] for table in tables]  # noqa: S608 - names from above


def test_a_new_model_gets_its_first_version_settings_due_date_and_baseline(desk, clock):
    done = take_up(desk, clock)
    assert done.is_new
    assert done.is_changed
    assert done.sentence == "registered toy: version 1, settings v1, a baseline is queued"
    assert done.model.next_due_at == datetime(2026, 4, 30, 9, tzinfo=UTC)  # 31 January and three months
    assert done.model.source == desk.folder / "model.toml"
    assert queued(desk) == [("baseline", "registered", 1)]


def test_registering_the_same_file_again_changes_nothing(desk, clock):
    take_up(desk, clock)
    before = counts(desk.store)
    clock.move(days=3)
    done = take_up(desk, clock)
    assert (done.is_new, done.is_changed) == (False, False)
    assert "nothing to do" in done.sentence
    assert counts(desk.store) == before


def test_a_comment_or_another_order_of_keys_is_no_change(desk, clock):
    take_up(desk, clock)
    path = desk.write_model(top='owner = "tests" # a comment\nname = "toy"')
    assert not register(desk.store, load_model_file(path), path, clock.now()).is_changed


def test_a_changed_file_is_a_new_version_and_the_old_one_stays(desk, clock):
    take_up(desk, clock)
    done = take_up(desk, clock, top='name = "toy"\nowner = "others"')
    assert done.sentence == "toy: version 2, settings v1 stay current"
    assert done.model.version == 2
    owners = [file_of_version(desk.store, done.model.id, version).owner for version in (1, 2)]
    assert owners == ["tests", "others"]
    assert queued(desk) == [("baseline", "registered", 1)]


def test_an_edited_value_becomes_new_settings_and_replaces_the_queued_baseline(desk, clock):
    take_up(desk, clock)
    done = take_up(desk, clock, **{"hyperparameters.lr": LR + "0.02"})
    assert done.sentence == "toy: version 2, settings v2, a baseline is queued"
    assert done.model.configuration == {"lr": 0.02}
    assert queued(desk) == [("baseline", "registered in version 2", 2)]
    first = campaigns_of(desk.store, done.model.id)[0]
    assert (first.phase, first.failure) == ("cancelled", "newer settings were adopted")


def test_a_changed_owner_does_not_undo_an_adopted_value(judged_copy, clock):
    adopted = make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    path = judged_copy.folder / "model.toml"
    path.write_text(path.read_text().replace('owner = "tests"', 'owner = "others"'))
    done = register(judged_copy.store, load_model_file(path), path, clock.now())
    assert done.model.file.owner == "others"
    assert (done.model.settings_version, done.model.configuration) == (2, adopted.configuration)


def test_a_value_that_is_new_in_the_file_joins_the_adopted_ones(judged_copy, clock):
    adopted = make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    path = judged_copy.folder / "model.toml"
    path.write_text(path.read_text() + f"\n[hyperparameters.batch]\n{LR}0.5")
    done = register(judged_copy.store, load_model_file(path), path, clock.now())
    assert done.model.configuration == {"lr": adopted.configuration["lr"], "batch": 0.5}


def test_a_changed_owner_keeps_an_adopted_value_that_brought_another_into_use(judged_copy, clock):
    first = take_up(judged_copy, clock, **OPTIMIZED)
    assert "momentum" not in first.model.configuration
    put_in_force(judged_copy, 3, '{"lr": 0.1, "optimizer": "sgd", "momentum": 0.5}', clock)
    done = take_up(judged_copy, clock, top='name = "toy"\nowner = "others"', **OPTIMIZED)
    assert done.model.configuration == {"lr": 0.1, "optimizer": "sgd", "momentum": 0.5}
    assert done.sentence.startswith("toy: version 3, settings v3 stay current; the file differs: ")


def test_a_changed_owner_makes_no_new_settings_of_values_that_are_not_in_use(judged_copy, clock):
    changes = {**OPTIMIZED, "hyperparameters.optimizer": OPTIMIZER + '"sgd"'}
    take_up(judged_copy, clock, **changes)
    put_in_force(judged_copy, 3, '{"lr": 0.1, "optimizer": "adamw"}', clock)
    done = take_up(judged_copy, clock, top='name = "toy"\nowner = "others"', **changes)
    assert done.sentence.startswith("toy: version 3, settings v3 stay current; the file differs: ")


def test_older_settings_stay_readable_when_the_search_space_changes(desk, clock):
    take_up(desk, clock)
    done = take_up(desk, clock, **OPTIMIZED)
    history = settings_of(desk.store, done.model)
    assert [settings.configuration for settings in history] == [{"lr": 0.01}, {"lr": 0.01, "optimizer": "adamw"}]


def test_a_hyperparameter_may_be_removed(desk, clock):
    take_up(desk, clock, **OPTIMIZED)
    assert take_up(desk, clock).model.configuration == {"lr": 0.01}


def test_a_schedule_survives_the_registry_as_a_schedule(desk, clock):
    schedule = 'type = "schedule"\nlow = 1e-4\nhigh = 1.0\nvalue = [[0, 0.1], [5, 0.01]]'
    training = 'command = ["sh"]\nbudget = {steps = 10}\nresumable = true'
    done = take_up(desk, clock, **{"hyperparameters.lr": schedule, "training": training})
    assert done.model.configuration == {"lr": ((0.0, 0.1), (5.0, 0.01))}
    assert settings_of(desk.store, done.model)[0].configuration == done.model.configuration


def test_another_rhythm_moves_the_due_date(desk, clock):
    take_up(desk, clock)
    clock.move(days=10)
    assert take_up(desk, clock, schedule='every = "1 week"').model.next_due_at == datetime(2026, 2, 14, 9, tzinfo=UTC)
    assert take_up(desk, clock, schedule='every = "never"').model.next_due_at is None


def test_a_model_is_paused_resumed_and_retired(desk, clock):
    take_up(desk, clock)
    assert set_state(desk.store, "toy", "paused").state == "paused"
    assert set_state(desk.store, "toy", "active").state == "active"
    assert set_state(desk.store, "toy", "retired").state == "retired"
    with pytest.raises(ConflictError, match=r"toy is retired; .*retuned resume toy"):
        set_state(desk.store, "toy", "paused")
    assert set_state(desk.store, "toy", "active").state == "active"


def test_an_unknown_name_is_answered_with_the_names_there_are(desk, clock):
    with pytest.raises(UnknownName, match="no model is registered as 'tow'; registered: none yet; see: retuned models"):
        find_model(desk.store, "tow")
    take_up(desk, clock)
    with pytest.raises(UnknownName, match="registered: toy"):
        set_state(desk.store, "tow", "paused")
    assert [model.name for model in all_models(desk.store)] == ["toy"]


def test_a_file_whose_values_do_not_fit_together_leaves_the_registry_as_it_was(judged_copy, clock):
    take_up(judged_copy, clock, **OPTIMIZED)
    before = counts(judged_copy.store)
    without = {**OPTIMIZED, "hyperparameters.momentum": MOMENTUM.replace("\nvalue = 0.9", "")}
    with pytest.raises(InputError, match="momentum"):
        take_up(judged_copy, clock, **{**without, "hyperparameters.optimizer": OPTIMIZER + '"sgd"'})
    assert counts(judged_copy.store) == before


TWO = {"hyperparameters.lr": LR + "0.1", "hyperparameters.batch": LR + "0.5"}


def mixed(desk, clock, **values):
    """lr and batch registered, both adopted otherwise, then lr edited in the file."""
    take_up(desk, clock, **TWO)
    put_in_force(desk, 3, '{"lr": 0.02, "batch": 0.25}', clock)
    path = desk.write_model(**{**TWO, "hyperparameters.lr": LR + "0.3"})
    return register(desk.store, load_model_file(path), path, clock.now(), **values)


def test_an_edit_after_an_adoption_is_not_mixed_silently_with_what_was_adopted(judged_copy, clock):
    with pytest.raises(InputError, match="never run") as refused:
        mixed(judged_copy, clock)
    assert "lr was 0.1, is 0.3 in the file, 0.02 current" in str(refused.value)
    assert "batch was 0.5, is 0.5 in the file, 0.25 current" in str(refused.value)
    assert "--values file" in str(refused.value)
    model = find_model(judged_copy.store, "toy")
    assert (model.version, model.settings_version, model.configuration) == (2, 3, {"lr": 0.02, "batch": 0.25})


@pytest.mark.parametrize(
    ("values", "configuration", "version"),
    [("file", {"lr": 0.3, "batch": 0.5}, 4), ("keep", {"lr": 0.02, "batch": 0.25}, 3)],
)
def test_the_owner_chooses_the_files_values_or_the_current_ones(judged_copy, clock, values, configuration, version):
    done = mixed(judged_copy, clock, values=values)
    assert (done.model.configuration, done.model.settings_version) == (configuration, version)
    assert ("the file differs: lr 0.3 in the file, 0.02 current" in done.sentence) is (values == "keep")


def test_an_edit_that_says_what_is_current_or_covers_all_that_differs_is_no_mixture(judged_copy, clock):
    take_up(judged_copy, clock, **TWO)
    put_in_force(judged_copy, 3, '{"lr": 0.02, "batch": 0.5}', clock)
    done = take_up(judged_copy, clock, **{**TWO, "hyperparameters.lr": LR + "0.02"})
    assert done.sentence == "toy: version 3, settings v3 stay current"
    done = take_up(judged_copy, clock, **{**TWO, "hyperparameters.lr": LR + "0.7"})
    assert done.model.configuration == {"lr": 0.7, "batch": 0.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": 'metric = "f1"\ndirection = "maximize"'}, "metric score -> f1"),
        ({"objective": 'metric = "score"\ndirection = "minimize"'}, "direction maximize -> minimize"),
        ({"data": 'path = "other.json"\nsnapshot = "copy"'}, "data "),
        ({"data": 'glob = "*.json"\nsnapshot = "copy"'}, "data "),
        ({"budget": "budget = {steps = 20}"}, "budget 10 steps -> 20 steps"),
        ({"budget": "budget = {epochs = 10}"}, "budget 10 steps -> 10 epochs"),
    ],
)
def test_scores_that_are_measured_otherwise_get_a_baseline_of_their_own(desk, clock, changes, words):
    take_up(desk, clock)
    if "budget" in changes:
        table = desk.training_table(Path(__file__).parents[2] / "toys" / "quadratic.py")
        changes = {"training": table.replace("budget = {steps = 10}", changes["budget"])}
    done = take_up(desk, clock, **changes)
    assert done.model.settings_version == 2
    assert queued(desk) == [("baseline", "measured otherwise since version 2", 2)]
    assert f"scores are measured otherwise now: {words}" in done.sentence
    assert len({str(settings.configuration) for settings in settings_of(desk.store, done.model)}) == 1


@pytest.mark.parametrize("top", ['name = "toy"\nowner = "others"', 'name = "toy"\nowner = "tests"\ndescription = "x"'])
def test_what_does_not_touch_the_scores_keeps_the_baseline(desk, clock, top):
    take_up(desk, clock)
    assert take_up(desk, clock, top=top).model.settings_version == 1

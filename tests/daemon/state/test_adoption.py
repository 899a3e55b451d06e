"""Current settings: adopting, rolling back, and updating the settings file, also after a crash in between."""

import json
from pathlib import Path

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.models.adoption import (
    file_proposal,
    make_current,
    proposal,
    rollback_proposal,
    write_pending_settings,
)
from retuned.daemon.state.models.registry import find_model, register, settings_of
from retuned.strategies.errors import ConflictError, InputError, StateError, UnknownName

TOYS = Path(__file__).parents[2] / "toys"
TOML = """\
# rates of the night shift
lr = 0.01   # found in spring
title = "keep me"

[other]
lr = 5  # not ours
"""


@pytest.fixture
def live(judged_copy, clock):
    """The settings file of a model that waits for better values."""
    return settings_file(judged_copy, clock, "live.json", '{"other": [1, 2], "lr": 0.01}')


def settings_file(desk, clock, name, text):
    path = desk.folder / name
    path.write_text(text)
    model_file = desk.write_model(settings=f'file = "{name}"')
    register(desk.store, load_model_file(model_file), model_file, clock.now())
    return path


def recommended(desk):
    return find_campaign(desk.store, 3).facts.ended.recommended["lr"]


def test_adopting_makes_new_settings_that_say_where_they_came_from(judged_copy, live, clock):
    model = make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert model.configuration == {"lr": recommended(judged_copy)}
    last = settings_of(judged_copy.store, model)[-1]
    assert (last.version, last.origin, last.campaign_id) == (2, "adopted from campaign 3", 3)
    assert last.created_at == clock.now()
    assert [(c.kind, c.settings_version) for c in open_campaigns(judged_copy.store)] == [("baseline", 2)]


def test_a_json_settings_file_gets_the_values_and_keeps_its_other_keys(judged_copy, live, clock):
    live.chmod(0o640)
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert json.loads(live.read_text()) == {"other": [1, 2], "lr": recommended(judged_copy)}
    assert live.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in live.parent.iterdir() if ".live" in path.name] == []


def test_a_toml_settings_file_keeps_its_comments_and_its_other_tables(judged_copy, clock):
    path = settings_file(judged_copy, clock, "live.toml", TOML)
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert path.read_text() == TOML.replace("lr = 0.01", f"lr = {recommended(judged_copy)!r}", 1)


def test_a_settings_file_that_is_not_there_yet_is_made(judged_copy, live, clock):
    live.unlink()
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert json.loads(live.read_text()) == {"lr": recommended(judged_copy)}


def test_a_symbolic_link_stays_and_the_file_behind_it_is_written(judged_copy, live, clock):
    real = live.rename(live.with_name("real.json"))
    live.symlink_to(real)
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert live.is_symlink()
    assert json.loads(real.read_text())["lr"] == recommended(judged_copy)


def test_a_write_that_a_crash_prevented_is_made_up_for_later(judged_copy, live, clock):
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    live.write_text('{"lr": 0.01}')  # as it stood when the process died after its commit
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE settings SET is_file_pending = 1 WHERE version = 2")
    write_pending_settings(judged_copy.store)
    assert json.loads(live.read_text()) == {"lr": recommended(judged_copy)}
    live.write_text('{"lr": 0.5}')  # a person's edit is not overwritten once nothing is pending
    write_pending_settings(judged_copy.store)
    assert json.loads(live.read_text()) == {"lr": 0.5}


def test_a_settings_file_that_cannot_be_read_refuses_the_adoption_before_anything_changes(judged_copy, live, clock):
    live.write_text('{"lr": ')
    with pytest.raises(InputError, match=r"live\.json cannot be read: .*; correct the file"):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert find_model(judged_copy.store, "toy").settings_version == 1
    assert live.read_text() == '{"lr": '


def test_a_settings_file_that_cannot_be_written_stays_pending_and_is_told(judged_copy, live, clock):
    live.unlink()
    live.symlink_to("/proc/none/live.json")
    with pytest.raises(StateError, match=r"/proc/none/live\.json cannot be written: No such file.*retuned serve"):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert find_model(judged_copy.store, "toy").settings_version == 2
    live.unlink()
    write_pending_settings(judged_copy.store)
    assert json.loads(live.read_text())["lr"] == recommended(judged_copy)


def test_one_models_broken_settings_file_does_not_keep_anothers_waiting(judged_copy, live, clock):
    path = judged_copy.write_model(top='name = "zebra"\nowner = "tests"', settings='file = "zebra.json"')
    register(judged_copy.store, load_model_file(path), path, clock.now())
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE settings SET is_file_pending = 1")
    live.write_text("{")
    with pytest.raises(InputError, match=r"live\.json"):
        write_pending_settings(judged_copy.store)
    assert json.loads((judged_copy.folder / "zebra.json").read_text()) == {"lr": 0.01}
    pending = judged_copy.store.rows("SELECT model_id FROM settings WHERE is_file_pending = 1")
    assert [row["model_id"] for row in pending] == [1]


def test_rollback_puts_the_version_before_in_force_as_a_new_one(judged_copy, live, clock):
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    model = make_current(judged_copy.store, rollback_proposal(judged_copy.store, "toy", None), clock.now())
    assert (model.settings_version, model.configuration) == (3, {"lr": 0.01})
    assert json.loads(live.read_text())["lr"] == 0.01
    versions = settings_of(judged_copy.store, model)
    assert [settings.origin for settings in versions] == ["registered", "adopted from campaign 3", "rolled back to v1"]
    assert make_current(
        judged_copy.store, rollback_proposal(judged_copy.store, "toy", 2), clock.now()
    ).configuration == {"lr": recommended(judged_copy)}


def test_rollback_to_a_version_that_is_not_there_names_those_that_are(judged_copy, live, clock):
    with pytest.raises(InputError, match="to settings v0; versions to roll back to: none"):
        make_current(judged_copy.store, rollback_proposal(judged_copy.store, "toy", None), clock.now())
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    with pytest.raises(InputError, match="to settings v7; versions to roll back to: 1;"):
        make_current(judged_copy.store, rollback_proposal(judged_copy.store, "toy", 7), clock.now())


def test_rollback_to_values_that_the_search_space_no_longer_has_is_refused(judged_copy, live, clock):
    path = judged_copy.folder / "model.toml"
    path.write_text(path.read_text().replace("hyperparameters.lr", "hyperparameters.rate").replace("{lr}", "{rate}"))
    register(judged_copy.store, load_model_file(path), path, clock.now())
    with pytest.raises(InputError, match="unknown hyperparameter 'lr'; declared: rate"):
        make_current(judged_copy.store, rollback_proposal(judged_copy.store, "toy", None), clock.now())
    assert find_model(judged_copy.store, "toy").settings_version == 2


def test_the_same_values_are_not_adopted_twice(judged_copy, live, clock):
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    with pytest.raises(ConflictError, match="already runs with these values"):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    assert len(settings_of(judged_copy.store, find_model(judged_copy.store, "toy"))) == 2


def test_only_a_campaign_that_confirmed_better_values_can_be_adopted(judged_copy, live, clock):
    with pytest.raises(ConflictError, match=r"no campaign has confirmed better settings.*run: retuned retune toy"):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", 2), clock.now())  # a FRESH one
    with pytest.raises(InputError, match="campaign 1 is not one of toy"):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", 1), clock.now())  # a baseline
    with pytest.raises(UnknownName, match="there is no campaign 99"):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", 99), clock.now())


@pytest.mark.parametrize(
    "goal", ['metric = "score"\ndirection = "minimize"', 'metric = "loss"\ndirection = "maximize"']
)
@pytest.mark.parametrize("campaign", [3, None])
def test_values_recommended_under_another_goal_are_not_adopted(judged_copy, clock, goal, campaign):
    path = judged_copy.write_model(objective=goal)
    register(judged_copy.store, load_model_file(path), path, clock.now())
    message = r"campaign 3 recommended its values to maximize score, and toy is now judged by another goal"
    with pytest.raises(ConflictError, match=message):
        make_current(judged_copy.store, proposal(judged_copy.store, "toy", campaign), clock.now())
    assert find_model(judged_copy.store, "toy").configuration == {"lr": 0.01}


def test_values_recommended_before_another_budget_are_adopted(judged_copy, clock):
    table = judged_copy.training_table(TOYS / "quadratic.py").replace("steps = 10", "steps = 20")
    path = judged_copy.write_model(training=table)
    register(judged_copy.store, load_model_file(path), path, clock.now())
    assert make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now()).configuration == {
        "lr": recommended(judged_copy)
    }


def test_values_edited_in_the_file_are_taken_up_on_request(judged_copy, live, clock):
    live.write_text('{"lr": 0.25, "other": 1}')
    model = make_current(judged_copy.store, file_proposal(judged_copy.store, "toy"), clock.now())
    assert (model.settings_version, model.configuration) == (2, {"lr": 0.25})


BAD_FILES = [
    ('{"lr": 7}', "lr"),  # outside the search space
    ('{"lr": "fast"}', "fast"),
    ('{"other": 1}', "'lr' has no value"),
    ("[1]", "no JSON object"),
]


@pytest.mark.parametrize(("text", "word"), BAD_FILES)
def test_values_in_the_file_that_do_not_fit_are_refused(judged_copy, live, clock, text, word):
    live.write_text(text)
    with pytest.raises(InputError, match=word):
        make_current(judged_copy.store, file_proposal(judged_copy.store, "toy"), clock.now())
    assert find_model(judged_copy.store, "toy").settings_version == 1


def test_a_model_without_a_settings_file_has_nothing_to_take_up(desk, clock):
    desk.register()
    with pytest.raises(InputError, match="toy has no settings file to read"):
        make_current(desk.store, file_proposal(desk.store, "toy"), clock.now())

"""The self-test: planted bad settings are found, equal ones pass, and the real registry never knows of it."""

import json
import os

import pytest
from retuned.daemon.cli.cli import app
from retuned.daemon.cli.live_progress import no_progress
from retuned.daemon.cli.selftest import selftest
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.campaigns.campaigns import campaigns_of
from retuned.daemon.state.models.adoption import put_in_force
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.store import Store
from retuned.strategies.errors import CampaignFailed, InputError
from retuned.strategies.hyperparameter import Hyperparameter, Kind
from retuned.strategies.records import Outcome
from retuned.strategies.search.planting import plants
from retuned.strategies.space import Space
from typer.testing import CliRunner

CLOCK = SystemClock()


def check(desk, **options):
    return selftest(find_model(desk.store, "toy"), CLOCK, desk.config, os.environ, no_progress, **options)


def test_a_detector_that_works_passes_and_leaves_nothing_behind(desk):
    desk.register(settings='file = "live.json"', alerts='webhook = "http://127.0.0.1:9/hook"', search="challengers = 6")
    put_in_force(desk.store, find_model(desk.store, "toy"), {"lr": 0.011}, "by hand", CLOCK.now())
    written = (desk.folder / "live.json").read_text()
    rows = desk.store.rows("SELECT id, phase, epoch FROM campaigns")
    done = check(desk)
    assert done.is_passed
    assert done.identical.verdict.outcome is not Outcome.STALE
    assert done.identical.verdict.n_pairs >= 4
    assert done.planted[-1].verdict.outcome in (Outcome.STALE, Outcome.BROKEN)
    assert done.planted[0].tried == "planted lr 0.011 -> 0.088 (x 8)"
    assert done.sentences[-1] == "The self-test is passed."
    assert list((desk.config.state / "selftest").iterdir()) == []
    assert desk.store.rows("SELECT id, phase, epoch FROM campaigns") == rows
    assert desk.store.rows("SELECT * FROM alerts") == desk.store.rows("SELECT * FROM outbox") == []
    assert (desk.folder / "live.json").read_text() == written


def test_a_test_with_too_few_pairs_to_find_anything_is_not_passed_and_its_folder_can_be_kept(desk):
    desk.register(search="max_pairs = 4\nchallengers = 2")
    ended = CliRunner().invoke(app, ["--state", str(desk.config.state), "selftest", "toy", "--keep", "--json"])
    said = json.loads(ended.stdout)
    assert (ended.exit_code, said["is_passed"], said["identical"]["is_passed"]) == (1, False, True)
    assert [one["tried"] for one in said["planted"]] == [
        "planted lr 0.01 -> 0.08 (x 8)",
        "planted lr 0.01 -> 1 (the far bound of the search space)",
    ]
    kept = Store(desk.config.state / "selftest" / "toy")
    assert [campaign.kind for campaign in campaigns_of(kept, 1) if campaign.phase == "done"] == [
        "baseline", "retune", "retune", "retune",
    ]  # fmt: skip
    assert kept.rows("SELECT * FROM outbox") == []


def test_settings_that_cannot_be_trained_end_the_self_test_in_one_line(desk):
    desk.write_data(crash_above=0.0)
    desk.register()
    with pytest.raises(CampaignFailed, match="the baseline of toy failed"):
        check(desk)
    assert list((desk.config.state / "selftest").iterdir()) == []


def rate(name="lr", low=1e-4, high=1.0, log=True, kind=Kind.FLOAT):
    return Hyperparameter(name, kind, low=low, high=high, log=log)


PLANTED = [
    # the learning rate by its name, wherever it stands: first eight times as high, then the far bound
    ((rate("decay"), rate("learning_rate")), {"decay": 0.1, "learning_rate": 0.01}, [("learning_rate", 0.08), 1.0]),
    # a high one has its far bound below
    ((rate(),), {"lr": 0.5}, [("lr", 4.0), 1e-4]),
    # without such a name the first log-scaled one
    ((rate("keep", 0.0, 1.0, False), rate("decay")), {"keep": 0.5, "decay": 0.01}, [("decay", 0.08), 1.0]),
    # else any range; a whole number goes to its bound alone
    ((rate("width", 8, 256, False, Kind.INT),), {"width": 16}, [("width", 256)]),
    # eight times may be the bound itself
    ((rate(high=0.08),), {"lr": 0.01}, [("lr", 0.08), 1e-4]),
    # a schedule is raised as a whole
    (
        (rate(kind=Kind.SCHEDULE),),
        {"lr": ((0.0, 0.01), (5.0, 0.001))},
        [("lr", ((0.0, 0.08), (5.0, 0.008))), ((0.0, 1.0),)],
    ),
    # nothing times eight is nothing
    ((rate("lr", 0.0, 1.0, False),), {"lr": 0.0}, [("lr", 1.0)]),
]  # fmt: skip


@pytest.mark.parametrize(("space", "configuration", "planted"), PLANTED)
def test_what_is_planted_is_bad_for_sure(space, configuration, planted):
    (name, first), *rest = planted
    found = plants(Space.of(space), configuration)
    assert [plant.configuration for plant in found] == [{**configuration, name: value} for value in (first, *rest)]
    assert {plant.hyperparameter for plant in found} == {name}


def test_a_space_without_a_range_cannot_be_tested():
    space = Space.of([Hyperparameter("kind", Kind.CATEGORICAL, choices=("a", "b"))])
    with pytest.raises(InputError, match="no range to plant a bad value in"):
        plants(space, {"kind": "a"})

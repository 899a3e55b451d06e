"""What is open when somebody begins to be told: a channel was added, or the model's file names another."""

import json
from datetime import timedelta

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.alert_answers import acknowledge, snooze
from retuned.daemon.state.alert_rows import resolve_alerts
from retuned.daemon.state.faults import set_fact
from retuned.daemon.state.models.registry import find_model, register
from retuned.strategies.alerting.message import Kind, Severity

SEVERITIES = {Kind.BROKEN: Severity.CRITICAL, Kind.DEGRADED: Severity.INFO, Kind.INCONCLUSIVE: Severity.INFO}
BY_VERDICT = [kind for kind in Kind if kind not in (Kind.OVERDUE, Kind.BUDGET, Kind.DISK)]
WAITING = {
    "id": 9, "model_id": 1, "model_version": 1, "settings_version": 1, "kind": "retune", "trigger": "schedule",
    "phase": "queued", "seed": 1, "options": "{}", "created_at": "2026-01-01T09:00:00.000000+00:00",
    "not_before": "2027-01-31T09:00:00.000000+00:00",
}  # fmt: skip


def without_channels(stage, *kinds, **channels):
    """A scene whose configuration names no channel yet; and what adds them."""
    scene = stage(*kinds, **channels)
    tables, scene.channels = scene.channels, {}
    scene.restart()

    def widen():
        scene.channels = tables
        scene.restart()

    return scene, widen


def hears_of_it_once(scene, widen, settle, run=None):
    """What an alert that has been open for days sends, from the hour in which the channel is added."""
    run = run or scene.run
    run(120, step=6)
    assert (scene.alert().state, scene.alert().deliveries) == ("open", ())
    widen()
    run(24 * 8, step=6)
    scene.restart()
    run(24 * 3, step=6)
    told = scene.told["slack"]
    assert told.events == ["opened", "repeated"]
    opened, repeated = (hours for hours, _ in told.heard)
    assert (opened, repeated - opened) == (126, 7 * 24)
    settle()
    run(12, step=6)
    assert told.events == ["opened", "repeated", "resolved"]


@pytest.mark.parametrize("kind", BY_VERDICT)
def test_a_verdict_that_nobody_was_told_of_is_told_to_the_first_channel_that_asks_for_it(stage, kind):
    scene, widen = without_channels(stage, "slack", slack={"kinds": [kind.value]})
    scene.find(kind=kind, severity=SEVERITIES.get(kind, Severity.WARNING))
    hears_of_it_once(scene, widen, scene.settle)


USED = "deferred to 1 March: 20 of this month's 20 hours for all models are used"


@pytest.mark.parametrize(("kind", "waits"), [("overdue", {"failures": 1}), ("budget", {"waits": USED})])
def test_a_wait_that_nobody_was_told_of_is_told_to_the_first_channel(stage, kind, waits):
    scene, widen = without_channels(stage, "slack", slack={"kinds": [kind]})
    with scene.store.transaction():
        scene.store.insert("campaigns", WAITING | waits)

    def settle():
        with scene.store.transaction():
            scene.store.change("UPDATE campaigns SET phase = 'cancelled', ended_at = created_at WHERE id = 9")

    hears_of_it_once(scene, widen, settle, scene.run_alerts if kind == "budget" else scene.run)


def test_a_full_disk_that_nobody_was_told_of_is_told_to_the_first_channel(stage):
    scene, widen = without_channels(stage, "slack", slack={"kinds": ["disk"]})
    set_fact(scene.store, "disk_mode", {"mode": "full", "why": "the disk is full"}, scene.clock.now())
    hears_of_it_once(scene, widen, lambda: set_fact(scene.store, "disk_mode", {"mode": "normal"}, scene.clock.now()))


def test_a_model_file_that_names_a_receiver_later_has_its_open_alert_told(scene):
    scene.restart(webhook=None)
    scene.find()
    scene.run(48, step=6)
    assert scene.events == []
    path = scene.desk.write_model(alerts=f'webhook = "{scene.receiver.url}"')
    register(scene.store, load_model_file(path), path, scene.clock.now())
    scene.run(6)
    assert scene.events == ["opened"]


def test_twelve_models_that_nobody_was_told_of_are_one_message(stage):
    scene, widen = without_channels(stage, "slack")
    names = [f"m{number:02d}" for number in range(12)]
    for name in names:
        scene.add(name)
        scene.find(name, change="GPU A100 -> H100")
    scene.run(48, step=6)
    widen()
    scene.run(72, step=6)
    assert [json.loads(body)["blocks"][0]["text"]["text"][2:] for body in scene.told["slack"].receiver.bodies] == [
        "12 models have stale hyperparameters, same cause: GPU A100 -> H100"
    ]


def test_where_somebody_was_told_another_channel_hears_with_the_next_repetition(stage):
    scene = stage("slack", "teams")
    tables = scene.channels
    scene.channels = {"slack": tables["slack"]}
    scene.restart()
    scene.find()
    scene.run(48)
    scene.channels = tables
    scene.restart()
    scene.run(24 * 6)
    assert scene.told["slack"].events == ["opened", "repeated"]
    assert scene.told["teams"].heard == [(7 * 24.0, "repeated")]
    scene.settle()
    scene.run(2)
    assert [collector.events[-1] for collector in scene.told.values()] == ["resolved", "resolved"]


def test_what_someone_has_answered_is_not_told_to_a_channel_that_is_new(stage):
    scene, widen = without_channels(stage, "slack")
    scene.add("fares")
    scene.find("toy")
    scene.find("fares", kind=Kind.BROKEN, severity=Severity.CRITICAL)
    scene.run(2)
    acknowledge(scene.store, 1, "anna", "", scene.config, scene.clock.now())
    snooze(scene.store, "fares", timedelta(days=3).total_seconds(), "anna", "later", scene.clock.now())
    widen()
    scene.run(48)
    assert scene.told["slack"].heard == []
    scene.run(48)  # the snooze has ended, and nobody was told of the alert before it
    assert scene.told["slack"].events == ["opened"]
    with scene.store.transaction():
        resolve_alerts(scene.store, find_model(scene.store, "fares").id, tuple(Kind), "mended", scene.clock.now())
    scene.run(2)
    assert scene.told["slack"].events == ["opened", "resolved"]


def test_a_channel_that_does_not_ask_for_it_changes_nothing(stage):
    scene, widen = without_channels(stage, "slack", slack={"severities": ["critical"]})
    scene.find()
    scene.run(2)
    widen()
    scene.run(24 * 15, step=6)
    assert scene.told["slack"].heard == []


def test_what_waits_for_too_long_has_the_tags_of_its_model(stage):
    scene = stage("slack", slack={"tags": ["prod"]})
    path = scene.desk.write_model(top='name = "toy"\nowner = "tests"', alerts='tags = ["prod"]')
    register(scene.store, load_model_file(path), path, scene.clock.now())
    with scene.store.transaction():
        scene.store.insert("campaigns", WAITING | {"failures": 1})
    scene.run(3)
    assert scene.told["slack"].events == ["opened"]

"""A change of hardware that makes many models due, as programs hear of it."""

import json

from retuned.daemon.campaign.triggered import queue_triggered
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.models.registry import find_model

CHANGE = "GPU A100 -> H100"
CHATS = ("slack", "teams", "apprise", "alertmanager")


def make_due(scene, *names, trigger="environment", change=CHANGE):
    """What a look at each of them follows from the change; its campaign is cancelled, since none runs here."""
    for name in names:
        model = find_model(scene.store, name)
        number = queue_triggered(scene.store, model, trigger, change, scene.clock.now(), scene.config.schedule)
        cancel_campaign(scene.store, find_campaign(scene.store, number), scene.clock.now())


def summaries(scene):
    return [json.loads(body)["payload"]["summary"] for body in scene.told["pagerduty"].receiver.bodies]


def test_one_change_that_makes_twelve_models_due_is_two_change_events_and_nothing_for_people(stage):
    scene = stage(*CHATS, "webhook", "pagerduty", pagerduty={"severities": ["critical"], "quiet": ["00:00-23:00"]})
    names = [f"m{number:02d}" for number in range(12)]
    for name in names:
        scene.add(name)
    scene.run(1)
    make_due(scene, names[0])
    scene.run(2)
    scene.restart()
    make_due(scene, *names[1:])
    scene.run(48)
    first, all_of_them = f"{CHANGE}: m00 is due for re-evaluation", f"{CHANGE}: 12 models are due for re-evaluation"
    assert summaries(scene) == [first, all_of_them]
    bodies = [json.loads(body) for body in scene.told["pagerduty"].receiver.bodies]
    assert [("event_action" in body, body["payload"]["timestamp"][:13]) for body in bodies] == [
        (False, "2026-01-31T10")
    ] * 2
    assert scene.told["webhook"].events == ["due", "due"]
    assert {name: scene.told[name].heard for name in CHATS} == {name: [] for name in CHATS}


def test_what_was_due_before_the_service_knew_of_it_and_what_data_made_due_is_no_change_of_hardware(stage):
    scene = stage("pagerduty")
    scene.add("old")
    make_due(scene, "old")
    scene.run(1)
    make_due(scene, "toy", trigger="data", change="the data grew by 30%")
    scene.run(48)
    assert summaries(scene) == []

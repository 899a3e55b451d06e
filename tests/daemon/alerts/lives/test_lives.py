"""Alerts from their opening to their end, as one plain receiver hears of them."""

import json

import pytest
from retuned.daemon.alerts.webhooks import deliver_due
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.service.alert_round import AlertRound
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.alert_answers import acknowledge, snooze, unsnooze
from retuned.daemon.state.alert_telling import tell_due
from retuned.daemon.state.faults import set_fact
from retuned.daemon.state.models.registry import register, set_state
from retuned.daemon.state.models.removal import remove_model
from retuned.daemon.state.outbox import dead_count
from retuned.strategies.errors import ConflictError, InputError

TORCH = "torch 2.13 -> 2.15"
HAVE = "have stale hyperparameters"


def test_an_alert_is_repeated_each_week_until_someone_acknowledges_it_also_across_a_restart(scene):
    scene.find()
    scene.run(24 * 15, step=6)
    assert scene.events == ["opened", "repeated", "repeated"]
    acknowledge(scene.store, 1, "anna", "on it", scene.config, scene.clock.now())
    scene.restart()
    scene.run(24 * 30, step=6)
    assert scene.events == ["opened", "repeated", "repeated"]
    assert (scene.alert().state, scene.alert().by, scene.alert().note) == ("acknowledged", "anna", "on it")
    scene.settle()
    scene.run(6)
    assert scene.heard[-1] == ("resolved", "Resolved: toy: stale")


def test_a_snooze_holds_across_a_restart_and_its_end_is_told_once(scene):
    scene.find()
    scene.run(2)
    snooze(scene.store, "1", 14 * 86400.0, "anna", "the data team looks at it", scene.clock.now())
    scene.run(24 * 5, step=6)
    scene.restart()
    scene.run(24 * 10, step=6)
    assert scene.events == ["opened", "snooze_ended"]
    text = json.loads(scene.receiver.bodies[-1])["text"]
    assert "anna snoozed this (the data team looks at it); the snooze is over and it is still open." in text
    scene.run(24 * 7, step=6)
    assert scene.events == ["opened", "snooze_ended", "repeated"]


def test_what_is_over_during_its_snooze_is_told_as_over_and_the_snooze_as_nothing(scene):
    scene.find()
    scene.run(2)
    snooze(scene.store, "toy", 86400.0, "anna", "later", scene.clock.now())
    scene.settle()
    scene.run(72, step=6)
    assert scene.events == ["opened", "resolved"]


def test_twelve_models_that_one_change_made_stale_are_two_messages_and_one_end(scene):
    names = [f"m{number:02d}" for number in range(12)]
    for name in names:
        scene.add(name)
    for name in names:  # one after another, as their trainings end
        scene.find(name, change=TORCH)
        scene.run(2)
    scene.run(24)
    assert [event for event, _ in scene.heard] == ["opened", "opened"]
    assert scene.heard[0][1] == "m00: stale"
    data = json.loads(scene.receiver.bodies[1])["data"]
    assert data["title"] == f"12 models have stale hyperparameters, same cause: {TORCH}"
    assert data["sentences"][0] == "New: m01, m02, m03, m04, m05, m06, m07, m08, m09, m10 and 1 more."
    assert data["sentences"][1] == "1 other model with the same cause was reported before."
    scene.run(24 * 8, step=6)
    assert scene.events == ["opened", "opened", "repeated"]
    assert acknowledge(scene.store, 3, "anna", "", scene.config, scene.clock.now()) == (3, 1, 2, *range(4, 13))
    for name in names[:-1]:
        scene.settle(name)
    scene.run(6)
    assert scene.events[3:] == []
    scene.settle(names[-1])
    scene.run(6)
    assert scene.heard[3:] == [("resolved", f"Resolved: 12 models have stale hyperparameters, same cause: {TORCH}")]
    assert len({json.loads(body)["data"]["key"] for body in scene.receiver.bodies}) == 1


def test_a_model_of_another_owner_or_cause_joins_no_group(scene):
    scene.add("other")
    scene.find("toy", change=TORCH)
    scene.find("other", change="GPU A100 -> H100")
    scene.run(2)
    assert scene.events == ["opened", "opened"]


def test_an_alert_that_is_over_before_anything_was_sent_sends_nothing(scene):
    scene.find()
    scene.settle()
    scene.run(24, step=6)
    assert scene.events == []
    assert "not sent to" in scene.alert().deliveries[0]


def test_an_end_that_a_restart_finds_is_sent_once(scene):
    scene.find()
    scene.run(2)
    scene.settle()
    scene.restart()
    scene.run(24, step=6)
    scene.restart()
    scene.run(24, step=6)
    assert scene.events == ["opened", "resolved"]


def test_a_service_that_did_not_run_for_weeks_tells_what_it_missed_once(scene):
    scene.find()
    scene.run(2)
    scene.clock.move(days=40)
    scene.restart()
    scene.run(6)
    assert scene.events == ["opened", "repeated"]


def test_of_many_that_are_due_at_once_each_is_told_and_no_round_tells_all(scene):
    for number in range(7):
        scene.add(f"m{number}")
        scene.find(f"m{number}")
    scene.run(1)
    scene.clock.move(days=8)
    rounds = [tell_due(scene.store, scene.config, scene.clock.now(), most=3) for _ in range(4)]
    scene.run(1)
    assert rounds == [3, 3, 1, 0]
    assert sorted(title for event, title in scene.heard if event == "repeated") == [
        f"Still open: m{number}: stale" for number in range(7)
    ]


def test_a_cause_that_comes_and_goes_is_one_alert_and_no_stream(scene):
    for _ in range(12):
        scene.find()
        scene.run(0.5, step=0.25)
        scene.settle()
        scene.run(0.5, step=0.25)
    assert scene.events == ["opened", "resolved", "opened", "resolved"]
    assert "come back, 1 time by now" in json.loads(scene.receiver.bodies[2])["text"]
    assert (len(list_alerts(scene.store)), scene.alert().raised) == (1, 12)
    scene.find()
    scene.run(26)
    assert scene.events[4:] == ["opened"]


def test_an_alert_that_nobody_answers_goes_to_the_channels_for_that_once(scene):
    scene.restart(escalate_after="3d", escalate_to=["pager"])
    scene.find()
    scene.run(24 * 4, step=6)
    rows = scene.store.rows("SELECT payload FROM outbox WHERE channel = 'pager'")
    assert [json.loads(row["payload"])["event"] for row in rows] == ["escalated"]
    assert scene.events == ["opened"]  # whoever did not answer is not told a second time with it


def test_retiring_a_model_ends_its_alerts_and_removing_it_keeps_the_news_of_that(scene):
    scene.find()
    scene.run(2)
    set_state(scene.store, "toy", "retired", scene.clock.now())
    AlertRound(scene.store, scene.config).step(scene.clock.now())
    remove_model(scene.store, "toy", scene.clock.now(), None)
    assert list_alerts(scene.store) == ()
    assert [delivery.is_delivered for delivery in deliver_due(scene.store, scene.clock.now())] == [True]
    assert scene.events == ["opened", "resolved"]


def test_a_full_disk_is_told_and_its_end(scene):
    set_fact(scene.store, "disk_mode", {"mode": "full", "why": "the disk is full"}, scene.clock.now())
    scene.run(2)
    set_fact(scene.store, "disk_mode", {"mode": "normal", "why": ""}, scene.clock.now())
    scene.run(2)
    assert scene.heard == [
        ("opened", "retuned: the disk of its state folder is full"),
        ("resolved", "Resolved: retuned: the disk of its state folder is full"),
    ]
    assert (scene.alert().model, scene.alert().owner) == (None, "service")


def test_a_re_evaluation_that_waits_for_days_is_overdue_until_it_runs(scene):
    row = {
        "id": 9, "model_id": 1, "model_version": 1, "settings_version": 1, "kind": "retune", "trigger": "manual",
        "phase": "queued", "seed": 1, "options": "{}", "created_at": "2026-01-31T09:00:00.000000+00:00",
        "not_before": "2027-01-31T09:00:00.000000+00:00", "failures": 1,
    }  # fmt: skip
    with scene.store.transaction():
        scene.store.insert("campaigns", row)
    scene.run(70, step=2)
    assert scene.heard == []
    scene.run(6)
    assert [(event, title[:34]) for event, title in scene.heard] == [("opened", "toy: its re-evaluation has not sta")]
    assert "its process died once; the next attempt" in scene.alert().text
    with scene.store.transaction():
        scene.store.change("UPDATE campaigns SET phase = 'cancelled', ended_at = created_at WHERE id = 9")
    scene.run(2)
    assert scene.events == ["opened", "resolved"]


def test_hours_that_are_used_up_are_told_as_such_and_not_as_overdue(scene):
    sentence = "deferred to 1 March: 20 of this month's 20 hours for all models are used"
    row = {
        "id": 9, "model_id": 1, "model_version": 1, "settings_version": 1, "kind": "retune", "trigger": "schedule",
        "phase": "queued", "seed": 1, "options": "{}", "created_at": "2026-01-01T09:00:00.000000+00:00",
        "waits": sentence,
    }  # fmt: skip
    with scene.store.transaction():
        scene.store.insert("campaigns", row)
    alerts = AlertRound(scene.store, scene.config)
    alerts.step(scene.clock.now())
    scene.clock.move(minutes=1)
    alerts.step(scene.clock.now())
    (alert,) = list_alerts(scene.store)
    assert (alert.kind, alert.model) == ("budget", None)
    assert f"Campaign 9 of toy: {sentence}." in alert.text


def test_a_message_that_its_receiver_will_never_take_is_passed_on_and_settled_by_an_acknowledgement(
    scene, receive, answering
):
    gone = receive(answering("410 Gone"))
    path = scene.desk.write_model(alerts=f'webhook = "{gone.url}"')
    register(scene.store, load_model_file(path), path, scene.clock.now())
    scene.find()
    scene.run(3)
    assert len(gone.bodies) == 1
    assert scene.events == ["opened"]
    assert f"could not be delivered to {gone.url[:-5]}" in json.loads(scene.receiver.bodies[0])["text"]
    assert dead_count(scene.store) == 1
    acknowledge(scene.store, 1, "anna", "", scene.config, scene.clock.now())
    assert dead_count(scene.store) == 0


def test_a_snoozed_model_keeps_nobody_from_hearing_of_the_others_with_its_cause(scene):
    scene.add("other")
    scene.find("toy", change=TORCH)
    scene.run(2)
    scene.find("other", change=TORCH)
    snooze(scene.store, "toy", 86400.0 * 5, "anna", "later", scene.clock.now())
    scene.run(30)
    assert scene.heard == [("opened", "toy: stale"), ("opened", f"2 models {HAVE}, same cause: {TORCH}")]


def test_each_owner_gets_a_digest_a_week_and_none_where_nothing_happened(scene):
    scene.restart(digest="weekly", digest_day=1, digest_hour=8)
    scene.run(24 * 10, step=6)
    assert scene.events == []  # nothing happened, nothing is open
    scene.find()
    scene.run(24 * 7, step=6)
    scene.restart()
    scene.run(12, step=6)
    assert [title for event, title in scene.heard if event == "digest"] == [
        "Digest for tests: 0 re-evaluations, 1 open alert"
    ]
    body = next(json.loads(body) for body in scene.receiver.bodies if b"retuned.digest" in body)
    assert body["data"]["sentences"][1] == "Open: toy: stale (alert 1, open)."


def test_answers_that_cannot_be_are_refused(scene):
    number = scene.find()
    now = scene.clock.now()
    with pytest.raises(ConflictError, match="no alert of toy is snoozed"):
        unsnooze(scene.store, "toy", "anna", now)
    with pytest.raises(InputError, match="the reason is empty"):
        snooze(scene.store, "toy", 60.0, "anna", " ", now)
    with pytest.raises(InputError, match="up to 366 days"):
        snooze(scene.store, "toy", 400 * 86400.0, "anna", "never", now)
    scene.settle()
    with pytest.raises(ConflictError, match="alert 1 is over: adopted"):
        acknowledge(scene.store, number, "anna", "", scene.config, now)


def test_a_message_links_to_its_page_or_says_what_to_type_for_it(scene):
    scene.find()
    scene.run(1)
    scene.settle()
    scene.run(1)
    scene.public_url = "https://retuned.example.org/hpo"
    scene.restart()
    scene.add("other")
    number = scene.store.row("SELECT max(id) AS id FROM campaigns")["id"]
    scene.find("other")
    scene.run(1)
    first, over, linked = (json.loads(body)["data"] for body in scene.receiver.bodies)
    report = f"retuned --state {scene.store.state} report 1 --html campaign-1.html"
    assert (first["link"], first["commands"][-1]) == (None, report)
    assert over["commands"] == []
    assert linked["link"] == f"https://retuned.example.org/hpo/campaigns/{number}"
    assert f"\nPage: {linked['link']}\n" in linked["text"]
    assert not any("report" in command for command in linked["commands"])

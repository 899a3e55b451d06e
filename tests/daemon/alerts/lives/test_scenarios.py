"""What an owner hears, in which hours, when things go wrong around the service: the form of Alertmanager's own
acceptance tests, with real services, a real receiver for each kind of channel, and assertions on time windows.

| scenario | test |
|---|---|
| a restart in the middle | test_a_whole_life_is_told_on_every_channel_once_across_restarts |
| a receiver that is down for an hour | test_a_receiver_that_is_down_for_an_hour_hears_of_it_once_it_is_back |
| a slow receiver beside a fast one | test_a_receiver_that_says_nothing_keeps_no_other_waiting |
| 500 | test_an_answer_of_500_is_tried_again_and_told_once_it_is_taken |
| 429 with Retry-After | test_a_receiver_that_asks_for_two_hours_gets_them |
| 410 | test_a_receiver_that_is_gone_is_left_alone_and_another_hears_of_it |
| a redirect | test_a_redirect_is_not_followed |
| a response of 1 GB | test_an_answer_of_a_gigabyte_is_accepted_unread |
| SIGKILL between send and mark | test_what_every_channel_was_sent_before_a_kill_comes_again_as_the_same (1) |
| acknowledged, snoozed across a restart | test_answers_hold_on_every_channel_across_a_restart |
| one change of hardware over 12 models | test_one_change_that_makes_twelve_models_stale_is_two_messages_a_channel |
| resolved without opened | test_what_is_over_before_its_channel_heard_of_it_is_told_there_as_nothing |
| a restart between resolve and send | test_an_end_that_was_recorded_before_a_restart_is_told_after_it_once |
| maintenance that must not replay | test_what_opened_ended_and_came_again_in_quiet_hours_is_told_once_after_them |

(1) with a process that is really killed, in test_serving.py.
"""

import json

import pytest
from retuned.daemon.state.alert_answers import acknowledge, snooze
from retuned.daemon.state.outbox import dead_count
from retuned.daemon.upkeep.health import health_of
from retuned.strategies.alerting.message import Kind, Severity

CHATS = ("slack", "teams")
ALL = (*CHATS, "webhook", "pagerduty", "alertmanager")
CHANGE = "GPU A100 -> H100"


def without_repeats(events):
    """An Alertmanager is told the same again and again."""
    return [event for n, event in enumerate(events) if n == 0 or events[n - 1] != event]


def test_a_whole_life_is_told_on_every_channel_once_across_restarts(stage):
    scene = stage(*ALL, "apprise")
    scene.find()
    scene.run(24 * 4, step=12)
    scene.restart()
    scene.run(24 * 5, step=12)
    acknowledge(scene.store, 1, "anna", "on it", scene.config, scene.clock.now())
    scene.restart()
    scene.run(24 * 9, step=12)
    scene.settle()
    scene.run(24, step=12)
    told = {name: without_repeats(collector.events) for name, collector in scene.told.items()}
    plain = ["opened", "repeated", "resolved"]
    assert told == {
        "slack": plain, "teams": plain, "apprise": plain, "webhook": ["opened", "repeated", "acknowledged", "resolved"],
        "pagerduty": ["opened", "acknowledged", "resolved"], "alertmanager": ["opened", "resolved"],
    }  # fmt: skip
    assert scene.told["slack"].between(7 * 24, 7 * 24 + 12) == ["repeated"]
    bodies = [json.loads(body) for body in scene.told["pagerduty"].receiver.bodies]
    assert len({body["dedup_key"] for body in bodies}) == 1
    assert len(set(scene.told["webhook"].receiver.ids)) == 4


@pytest.mark.parametrize("kind", ALL)
def test_a_receiver_that_is_down_for_an_hour_hears_of_it_once_it_is_back(stage, kind):
    scene = stage(kind)
    collector = scene.told[kind]
    collector.go_down()
    scene.find()
    scene.run(1, step=0.1)
    collector.come_back()
    scene.run(3, step=0.1)
    assert collector.between(0, 1) == []
    assert without_repeats(collector.between(1, 4)) == ["opened"]
    assert scene.alert().deliveries[0].startswith(f"delivered to channel {kind}")


def test_a_receiver_that_says_nothing_keeps_no_other_waiting(stage):
    scene = stage("webhook", "slack")
    scene.told["webhook"].answers = [lambda connection: connection.recv(1)] * 9
    scene.slow = {"channel webhook"}
    scene.find()
    scene.run(0)
    assert scene.told["slack"].heard == [(0.0, "opened")]
    scene.run(1, step=0.1)
    assert "no answer within 20 s" in " ".join(scene.alert().deliveries)


def test_an_answer_of_500_is_tried_again_and_told_once_it_is_taken(stage):
    scene = stage(*ALL)
    for collector in scene.told.values():
        collector.answers = [("500 No",), ("503 No",)]
    scene.find()
    scene.run(1, step=0.05)
    assert {name: len(collector.between(0, 1)) for name, collector in scene.told.items()} == dict.fromkeys(ALL, 3)
    assert len(set(scene.told["webhook"].receiver.ids)) == 1
    assert all(sentence.startswith("delivered") for sentence in scene.alert().deliveries)


def test_a_receiver_that_asks_for_two_hours_gets_them(stage):
    scene = stage("slack", "pagerduty")
    for collector in scene.told.values():
        collector.answers = [("429 Later", "Retry-After: 7200")]
    scene.find()
    scene.run(3, step=0.1)
    scene.restart()
    scene.run(1, step=0.1)
    assert {name: (collector.between(0, 0.1), collector.between(0.2, 1.95), collector.between(2, 2.6))
            for name, collector in scene.told.items()} == dict.fromkeys(
        ("slack", "pagerduty"), (["opened"], [], ["opened"]))  # fmt: skip


def test_a_receiver_that_is_gone_is_left_alone_and_another_hears_of_it(stage):
    scene = stage("slack", "teams", alerts={"channels": ["slack"], "escalate_to": ["teams"]})
    scene.told["slack"].answers = [("410 Gone",)] * 99
    scene.find()
    scene.run(48, step=1)
    assert scene.told["slack"].events == ["opened"]
    assert scene.told["teams"].between(0, 3) == ["opened"]
    assert b"could not be delivered to channel slack" in scene.told["teams"].receiver.bodies[0]
    assert dead_count(scene.store) == 1


def test_a_redirect_is_not_followed(stage, good):
    scene = stage("webhook", "teams")
    for collector in scene.told.values():
        collector.answers = [("307 There", f"Location: {good.url}")]
    scene.find()
    scene.run(1, step=0.1)
    assert good.bodies == []
    assert {name: len(collector.events) for name, collector in scene.told.items()} == {"webhook": 2, "teams": 2}


def test_an_answer_of_a_gigabyte_is_accepted_unread(stage):
    sent = []

    def talk(connection):
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1073741824\r\n\r\n")
        for _ in range(1024):
            connection.sendall(b"y" * (1 << 20))
            sent.append(True)

    scene = stage("teams", "pagerduty")
    for collector in scene.told.values():
        collector.answers = [talk]
    scene.find()
    scene.run(1, step=0.5)
    assert [collector.events for collector in scene.told.values()] == [["opened"], ["opened"]]
    assert len(sent) < 64  # what the system keeps for a connection, of 2,048


def test_answers_hold_on_every_channel_across_a_restart(stage):
    scene = stage(*CHATS, "pagerduty", alerts={"escalate_after": "3d", "escalate_to": ["teams"]})
    scene.add("other")
    scene.find()
    scene.find("other")
    scene.run(12, step=6)
    acknowledge(scene.store, 1, "anna", "", scene.config, scene.clock.now())
    snooze(scene.store, "other", 5 * 86400.0, "ben", "moving house", scene.clock.now())
    scene.restart()
    scene.run(24 * 5, step=6)
    scene.restart()
    scene.run(24, step=6)
    assert [collector.between(0, 1) for collector in scene.told.values()] == [["opened", "opened"]] * 3
    assert [collector.between(1, 24 * 5) for collector in scene.told.values()] == [[], [], ["acknowledged"]]
    assert [collector.between(24 * 5, 24 * 7) for collector in scene.told.values()] == [
        ["snooze_ended"], ["snooze_ended"], ["opened"],
    ]  # fmt: skip
    assert b"ben snoozed this (moving house)" in scene.told["slack"].receiver.bodies[-1]


def test_one_change_that_makes_twelve_models_stale_is_two_messages_a_channel(stage):
    scene = stage(*ALL)
    names = [f"m{number:02d}" for number in range(12)]
    for name in names:
        scene.add(name)
        scene.find(name, change=CHANGE)
    scene.run(25)
    told = [collector.events for name, collector in scene.told.items() if name != "alertmanager"]
    assert told == [["opened", "opened"]] * 4
    assert scene.told["slack"].between(1, 23) == []
    assert scene.told["teams"].titles[1] == f"12 models have stale hyperparameters, same cause: {CHANGE}"
    for name in names:
        scene.settle(name)
    scene.restart()
    scene.run(12, step=6)
    assert {name: collector.events.count("resolved") for name, collector in scene.told.items()} == dict.fromkeys(ALL, 1)
    keys = {json.loads(body)["dedup_key"] for body in scene.told["pagerduty"].receiver.bodies}
    sent = [json.loads(body) for body in scene.told["alertmanager"].receiver.bodies]
    labels = {json.dumps(alert["labels"], sort_keys=True) for alerts in sent for alert in alerts}
    assert (len(keys), len(labels)) == (1, 1)


def test_what_is_over_before_its_channel_heard_of_it_is_told_there_as_nothing(stage):
    scene = stage("slack", "teams", "pagerduty", teams={"quiet": ["00:00-23:00"]})
    scene.find()
    scene.run(1)
    scene.settle()
    scene.run(48, step=1)
    assert {name: collector.events for name, collector in scene.told.items()} == {
        "slack": ["opened", "resolved"], "teams": [], "pagerduty": ["opened", "resolved"]
    }  # fmt: skip


def test_an_end_that_was_recorded_before_a_restart_is_told_after_it_once(stage):
    scene = stage(*ALL)
    scene.find()
    scene.run(2)
    scene.settle()  # recorded, and not told: the service goes before its next round
    scene.restart()
    scene.run(4)
    scene.restart()
    scene.run(12)
    for collector in scene.told.values():
        assert collector.between(2, 3) == ["resolved"]
        assert without_repeats(collector.events) == ["opened", "resolved"]


@pytest.mark.parametrize(("times", "by"), [(1, 22), (3, 22 + 24)])  # what comes and goes is damped for a day
def test_what_opened_ended_and_came_again_in_quiet_hours_is_told_once_after_them(stage, times, by):
    scene = stage("slack", "webhook", "pagerduty", slack={"quiet": ["20:00-06:00"]}, webhook={"quiet": ["20:00-06:00"]})
    scene.run(12)  # from 09:00 to 21:00 UTC
    for _ in range(times):
        scene.find()
        scene.run(1)
        scene.settle()
        scene.run(1)
    scene.find()
    scene.restart()
    scene.run(48)
    for name in ("slack", "webhook"):
        assert scene.told[name].events == ["opened"]
        assert scene.told[name].between(21, by) == ["opened"]
    assert scene.told["pagerduty"].between(12, 13) == ["opened", "resolved"]


def test_scores_that_fell_are_told_to_channels_that_ask_for_it_and_to_no_other(stage):
    scene = stage("slack", "teams", "pagerduty", slack={"kinds": ["stale", "degraded"]}, teams={"severities": ["info"]})
    scene.find(kind=Kind.DEGRADED, severity=Severity.INFO)
    scene.run(24 * 8, step=12)
    scene.settle()
    scene.run(12, step=6)
    heard = ["opened", "repeated", "resolved"]
    assert {name: collector.events for name, collector in scene.told.items()} == {
        "slack": heard, "teams": heard, "pagerduty": []
    }  # fmt: skip


def test_scores_that_fell_are_counted_in_the_status_where_nobody_is_told(stage):
    scene = stage("slack")
    scene.find(kind=Kind.DEGRADED, severity=Severity.INFO)
    scene.run(24 * 8, step=12)
    assert scene.told["slack"].events == []
    health = health_of(scene.store, scene.config, scene.clock.now())
    assert health.alerts.sentence == "1 open, 1 of them told nobody (DEGRADED, INCONCLUSIVE): retuned alerts"

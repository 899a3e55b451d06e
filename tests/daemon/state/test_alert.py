"""Alerts: recorded with the verdict, sent by the right channel, listed without the token of an address."""

import json

import pytest
from retuned.daemon.config.config import AlertsTable, Config
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.alert_raising import raise_alert
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign
from retuned.daemon.state.installation import installation_of
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.store import Store
from retuned.daemon.upkeep.backup import make_backup, restore
from retuned.strategies.records import plain
from retuned.strategies.verdict.notice import Notice

ALERT = Notice("toy: something", ("One.", "Two."), "alert", ("retuned drift toy",))


SERVICES = {"webhook": "http://127.0.0.1:8/other", "webhook_secret": "env:OTHER"}


def raised(desk, clock, notice=ALERT, campaign_id=2, **alerts):
    model = find_model(desk.store, "toy")
    config = Config(state=desk.config.state, alerts=AlertsTable(**alerts))
    with desk.store.transaction():
        campaign = find_campaign(desk.store, campaign_id)
        raise_alert(desk.store, model, campaign, notice, {"outcome": "stale"}, config, clock.now())
    return list_alerts(desk.store)[0]


def messages(desk):
    return desk.store.rows("SELECT * FROM outbox ORDER BY rowid")


def test_a_stale_verdict_has_its_alert_and_its_message_in_the_record(judged):
    model = find_model(judged.store, "toy")
    stale = campaigns_of(judged.store, model.id, "retune")[-1]
    (alert,) = list_alerts(judged.store)
    assert (alert.campaign_id, alert.severity, alert.model) == (stale.id, "alert", "toy")
    (message,) = messages(judged)
    data = json.loads(message["payload"])["data"]
    assert data["owner"] == "tests"
    assert data["recommended"] == plain(stale.facts.ended.recommended)
    assert data["loss_at_least"] == stale.verdict.lower
    assert data["commands"][0] == "retuned adopt toy"
    report = f"\n  retuned --state {judged.store.state} report 3 --html campaign-3.html"
    assert data["text"] == json.loads(message["payload"])["text"] == alert.text + report


def test_the_address_of_a_delivery_is_listed_without_its_path(judged):
    (alert,) = list_alerts(judged.store)
    (line,) = alert.deliveries
    assert "waiting for http://127.0.0.1:9, next attempt 20" in line
    assert "token-4711" not in line


STATES = [
    ("delivered", "delivered to http://127.0.0.1:9, 2026-01-02 03:04 UTC"),
    ("dead", "given up on http://127.0.0.1:9 (attempt 3: HTTP status 500)"),
    ("pending", "waiting for http://127.0.0.1:9, next attempt 2026-01-02 03:04 UTC (attempt 3: HTTP status 500)"),
]


@pytest.mark.parametrize(("state", "sentence"), STATES)
def test_a_delivery_is_told_in_one_sentence(judged_copy, state, sentence):
    moment = "2026-01-02T03:04:05+00:00"
    with judged_copy.store.transaction():
        judged_copy.store.change(
            "UPDATE outbox SET state = ?, attempts = 3, next_attempt_at = ?, delivered_at = ?, last_error = ?",
            (state, moment, moment, "HTTP status 500"),
        )
    assert list_alerts(judged_copy.store)[0].deliveries == (sentence,)


def test_a_models_own_webhook_comes_before_the_services(judged_copy, clock):
    raised(judged_copy, clock, **SERVICES)
    assert (messages(judged_copy)[-1]["url"], messages(judged_copy)[-1]["secret_reference"]) == (
        "http://127.0.0.1:9/hook/token-4711", None,
    )  # fmt: skip


def test_the_services_webhook_serves_a_model_without_one(desk, clock):
    desk.register()
    raised(desk, clock, campaign_id=1, **SERVICES)
    (message,) = messages(desk)
    assert (message["url"], message["secret_reference"]) == ("http://127.0.0.1:8/other", "env:OTHER")


def test_without_any_webhook_an_alert_is_only_listed(desk, clock):
    desk.register()
    alert = raised(desk, clock, campaign_id=1)
    assert (alert.deliveries, messages(desk)) == ((), [])


def test_a_digest_entry_is_recorded_and_sends_nothing(judged_copy, clock):
    alert = raised(judged_copy, clock, Notice("toy: fell", ("One.",), "digest", ()))
    assert (alert.severity, alert.deliveries) == ("digest", ())
    assert len(messages(judged_copy)) == 1


def test_a_transaction_that_fails_takes_alert_and_message_back(judged_copy, clock):
    with pytest.raises(ZeroDivisionError):
        raise_and_fail(judged_copy, clock)
    assert (len(list_alerts(judged_copy.store)), len(messages(judged_copy))) == (1, 1)


def raise_and_fail(desk, clock):
    model, campaign = find_model(desk.store, "toy"), find_campaign(desk.store, 2)
    with desk.store.transaction():
        raise_alert(desk.store, model, campaign, ALERT, {}, desk.config, clock.now())
        raise ZeroDivisionError


def test_alerts_are_listed_newest_first_and_by_model(judged_copy, clock):
    raised(judged_copy, clock)
    assert [alert.campaign_id for alert in list_alerts(judged_copy.store)] == [2, 3]
    assert list_alerts(judged_copy.store, "another") == ()


EVIL = "\x1b[31m\u202e\u200b\x9b2J\x7f"


def test_a_message_holds_nothing_that_acts_on_a_terminal_and_no_secret(judged_copy, clock):
    notice = Notice(f"toy: {EVIL}", (f"column {EVIL}", "at postgres://svc:Tr0ub4dor@db/x"), "alert", ("retuned x",))
    alert = raised(judged_copy, clock, notice, **SERVICES)
    payload = messages(judged_copy)[-1]["payload"]
    shown = "\\x1b[31m\\u202e\\u200b\\x9b2J\\x7f"
    data = json.loads(payload)["data"]
    assert data["title"] == f"toy: {shown}"
    assert data["sentences"] == [f"column {shown}", "at postgres://svc:***@db/x"]
    assert data["text"] == alert.text
    assert alert.text.startswith(f"toy: {shown}\n\ncolumn {shown}\nat postgres://svc:***@db/x\nCampaign: 2\n")
    assert "\n\n  retuned x\n  retuned ack 2\n" in alert.text


def test_a_message_id_carries_the_installation_which_is_another_after_a_restore(judged_copy, clock):
    def sent_id():
        with judged_copy.store.transaction():
            judged_copy.store.change("DELETE FROM outbox")
            judged_copy.store.change("DELETE FROM alert_events")
            judged_copy.store.change("DELETE FROM alerts")
        raised(judged_copy, clock, campaign_id=2)
        return messages(judged_copy)[0]["id"]

    first = sent_id()
    assert sent_id() == first  # the same message has the same id
    with judged_copy.store.transaction():
        assert first == f"msg_{installation_of(judged_copy.store, clock.now())}_a1_1"
    copy = make_backup(judged_copy.config.state, judged_copy.folder / "copies", clock.now())
    judged_copy.store.close()
    restore(judged_copy.config.state, copy, clock.now())
    judged_copy.store = Store(judged_copy.config.state)
    assert sent_id() != first

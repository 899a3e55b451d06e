"""What people read: every message of an alert as it is, word for word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from retuned.strategies.alerting.life_cycle import opened, told
from retuned.strategies.alerting.message import AlertMessage, Event, Kind, Severity
from retuned.strategies.alerting.texts import Standing, message_for, undelivered
from retuned.strategies.alerting.verdict_alert import (
    Background,
    facts_of,
    kind_of,
    sentences_of,
    severity_of,
    shared_change,
    title_of,
)
from retuned.strategies.records import Outcome
from retuned.strategies.verdict.notice import Subject, write_notice
from retuned.strategies.verdict.verdict_records import Reason, Verdict

NOW = datetime(2026, 3, 2, 3, 14, tzinfo=UTC)
SUBJECT = Subject(
    model="rides", owner="team", campaign_id=7, metric="RMSE", lower_is_better=True, settings_version=3,
    incumbent={"lr": 0.03, "batch": 64}, recommended={"lr": 0.004, "batch": 64}, compute_s=754.0, runs=35,
    changes=("torch 2.13 -> 2.15",),
)  # fmt: skip
STALE = Verdict(
    outcome=Outcome.STALE, reason=Reason.GAIN_CONFIRMED, sentence="It is stale.", covered="", is_covered=True,
    alpha=0.0125, beta=0.1, d0=1.0, delta=0.1, n_pairs=8, mean=0.5, sd=0.1, lower=0.4, upper=0.6, e_value=371.2,
    incumbent_mean=-1.1, challenger_mean=-0.6, challenger_confirmed=True,
)  # fmt: skip
BACKGROUND = Background(
    datetime(2025, 8, 1, tzinfo=UTC), datetime(2025, 11, 30, tzinfo=UTC), value_per_unit=120.0, currency="EUR"
)
BROKEN = replace(STALE, outcome=Outcome.BROKEN, reason=Reason.FAILS_MORE_OFTEN, divergence_e=512.0)


def standing(verdict, number=12, **changes):
    notice = write_notice(SUBJECT, verdict)
    message = AlertMessage(
        id="", event=Event.OPENED, kind=kind_of(verdict), severity=severity_of(verdict, notice), key="",
        title=title_of(notice), sentences=sentences_of(notice, verdict, BACKGROUND), owner="team", at=NOW,
        opened_at=NOW, model="rides", campaign_id=7, commands=notice.commands,
        facts=(*facts_of(SUBJECT, verdict, BACKGROUND), ("Campaign", "7"), ("Where", "host gpu1, state folder /srv/r")),
        is_tonight=verdict.outcome is Outcome.BROKEN,
    )  # fmt: skip
    return Standing(number, replace(message, **changes), told(opened(NOW), Event.OPENED, NOW))


def said(event, *standings, days=0, others=0, change=""):
    at = NOW + timedelta(days=days)
    return message_for(event, standings, id="msg_1", key="key", change=change, others=others, at=at)


OPENED = """\
rides: the stored hyperparameters are stale

This can wait until working hours: the model works as before, only not as well as it could. Keeping these settings \
costs 48 EUR a month at least, 60 EUR on average.
Keeping these settings makes RMSE worse by at least 0.4, 0.5 on average (1.1 now, 0.6 with the new values); lower is \
better.
Measured on 8 pairs of fresh training runs, old and new settings side by side on the same seeds and rows: evidence \
371:1; the bar is 80:1 (settings that are still good pass it in at most 1.25% of campaigns).
Change: lr 0.03 -> 0.004.
Use: lr = 0.004, batch = 64.
This holds for the training rows that the model has now, which all runs share; on other rows the difference may be \
smaller.
Since these settings were adopted: torch 2.13 -> 2.15.
The re-evaluation took 35 training runs, 12.6 min of compute.
Loses: RMSE worse by 0.4 at least, 0.5 on average
Costs: 48 EUR a month at least, 60 EUR on average
Since: found fresh on 2025-11-30 for the last time; the settings are of 2025-08-01
Tonight: no, this week will do
Campaign: 7
Where: host gpu1, state folder /srv/r

  retuned adopt rides
  retuned drift rides
  retuned history rides
  retuned ack 12
  retuned snooze 12 --for 14d --reason "..."\
"""
RESOLVED = """\
Resolved: rides: the stored hyperparameters are stale

Over after 9 days: settings v4 are current: adopted from campaign 7.
Campaign: 7
Where: host gpu1, state folder /srv/r\
"""
GROUP = """\
12 models have stale hyperparameters, same cause: torch 2.13 -> 2.15

New: m2, m3, m4.
9 other models with the same cause were reported before.
Alert numbers: 2, 3, 4. An answer to one by its number is one for all that are open now; by a model's name, for that \
model alone.
Campaigns: 22, 23, 24
Tonight: no, this week will do
Where: host gpu1, state folder /srv/r

  retuned adopt m2
  retuned adopt m3
  retuned adopt m4
  retuned alerts
  retuned ack 2
  retuned snooze 2 --for 14d --reason "..."\
"""


def test_a_stale_model_is_told_with_what_it_costs_and_what_to_type():
    assert said(Event.OPENED, standing(STALE)).text == OPENED


def test_the_end_is_told_in_a_line():
    over = replace(standing(STALE), end="settings v4 are current: adopted from campaign 7")
    message = said(Event.RESOLVED, over, days=9)
    assert message.text == RESOLVED
    assert (message.commands, message.is_tonight) == ((), False)


def test_a_group_names_the_new_ones_and_counts_the_rest():
    members = [
        standing(STALE, number, model=f"m{number}", campaign_id=number + 20, commands=(f"retuned adopt m{number}",))
        for number in (2, 3, 4)
    ]
    message = said(Event.OPENED, *members, others=9, change="torch 2.13 -> 2.15")
    assert message.text == GROUP
    assert (message.model, message.others, message.details["models"]) == (None, 11, ["m2", "m3", "m4"])


def test_a_broken_model_must_be_looked_at_tonight():
    message = said(Event.OPENED, standing(BROKEN))
    assert (message.kind, message.severity, message.is_tonight) == (Kind.BROKEN, Severity.CRITICAL, True)
    assert message.sentences[0].startswith("Look at this tonight: the next training of this model in production is")
    assert ("Tonight", "yes") in message.facts


FIRST = [
    (Event.REPEATED, "Still open: rides", "Open since 2026-03-02 03:14 UTC, for 7 days, and nobody has acknowledged"),
    (Event.ESCALATED, "Nobody has answered: rides", "This goes to you because nobody has acknowledged it since 2026-"),
    (Event.SNOOZE_ENDED, "Snooze over: rides", "anna snoozed this (data team looks at it); the snooze is over and it"),
    (Event.ACKNOWLEDGED, "Acknowledged: rides", "anna has acknowledged this (data team looks at it); it is not repeat"),
]


@pytest.mark.parametrize(("event", "title", "sentence"), FIRST)
def test_why_a_message_comes_now_is_said_first(event, title, sentence):
    message = said(event, replace(standing(STALE), by="anna", note="data team looks at it"), days=7)
    assert message.title.startswith(title)
    assert message.sentences[0].startswith(sentence)


def test_strong_evidence_is_no_urgency():
    message = said(Event.OPENED, standing(replace(STALE, e_value=9000.0)))
    assert (message.severity, message.is_tonight) == (Severity.WARNING, False)
    assert message.title == "rides: the stored hyperparameters are stale"


def test_a_message_that_others_did_not_get_says_so():
    again = undelivered(said(Event.OPENED, standing(STALE)), ("https://a", "ops"), id="msg_2")
    assert again.sentences[0] == "You get this because it could not be delivered to https://a, ops."
    assert again.id == "msg_2"


NO_MONEY = replace(BACKGROUND, value_per_unit=None, fresh_at=None)


def test_without_a_value_nothing_is_said_of_money():
    facts = dict(facts_of(SUBJECT, STALE, NO_MONEY))
    assert "Costs" not in facts
    assert facts["Since"] == "the settings are of 2025-08-01; no re-evaluation has found them fresh since"
    assert "costs" not in sentences_of(write_notice(SUBJECT, STALE), STALE, NO_MONEY)[0]


CHANGES = [
    ("environment", "GPU A100 -> H100", (), "GPU A100 -> H100"),
    ("environment", "the data grew by 20% (1 -> 2 rows); GPU A100 -> H100", (), "GPU A100 -> H100"),
    ("schedule", "", ("the data changed", "torch 2.13 -> 2.15"), "torch 2.13 -> 2.15"),
    ("schedule", "was due and is late", ("the data changed (1 -> 2 lines)",), ""),  # every model has its own data
    ("data", "the data grew by 20%", (), ""),
    ("code", "train.py changed", ("the training code changed",), ""),
]


@pytest.mark.parametrize(("trigger", "reason", "changes", "shared"), CHANGES)
def test_only_hardware_and_software_are_causes_that_models_share(trigger, reason, changes, shared):
    assert shared_change(trigger, reason, changes) == shared

"""Which re-evaluations one change of hardware made due, and when programs are told of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from retuned.strategies.alerting.message import Event
from retuned.strategies.alerting.shared_changes import MadeDue, SharedChange, change_message, joined

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GPU, TORCH = "GPU A100 -> H100", "torch 2.13 -> 2.15"
RIDES = MadeDue("rides", 7, "ann", GPU, NOW)
KNOWN = SharedChange("ann", GPU, NOW, ("rides",), (7,), told=1)

JOINS = [
    # the first of a change
    ((), (RIDES,), (replace(KNOWN, told=0),)),
    # another model within the time joins it, and is not told yet
    ((KNOWN,), (MadeDue("fares", 9, "ann", GPU, NOW + HOUR),), (replace(KNOWN, models=("rides", "fares"),
                                                                        campaigns=(7, 9)),)),
    # the time is over: it is news again
    ((KNOWN,), (MadeDue("fares", 9, "ann", GPU, NOW + DAY),),
     (KNOWN, SharedChange("ann", GPU, NOW + DAY, ("fares",), (9,)))),
    # another owner, and another change, have messages of their own
    ((), (RIDES, replace(RIDES, owner="bob"), replace(RIDES, change=TORCH)),
     (replace(KNOWN, told=0), SharedChange("bob", GPU, NOW, ("rides",), (7,)),
      SharedChange("ann", TORCH, NOW, ("rides",), (7,)))),
    # nothing new changes nothing
    ((KNOWN,), (), (KNOWN,)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "made", "after"), JOINS)
def test_re_evaluations_of_one_owner_and_change_are_one(before, made, after):
    assert joined(before, made, DAY) == after


TWO = replace(KNOWN, models=("rides", "fares"), campaigns=(7, 9))
TIMES = [
    # the first is told at once
    (replace(KNOWN, told=0), HOUR, True, False),
    # told, and others may still join
    (KNOWN, HOUR, False, False),
    # one has joined: told once the time is over
    (TWO, HOUR, False, False),
    (TWO, DAY, True, False),
    # all told and nothing can join
    (replace(TWO, told=2), DAY, False, True),
    (KNOWN, DAY, False, True),
]


@pytest.mark.parametrize(("change", "later", "is_due", "is_over"), TIMES)
def test_the_first_is_told_at_once_and_the_others_together(change, later, is_due, is_over):
    assert (change.is_due(NOW + later, DAY), change.is_over(NOW + later, DAY)) == (is_due, is_over)


def test_the_message_names_ten_models_counts_the_rest_and_has_the_moment_of_the_change():
    names = tuple(f"m{number:02d}" for number in range(12))
    change = SharedChange("ann", GPU, NOW, names, tuple(range(1, 13)))
    message = change_message(change, id="msg_1", place="host a, state folder /s")
    assert (message.title, message.event) == (f"{GPU}: 12 models are due for re-evaluation", Event.DUE)
    assert message.sentences[0] == f"This changed where {', '.join(names[:10])} and 2 more are trained."
    assert (message.at, message.model, message.others) == (NOW, None, 11)


def test_the_message_about_one_model_is_about_that_model():
    message = change_message(KNOWN, id="msg_1", place="host a, state folder /s")
    assert message.title == f"{GPU}: rides is due for re-evaluation"
    assert (message.model, message.campaign_id, message.commands[-1]) == ("rides", 7, "retuned look rides")

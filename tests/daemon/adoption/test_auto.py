"""Adopting without a person: in the schedule's windows, unless something speaks against it by then, and told."""

import json
from dataclasses import replace

import pytest
from retuned.daemon.adoption.auto import adopt_what_waits
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.audit import audit_page
from retuned.daemon.state.models.adoption import adopt_values, make_current, proposal
from retuned.daemon.state.models.adoption_log import adoption_of
from retuned.daemon.state.models.auto_adoptions import AutoAdoption, auto_adoptions_of, insert_auto_adoption
from retuned.daemon.state.models.registry import find_model, register, set_state

REASON = "evidence 900:1 is above 400:1"


@pytest.fixture
def waiting(judged_copy, clock):
    """A function that gives a desk whose campaign 3 waits to be adopted, on Saturday at nine."""

    def waits(schedule="", adoption="auto = true\nleast_gain = 0.1"):
        tables = {"settings": 'file = "live.json"', "alerts": 'webhook = "http://127.0.0.1:9/hook"'}
        path = judged_copy.write_model(**tables, schedule=schedule, adoption=adoption)
        register(judged_copy.store, load_model_file(path), path, clock.now())
        (judged_copy.folder / "live.json").unlink(missing_ok=True)  # of a test that adopted in the original's folder
        with judged_copy.store.transaction():
            insert_auto_adoption(judged_copy.store, AutoAdoption(3, 1, "waiting", REASON, clock.now()))
        return judged_copy

    return waits


def decision(desk):
    return auto_adoptions_of(desk.store, 1)[-1]


def test_what_waits_is_adopted_with_its_record_its_audit_and_a_message(waiting, clock):
    desk = waiting()
    (decided,) = adopt_what_waits(desk.store, desk.config, clock)
    model = find_model(desk.store, "toy")
    assert decided.is_adopted
    assert json.loads((desk.folder / "live.json").read_text()) == model.configuration
    made = adoption_of(desk.store, 1, 2)
    assert (made.kind, made.by, made.why, made.campaign_id) == ("by_itself", "the service", REASON, 3)
    assert decision(desk).sentence == f"its values were adopted without a person, because {REASON}"
    (entry,) = audit_page(desk.store, "toy", None, None, 10)[0]
    assert (entry.by, entry.act, entry.subject, entry.why) == ("the service", "adopt", "campaign 3", REASON)
    (message,) = [row["payload"] for row in desk.store.rows("SELECT payload FROM outbox WHERE id LIKE '%_adoption'")]
    assert "were adopted without a person, because evidence 900:1" in json.loads(message)["text"]
    assert "retuned rollback toy" in json.loads(message)["data"]["commands"]
    assert adopt_what_waits(desk.store, desk.config, clock) == ()  # once


def test_it_waits_until_a_window_opens(waiting, clock):
    desk = waiting(schedule='windows = ["Sun 10:00-12:00"]\ntimezone = "UTC"')
    assert adopt_what_waits(desk.store, desk.config, clock) == ()
    assert decision(desk).state == "waiting"
    clock.move(days=1, hours=2)
    assert adopt_what_waits(desk.store, desk.config, clock)[0].is_adopted


def edit_by_hand(desk, clock):
    (desk.folder / "live.json").write_text('{"lr": 0.5}')


def break_file(desk, clock):
    (desk.folder / "live.json").write_text("{")


def adopt_others(desk, clock):
    adopt_values(desk.store, find_model(desk.store, "toy"), {"lr": 0.02}, "by hand", clock.now())


def adopt_by_hand(desk, clock):
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())


def pause(desk, clock):
    set_state(desk.store, "toy", "paused")


def switch_off(desk, clock):
    path = desk.write_model(settings='file = "live.json"')
    register(desk.store, load_model_file(path), path, clock.now())


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (edit_by_hand, "edited by hand (lr)"),
        (break_file, "cannot be read"),
        (adopt_others, "other settings became current meanwhile"),
        (adopt_by_hand, "other settings became current meanwhile"),  # a person was faster
        (pause, "the model is paused"),
        (switch_off, "no longer asks for it"),
    ],
)
def test_what_speaks_against_it_by_then_refuses_it_for_good(waiting, clock, meanwhile, why):
    desk = waiting()
    meanwhile(desk, clock)
    version = find_model(desk.store, "toy").settings_version
    (decided,) = adopt_what_waits(desk.store, desk.config, clock)
    assert not decided.is_adopted
    assert why in decision(desk).reason
    assert find_model(desk.store, "toy").settings_version == version
    assert adopt_what_waits(desk.store, desk.config, clock) == ()


def test_one_that_cannot_be_made_does_not_hold_up_the_others(waiting, clock):
    desk = waiting()
    with desk.store.transaction():  # campaign 2 recommended nothing
        insert_auto_adoption(desk.store, replace(decision(desk), campaign_id=2))
    assert [made.campaign_id for made in adopt_what_waits(desk.store, desk.config, clock)] == [3]
    faults = desk.store.rows("SELECT sentence FROM faults")
    assert "campaign 2 is not adopted by itself: " in faults[-1]["sentence"]
    assert [made.state for made in auto_adoptions_of(desk.store, 1)] == ["refused", "adopted"]

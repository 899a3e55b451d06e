"""What is recorded of a campaign is typed, reads back as it was written, and reads as versions before wrote it."""

import json
import os
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.campaigns.campaign_facts import VERSION, CampaignFacts, reached
from retuned.daemon.state.campaigns.campaigns import Campaign, find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.campaigns.phase_records import Ended
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.panda.diary import WishKind
from retuned.strategies.search.choose import Strategy

BEFORE = json.loads(Path(__file__).with_name("facts_without_version.json").read_text())
"""Rows of the column as they stood before there was a version, by what the campaign was doing."""

CONTINUED = CampaignFacts.from_json(BEFORE["a re-evaluation that was continued"])
SEARCHING = CampaignFacts.from_json(BEFORE["a panda in its search"])
EVERYTHING = replace(CONTINUED, panda=SEARCHING.panda, wishes=SEARCHING.wishes)


def written(facts):
    """The facts as the column gives them back."""
    return json.loads(json.dumps(facts.to_json()))


@pytest.mark.parametrize("row", BEFORE.values(), ids=list(BEFORE))
def test_a_row_of_before_there_was_a_version_says_the_same_when_it_is_written_again(row):
    again = written(CampaignFacts.from_json(row))
    assert {name: again[name] for name in row} == row
    assert again.keys() - row.keys() <= {"version", "recommended"}  # a baseline recommended nothing, and did not say so
    assert again["version"] == VERSION


REACHED = [
    ("a baseline", {"prepared", "contract", "ended"}),
    ("a panda in its search", {"prepared", "contract", "chosen", "panda", "wishes"}),
    ("a re-evaluation in its pairs", {"prepared", "contract", "chosen", "searched"}),
    ("a re-evaluation in its causes", {"prepared", "contract", "chosen", "searched", "judged"}),
    (
        "a re-evaluation that was continued",
        {"prepared", "contract", "chosen", "searched", "judged", "continued", "ended"},
    ),
]


@pytest.mark.parametrize(("row", "records"), REACHED, ids=[row for row, _ in REACHED])
def test_a_record_is_there_once_its_phase_came_so_far(row, records):
    facts = CampaignFacts.from_json(BEFORE[row])
    assert {field.name for field in fields(facts) if getattr(facts, field.name)} == records


def test_what_was_words_and_lists_is_typed():
    assert SEARCHING.chosen.strategy is Strategy.PANDA
    assert [(wish.kind, wish.day) for wish in SEARCHING.wishes] == [(WishKind.SET, 4), (WishKind.BACK, None)]
    assert SEARCHING.panda.nudges[0].sentence == "day 0: 10 probes from lr 3.16e-06 to 0.1: lr 1e-05 -> 0.1"
    assert CONTINUED.prepared.environment.parts()["torch"] == "2.13.0+cpu"
    assert [verdict.n_pairs for verdict in CONTINUED.continued.earlier_verdicts] == [4]
    assert CampaignFacts.from_json(BEFORE["a baseline"]).prepared.ranges.columns["temp"].median == 14.0


@given(names=st.sets(st.sampled_from([field.name for field in fields(CampaignFacts)])))
def test_any_records_read_back_as_they_were_written(names):
    facts = CampaignFacts(**{name: getattr(EVERYTHING, name) for name in names})
    assert CampaignFacts.from_json(written(facts)) == facts


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCHEDULES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4).map(tuple)
CONFIGURATIONS = st.dictionaries(st.text(), NUMBERS | st.integers() | st.booleans() | st.text() | SCHEDULES, max_size=4)


@given(values=CONFIGURATIONS, cost_s=NUMBERS, runs=st.integers(0), notes=st.lists(st.text(), max_size=3).map(tuple))
def test_configurations_keep_their_schedules_and_words_their_signs(values, cost_s, runs, notes):
    facts = CampaignFacts(
        prepared=replace(CONTINUED.prepared, data=None, snapshot="", ranges=None, suspicions=notes, notes=notes),
        searched=replace(CONTINUED.searched, challenger=values, top=(values, {})),
        ended=Ended(cost_s, runs, recommended=values),
    )
    assert CampaignFacts.from_json(written(facts)) == facts


LATER = ("told", "profile", "suspicions", "notes", "changes", "lives", "seconds_per_run", "seconds_expected", "causes")


@pytest.mark.parametrize("name", LATER)
def test_a_key_that_came_later_than_the_others_may_be_missing(name):
    row = {key: value for key, value in BEFORE["a re-evaluation that was continued"].items() if key != name}
    facts = CampaignFacts.from_json(row)
    assert (facts.searched, facts.continued) == (CONTINUED.searched, CONTINUED.continued)


def test_facts_of_a_version_to_come_are_not_guessed_at():
    with pytest.raises(ValueError, match=f"facts of version {VERSION + 1}"):
        CampaignFacts.from_json({"version": VERSION + 1})


def test_a_phase_that_was_not_come_to_is_named_as_a_bug():
    with pytest.raises(LookupError, match="has not come so far"):
        reached(CampaignFacts().ended)


def test_facts_travel_in_the_form_that_the_database_keeps(judged):
    campaign, sent = find_campaign(judged.store, 3), TypeAdapter(Campaign)
    travelling = json.loads(sent.dump_json(campaign))
    row = judged.store.row("SELECT facts FROM campaigns WHERE id = 3")
    assert travelling["facts"] == json.loads(row["facts"])
    assert sent.validate_python(travelling).facts == campaign.facts


class Killed(BaseException):
    """The end of a process."""


def interrupt(desk, phase, legs):
    """A re-evaluation whose process ended in that phase, after so many legs."""
    queued = open_or_queue(desk.store, find_model(desk.store, "toy"), "retune", 1, {}, SystemClock())

    def watch():
        if find_campaign(desk.store, queued.id).phase == phase and len(results_of(desk.store, queued.id)) >= legs:
            raise Killed

    with pytest.raises(Killed):
        run_campaign(desk.store, queued.id, clock=SystemClock(), config=desk.config, environ=os.environ, watch=watch)


def forget_what_is_new(desk):
    """Rewrite rows and leg folders as the version before typed facts and roles would have left them."""
    with desk.store.transaction():
        desk.store.change("UPDATE campaigns SET facts = json_remove(facts, '$.version')")
        desk.store.change("UPDATE legs SET request = json_remove(request, '$.role', '$.number')")
    for file in (desk.config.state / "campaigns").glob("*/legs/*/leg.json"):
        order = json.loads(file.read_text())
        file.write_text(json.dumps({name: value for name, value in order.items() if name not in ("role", "number")}))


def prepare(desk):
    desk.register()
    desk.baseline()
    desk.write_data(optimum=-3.0)


@pytest.fixture(scope="module")
def alone(new_desk, tmp_path_factory):
    """The same re-evaluation as it ends when nothing stops it."""
    desk = new_desk(tmp_path_factory.mktemp("alone"))
    prepare(desk)
    return desk.retune(seed=1)


@pytest.mark.parametrize(("phase", "legs"), [("search", 9), ("confirm", 22)])
def test_a_campaign_that_the_version_before_left_half_done_ends_as_if_it_had_never_stopped(desk, alone, phase, legs):
    prepare(desk)
    interrupt(desk, phase, legs)
    forget_what_is_new(desk)
    ended = desk.retune()
    assert ended.verdict == alone.verdict
    assert ended.facts.searched == alone.facts.searched
    assert ended.facts.ended.causes == alone.facts.ended.causes
    assert ended.facts.ended.recommended == alone.facts.ended.recommended

"""A look on request: what it saw, part by part, what follows, and from when on a change makes the model due."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.campaign.look import look_at
from retuned.daemon.campaign.seen_parts import SharedReads
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.models.cool_down import cool_down_of
from retuned.daemon.state.models.registry import find_model, set_state
from retuned.strategies.errors import ConflictError

TOYS = Path(__file__).parents[2] / "toys"


class LaterClock(SystemClock):
    """The machine's clock, ahead by what a test says."""

    def __init__(self, **ahead):
        self.ahead = timedelta(**ahead)

    def now(self):
        return super().now() + self.ahead


@pytest.fixture(scope="module")
def watched_original(new_desk, tmp_path_factory):
    """A model whose baseline has seen a hundred rows, with a cool-down of six hours. Only to be copied."""
    desk = new_desk(tmp_path_factory.mktemp("watched"))
    grow(desk, 100)
    desk.register(triggers='cool_down = "6 h"\nlook_every = "5m"')
    desk.baseline()
    return desk


@pytest.fixture
def watched(watched_original):
    """The same, with its data as they were; what a look records is no matter to the next test."""
    with watched_original.store.transaction():
        watched_original.store.change("DELETE FROM looks")
        watched_original.store.change("DELETE FROM campaigns WHERE kind = 'retune'")
        watched_original.store.change("UPDATE models SET state = 'active'")
    grow(watched_original, 100)
    return watched_original


def grow(desk, rows):
    (desk.folder / "data.json").write_text("{}" + "\n" * rows)


def look(desk, **ahead):
    model = find_model(desk.store, "toy")
    return look_at(desk.store, model, desk.config, LaterClock(**ahead), SharedReads(os.environ))


def words_of(looked):
    return {part.part: part.words for part in looked.parts}


def test_nothing_changed_and_nothing_follows(watched):
    looked = look(watched, hours=7)
    assert words_of(looked) == dict.fromkeys(("data", "code", "environment"), "unchanged")
    assert (looked.campaign, looked.follows) == (None, "nothing follows: no change that counts")
    assert looked.cool_down is None
    assert looked.next_look_at - looked.at == timedelta(minutes=5)


def test_a_change_after_the_cool_down_queues_a_campaign_which_is_named(watched):
    grow(watched, 150)
    looked = look(watched, hours=7)
    assert words_of(looked)["data"] == "the data grew by 50% (100 -> 150 rows)"
    assert looked.follows == f"campaign {looked.campaign} is queued, because of the data"
    assert find_campaign(watched.store, looked.campaign).trigger == "data"
    again = look(watched, hours=7)
    assert (again.campaign, again.follows) == (
        None,
        f"nothing is queued: campaign {looked.campaign} is still open",
    )


def test_a_change_within_the_cool_down_waits_for_its_end_and_is_looked_at_then(watched):
    grow(watched, 150)
    looked = look(watched, hours=5, minutes=58)
    assert looked.campaign is None
    assert looked.follows.startswith(f"in the cool-down until {looked.cool_down.until:%Y-%m-%d %H:%M} UTC (6 h after")
    assert "retuned retune toy" in looked.follows
    assert looked.next_look_at == looked.cool_down.until  # sooner than in five minutes
    assert look(watched, hours=6, minutes=1).campaign is not None


def test_a_change_that_is_too_small_is_said_with_the_rule(watched):
    grow(watched, 110)
    looked = look(watched, hours=7)
    assert words_of(looked)["data"] == "changed, but did not grow by 20% (100 -> 110 rows)"
    assert looked.campaign is None


def test_a_part_that_cannot_be_looked_at_is_said_and_the_others_are_seen(watched):
    (watched.folder / "data.json").unlink()
    looked = look(watched, hours=7)
    assert words_of(looked)["data"].startswith("cannot be looked at: no data found")
    assert words_of(looked)["code"] == "unchanged"


def test_a_paused_model_is_looked_at_and_nothing_is_queued(watched):
    set_state(watched.store, "toy", "paused")
    grow(watched, 150)
    looked = look(watched, hours=7)
    assert (looked.campaign, looked.follows) == (
        None,
        "nothing follows: toy is paused; to undo: retuned resume toy",
    )


def test_a_retired_model_is_not_looked_at(watched):
    set_state(watched.store, "toy", "retired")
    with pytest.raises(ConflictError, match="toy is retired"):
        Verbs(watched.store, watched.config, SystemClock()).look("toy")


def test_before_the_first_campaign_there_is_nothing_to_compare_with(desk):
    desk.register()
    looked = look(desk)
    assert set(words_of(looked).values()) == {"seen for the first time: no campaign to compare with has ended"}
    assert looked.follows == "no campaign to compare with has ended yet: retuned baseline toy"
    assert looked.cool_down is None


@pytest.mark.parametrize(
    ("triggers", "words"),
    [
        ('data = "off"', "not watched: switched off under [triggers]"),
        (f"fingerprint = {json.dumps([sys.executable, '-c', 'print(7)'])}", "seen for the first time: no campaign to"),
    ],
)
def test_what_is_not_watched_is_said(desk, triggers, words):
    desk.register(triggers=triggers)
    assert words_of(look(desk))["data"].startswith(words)


def test_a_model_without_data_says_so(desk):
    path = desk.write_model()
    path.write_text(path.read_text().replace('[data]\npath = "data.json"\n', ""))
    Verbs(desk.store, desk.config, SystemClock()).register(path.read_text(), path)
    assert words_of(look(desk))["data"] == "not watched: the model file names no data"


def test_the_cool_down_ends_after_its_length_and_not_before(watched):
    ended = find_campaign(watched.store, 1).ended_at
    inside = cool_down_of(watched.store, 1, ended + timedelta(hours=5, minutes=59))
    assert (inside.until, inside.campaign, inside.length) == (ended + timedelta(hours=6), 1, "6 h")
    assert cool_down_of(watched.store, 1, ended + timedelta(hours=6)) is None
    assert cool_down_of(watched.store, 1, ended - timedelta(hours=1)) is None  # the clock was set back


def test_show_and_status_say_when_the_next_look_is_and_when_the_cool_down_ends(watched):
    clock = LaterClock(hours=1)
    looked = look(watched, hours=1)
    verbs = Verbs(watched.store, watched.config, clock)
    shown = verbs.show("toy")
    assert (shown.next_look_at, shown.cool_down) == (looked.next_look_at, looked.cool_down)
    (first,) = verbs.status().next_looks
    assert (first.model, first.at, first.cool_down) == ("toy", looked.next_look_at, looked.cool_down)

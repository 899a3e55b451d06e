"""The page of a model: the drift as a curve, and its settings over time with who made them current and why."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from retuned.daemon.reports.drift_record import drift_points
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.curves import EDGE, HEIGHT, WIDTH
from retuned.daemon.web.drift_curve import BOTTOM, MOST_NOTES, REACH, TOP, drift_curve
from retuned.strategies.records import Outcome


@pytest.fixture
def stale(judged):
    """The point of a re-evaluation that ended STALE."""
    return drift_points(judged.store, find_model(judged.store, "toy"))[-1]


def later(point, number, **changes):
    """The same a month later each."""
    return replace(point, campaign_id=number, at=point.at + timedelta(days=30 * number), **changes)


def text_of(served, role):
    return html.unescape(served.browser(role).get(f"{served.url}/models/toy", timeout=30).text)


def test_the_curve_shows_each_verdict_with_its_interval_and_the_cause(judged):
    curve = drift_curve(drift_points(judged.store, find_model(judged.store, "toy")))
    fresh, stale = curve.marks
    assert (fresh.outcome, fresh.low_y, fresh.y) == ("fresh", None, curve.zero_y)
    assert stale.high_y < stale.y < stale.low_y < curve.zero_y  # the whole interval is better than no difference
    assert stale.high_y >= TOP
    assert "STALE; the challenger did better by 0.9121" in stale.words
    assert [(note.campaign, note.is_break) for note in curve.notes] == [(3, False)]
    assert "data" in curve.notes[0].words


def test_without_pairs_there_is_no_curve(judged):
    baseline, fresh, _ = drift_points(judged.store, find_model(judged.store, "toy"))
    assert drift_curve([]) is None
    assert drift_curve([baseline, fresh]) is None


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(None, None), (-1e9, 1e9), (None, 0.5)],  # open at both ends, absurdly wide, open at one
)
def test_an_interval_without_end_is_cut_at_the_frame_and_flattens_nothing(stale, lower, upper):
    curve = drift_curve([stale, later(stale, 4, lower=lower, upper=upper)])
    assert curve.high <= REACH * stale.mean
    marks = [place for mark in curve.marks for place in (mark.high_y, mark.y, mark.low_y)]
    assert all(TOP <= place <= HEIGHT - BOTTOM for place in marks)
    assert all(EDGE <= mark.x <= WIDTH - EDGE for mark in curve.marks)


def test_no_difference_at_all_is_a_flat_line(stale):
    curve = drift_curve([replace(stale, mean=0.0, lower=0.0, upper=0.0)])
    assert curve.marks[0].y == curve.zero_y


def test_what_an_owner_changed_breaks_the_curve_and_a_cause_that_stays_is_told_once(stale):
    points = [
        replace(stale, cause="data worse"),
        later(stale, 4, cause="data worse"),
        later(stale, 5, cause="data worse", settings_version=2),
        later(stale, 6, cause="", outcome=Outcome.FRESH),
        later(stale, 7, cause="data worse"),
    ]
    notes = [(note.number, note.campaign, note.words, note.is_break) for note in drift_curve(points).notes]
    assert notes[0] == (1, 3, "data worse", False)
    assert notes[1][1:] == (5, "settings v1 -> v2", True)
    assert notes[2] == (3, 5, "data worse", False)
    assert [number for number, *_ in notes] == list(range(1, len(notes) + 1))
    assert len(drift_curve([later(stale, n, settings_version=n) for n in range(60)]).notes) == MOST_NOTES


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
def test_the_page_draws_the_drift_and_lists_what_explains_it(served, role):
    text = text_of(served, role)
    assert 'aria-label="Drift over 2 re-evaluations; the last: ' in text
    assert re.search(
        r'<ol class="notes"><li><time [^>]+>[^<]+</time>, <a href="/campaigns/3">campaign 3</a>: <span lang="en">data',
        text,
    )


def adopt(served):
    browser = served.browser(Role.OPERATOR)
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get(f"{served.url}/models/toy", timeout=30).text)[1]
    form = {"csrf": csrf, "campaign": "3", "why": "the sensor is new"}
    assert "Settings v2 are current" in browser.post(f"{served.url}/models/toy/adopt", data=form, timeout=60).text


def row_of(text, version):
    """The cells of a settings version, by the names of their columns."""
    (row,) = re.findall(rf'<tr><th scope="row">v{version}</th>.*?</tr>', text, re.DOTALL)
    cells = re.findall(r'<td data-name="([^"]+)"[^>]*>(.*?)</td>', row, re.DOTALL)
    return {name: re.sub("<[^>]+>", "", cell.replace("<br>", " ")).strip() for name, cell in cells}


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
def test_the_settings_over_time_say_who_adopted_what_and_why(served, role):
    adopt(served)
    text = text_of(served, role)
    row = row_of(text, 2)
    assert row["By"] == "operator"
    assert row["Why"].startswith("the sensor is new; trigger: manual; cause: data")
    assert re.fullmatch(r"lr: 0\.01 to [\d.]+", row["Changed"])
    assert row["What it brought"] == "whether the gain arrives is measured in the next re-evaluation"
    assert '<a href="/campaigns/3">' in text
    assert row_of(text, 1)["Changed"] == ""


def test_who_registered_settings_is_told_to_operators_alone(served):
    path = served.desk.write_model(
        settings='file = "live.json"',
        **{"hyperparameters.lr": 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = 0.02'},
    )
    sent = {"content": path.read_text(), "file": str(path)}
    assert served.ask("POST", "/api/v1/models", Role.ADMIN, json=sent).status_code == 200
    assert row_of(text_of(served, Role.OPERATOR), 2)["By"] == "admin"
    assert row_of(text_of(served, Role.VIEWER), 2)["By"] == ""
    assert row_of(text_of(served, Role.VIEWER), 2)["Changed"] == "lr: 0.01 to 0.02"


def test_what_is_kept_of_the_drift_for_operators_is_not_shown_to_viewers(served):
    with served.desk.store.transaction():
        served.desk.store.change(
            "UPDATE campaigns SET facts = json_set(facts, '$.causes.summary', 'data of /srv/secret/line') WHERE id = 3"
        )
    assert "/srv/secret/line" in text_of(served, Role.OPERATOR)
    assert "/srv/secret" not in text_of(served, Role.VIEWER)

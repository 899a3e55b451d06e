"""A campaign while it runs: its drawings, the events about it, and what its runs have printed."""

import itertools
import json
import math

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.reports.progress import progress_of
from retuned.daemon.reports.trials import trials_of
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.campaigns.phase_records import Look, PandaDiary
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.curves import EDGE, HEIGHT, WIDTH, Curve, differences, drawn, thinned
from retuned.daemon.web.live import live_of, mark_of
from retuned.daemon.web.search_drawings import coordinates, path_of, rungs_of
from retuned.strategies.panda.diary import DayEnd, Nudge
from retuned.strategies.records import Purpose
from retuned.strategies.records import Role as Side

POINTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=400)


@pytest.fixture
def waiting(served):
    """The number of a campaign that waits."""
    model = find_model(served.desk.store, "toy")
    return open_or_queue(served.desk.store, model, "retune", 5, {}, SystemClock()).id


def lines(answer, most):
    return list(itertools.islice(answer.iter_lines(decode_unicode=True), most))


def test_a_campaign_shows_its_curves_its_pairs_and_its_cost(judged):
    campaign = find_campaign(judged.store, 3)
    file = find_model(judged.store, "toy").file
    live = live_of(judged.store, campaign, file, progress_of(judged.store, campaign))
    assert len(live.pairs.marks) == 8
    assert live.pairs.mean == pytest.approx(0.9121, abs=1e-3)
    assert {line.fate for line in live.curves.lines} == {"incumbent", "alive"}
    assert live.curves.lines[-1].fate == "incumbent"
    assert all(run.end is not None for run in live.runs)


def test_the_interval_narrows_from_look_to_look_until_the_verdict_falls(judged):
    campaign = find_campaign(judged.store, 3)
    looks = campaign.facts.looks
    ends = [(-math.inf if look.lower is None else look.lower, look.upper or math.inf) for look in looks]
    widths = [upper - lower for lower, upper in ends]
    assert [look.pairs for look in looks] == [4, 6, 8]
    assert widths == sorted(widths, reverse=True)
    assert math.isfinite(widths[-1])
    assert [lower > 0 for lower, _ in ends] == [False, False, True]  # STALE is what it fell as
    assert (looks[-1].lower, looks[-1].upper) == (campaign.verdict.lower, campaign.verdict.upper)


def test_pairs_with_a_failed_run_have_no_mark_and_hide_no_bar(judged_copy):
    store, campaign = judged_copy.store, find_campaign(judged_copy.store, 3)
    file = find_model(store, "toy").file
    with store.transaction():
        for leg in ("confirm.i001", "confirm.i002", "confirm.c005"):
            store.change("UPDATE legs SET ended = 'diverged', score = NULL WHERE campaign_id = 3 AND name = ?", (leg,))
    pairs = live_of(store, campaign, file, progress_of(store, campaign)).pairs
    assert ([mark.number for mark in pairs.marks], pairs.failed) == ([0, 3, 4, 6, 7], 3)
    assert [bar.pairs for bar in pairs.bars] == [4, 6, 8]
    assert pairs.marks[-1].x < pairs.bars[-1].x <= WIDTH
    assert differences([(0, None)], [Look(1, 0.75, None, 0.9)]) is None


def test_bars_end_at_the_frame_and_lie_where_their_pairs_are():
    found = differences([(0, 1.0), (1, 0.5)], [Look(1, 0.75, None, 0.9), Look(2, 0.75, 0.5, 40.0), Look(3, 1, 0, 1)])
    first, second = found.bars  # the third is of pairs that are not there
    assert first.low_y == pytest.approx(HEIGHT - EDGE)
    assert second.high_y == pytest.approx(EDGE)
    assert first.x < second.x <= WIDTH
    assert all(bar.high_y <= bar.mean_y <= bar.low_y for bar in found.bars)


def test_rungs_say_how_many_came_and_how_many_went_on(judged):
    rungs = rungs_of(results_of(judged.store, 3))
    assert [rung.step for rung in rungs] == sorted(rung.step for rung in rungs)
    assert [rung.went_on for rung in rungs] == [rung.trials for rung in rungs[1:]] + [0]
    assert all(rung.best is not None for rung in rungs)


def trials_in(store, file):
    return trials_of(
        results_of(store, 3), Purpose.SEARCH, (Side.INCUMBENT, Side.CANDIDATE), file.training.budget.amount
    )


def test_trials_are_lines_across_their_hyperparameters_the_better_ones_above(judged):
    file = find_model(judged.store, "toy").file
    found = coordinates(file.space(), trials_in(judged.store, file), file.objective().sign, "search.000")
    assert [axis.name for axis in found.axes] == [*(axis.name for axis in file.space().movable), "score"]
    assert len(found.lines) + found.left_out == len(trials_in(judged.store, file))
    assert found.lines[-1].is_incumbent
    shades = [line.shade for line in found.lines[:-1]]
    assert shades == sorted(shades)
    places = [tuple(map(float, pair.split(","))) for line in found.lines for pair in line.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_without_two_scores_there_are_no_lines(judged):
    file = find_model(judged.store, "toy").file
    assert coordinates(file.space(), trials_in(judged.store, file)[:1], 1.0, "search.000") is None


def test_a_panda_that_went_back_has_a_line_for_each_life():
    ends = [DayEnd(1, "a", 10.0, 0.1, 1.0), DayEnd(2, "a", 20.0, 0.0, 1.0), DayEnd(3, "b", 20.0, 0.3, 0.5)]
    back = [*ends, DayEnd(4, "c", 10.0, None, 0.5)]
    path = path_of(PandaDiary(tuple(back), (Nudge(1, 0, "first"), Nudge(3, 0, "back to day 1")), "b", 4), 1.0)
    assert [line.fate for line in path.drawing.lines] == ["alive", "incumbent"]
    assert (path.days, path.returns) == (4, 1)
    assert path.nudges == ("day 3: back to day 1", "day 1: first")


@given(POINTS, st.integers(4, 60))
def test_a_thinned_curve_is_short_in_order_and_keeps_its_ends_and_its_extremes(points, most):
    kept = thinned(points, most)
    assert len(kept) <= max(most, 0)
    assert all(point in points for point in kept)
    assert kept[:1] == tuple(points[:1])
    assert kept[-1:] == tuple(points[-1:])
    assert {min((value for _, value in points), default=0), max((value for _, value in points), default=0)} == {
        min((value for _, value in kept), default=0), max((value for _, value in kept), default=0)
    }  # fmt: skip


@given(st.lists(POINTS, max_size=5), st.sampled_from([1.0, -1.0]))
def test_every_point_is_within_the_frame(curves, sign):
    ordered = [Curve(str(number), "alive", tuple(sorted(points))) for number, points in enumerate(curves)]
    drawing = drawn(ordered, sign)
    shown = [] if drawing is None else [pair for line in drawing.lines for pair in line.points.split()]
    places = [tuple(map(float, pair.split(","))) for pair in shown]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert (drawing is None) == (not any(curves))


def test_better_differences_are_higher_than_worse_ones():
    found = differences([(0, 1.0), (1, -1.0)])
    assert found.marks[0].y < found.zero_y < found.marks[1].y
    assert (found.mean, found.mean_y) == (0.0, found.zero_y)
    assert differences([]) is None


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
def test_the_page_of_a_waiting_campaign_is_readable_and_follows(served, waiting, role):
    browser = served.browser(role)
    text = browser.get(f"{served.url}/campaigns/{waiting}", timeout=30).text
    assert f'sse-connect="/campaigns/{waiting}/events"' in text
    assert "look again" in text
    assert "Training runs ended" in text
    part = browser.get(f"{served.url}/campaigns/{waiting}/live", timeout=30)
    assert "<html" not in part.text
    assert "Training runs ended" in part.text


def test_the_part_that_changes_asks_for_the_whole_page_once_the_campaign_has_ended(served):
    answer = served.browser(Role.VIEWER).get(f"{served.url}/campaigns/3/live", timeout=30)
    assert (answer.headers["hx-refresh"], answer.text) == ("true", "")


def test_events_tell_the_progress_once_and_go_on_after_the_last_that_was_seen(served, waiting):
    path, mark = (
        f"/api/v1/campaigns/{waiting}/events",
        mark_of(served.desk.store, find_campaign(served.desk.store, waiting)),
    )
    with served.ask("GET", path, stream=True) as first:
        assert first.headers["content-type"].startswith("text/event-stream")
        retry, _, number, event, data = lines(first, 5)
    assert (retry, number, event) == ("retry: 2000", f"id: {mark}", "event: progress")
    told = json.loads(data.removeprefix("data: "))
    assert (told["campaign"], told["phase"], told["ended"]) == (waiting, "queued", 0)
    with served.ask("GET", path, headers={"last-event-id": mark}, stream=True) as again:
        cancel_campaign(served.desk.store, find_campaign(served.desk.store, waiting), SystemClock().now())
        rest = list(again.iter_lines(decode_unicode=True))
    assert f"id: {mark}" not in rest
    assert rest[-3:-1] == ["event: ended", f"data: {waiting}"]


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/campaigns/99/events", 404), ("/api/v1/campaigns/x/events", 404)]
)
def test_events_of_nothing_are_an_error(served, path, status):
    assert served.ask("GET", path).status_code == status


def test_events_are_for_those_who_are_signed_in(served, waiting):
    assert served.ask("GET", f"/api/v1/campaigns/{waiting}/events", role=None).status_code == 401
    answer = requests.get(f"{served.url}/campaigns/{waiting}/events", timeout=30)
    assert "sign in" in answer.text
    with served.browser(Role.VIEWER).get(f"{served.url}/campaigns/{waiting}/events", stream=True, timeout=30) as seen:
        assert lines(seen, 1) == ["retry: 2000"]


def test_the_output_of_a_run_is_for_operators(served):
    path = f"{served.url}/campaigns/3/runs/confirm.c000"
    shown = served.browser(Role.OPERATOR).get(path, timeout=30)
    assert "What confirm.c000 of" in shown.text
    assert served.browser(Role.VIEWER).get(path, timeout=30).status_code == 403


@pytest.mark.parametrize("leg", ["nothing", "..", "%2e%2e%2fcampaign.lock", "a b"])
def test_a_run_that_is_not_there_is_said_on_a_page(served, leg):
    answer = served.browser(Role.OPERATOR).get(f"{served.url}/campaigns/3/runs/{leg}", timeout=30)
    assert answer.status_code in (400, 404)


def test_only_the_scripts_of_the_list_are_served(served):
    assert requests.get(f"{served.url}/scripts/htmx.min.js", timeout=30).status_code == 200
    assert requests.get(f"{served.url}/scripts/vendored.toml", timeout=30).status_code == 404


def test_a_stream_ends_when_the_service_does(served, waiting):
    with served.ask("GET", f"/api/v1/campaigns/{waiting}/events", stream=True) as stream:
        told = stream.iter_lines(decode_unicode=True)
        assert next(told) == "retry: 2000"
        served.api.stop()
        assert "event: ended" not in list(told)

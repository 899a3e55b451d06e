"""The drift record as a table and as figures that are what their names say."""

import json
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from retuned.daemon.reports.drift_plot import write_plot
from retuned.daemon.reports.drift_record import drift_points
from retuned.daemon.reports.progress import progress_of
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.errors import InputError
from retuned.strategies.records import Outcome


@pytest.fixture(scope="module")
def plots(judged, tmp_path_factory):
    """The drift record of the judged model, drawn into a file of each kind."""
    folder = tmp_path_factory.mktemp("plots")
    model = find_model(judged.store, "toy")
    points = drift_points(judged.store, model)
    [write_plot(model, points, folder / f"drift.{suffix}") for suffix in ("png", "svg", "html")]
    return folder


class Page(HTMLParser):
    """The addresses that a page fetches, and its scripts."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.scripts, self.tag = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tag = tag
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "data")]

    def handle_endtag(self, _tag):
        self.tag = ""

    def handle_data(self, data):
        self.scripts += [data] * (self.tag == "script")


def test_the_record_has_a_point_for_each_finished_campaign(judged):
    baseline, fresh, stale = drift_points(judged.store, find_model(judged.store, "toy"))
    assert [point.outcome for point in (baseline, fresh, stale)] == [None, Outcome.FRESH, Outcome.STALE]
    verdict = campaigns_of(judged.store, 1)[-1].verdict
    assert (stale.lower, stale.upper, stale.e_value) == (verdict.lower, verdict.upper, verdict.e_value)
    assert stale.mean == pytest.approx(stale.challenger - stale.incumbent)
    assert abs(baseline.incumbent) < 0.2
    assert -1.3 < stale.incumbent < -0.7
    assert stale.changes == ("the data changed",)
    assert (baseline.data == fresh.data, fresh.data == stale.data) == (True, False)
    assert baseline.environment == stale.environment
    assert stale.runs == len({result.request.trial for result in results_of(judged.store, stale.campaign_id)})


def test_a_campaign_that_failed_is_no_point(judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE campaigns SET phase = 'failed', verdict = NULL WHERE id = 3")
    points = drift_points(judged_copy.store, find_model(judged_copy.store, "toy"))
    assert [point.campaign_id for point in points] == [1, 2]


def test_a_png_is_a_png_of_a_readable_size(plots):
    content = (plots / "drift.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (1080, 720)
    assert len(content) > 10_000


def test_an_svg_is_xml_with_a_figure_in_it(plots):
    root = ElementTree.parse(plots / "drift.svg").getroot()  # noqa: S314 - written by this test
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 10


def test_a_page_fetches_nothing_and_holds_the_figure(plots, judged):
    page = Page((plots / "drift.html").read_text())
    assert page.addresses == []
    script = page.scripts[-1]
    figure = json.loads(script[len("const figure = ") : script.index(";Plotly.newPlot")])
    stored, challenger, improvement = figure["data"]
    points = drift_points(judged.store, find_model(judged.store, "toy"))
    assert stored["y"] == [point.incumbent for point in points]
    assert challenger["y"] == [None, None, points[-1].challenger]
    assert improvement["y"] == [points[-1].mean]
    assert improvement["error_y"]["arrayminus"] == [pytest.approx(points[-1].mean - points[-1].lower)]
    assert "toy" in figure["layout"]["title"]["text"]
    assert sum("Plotly" in script for script in page.scripts) == 2


def test_a_loss_is_shown_in_its_own_direction(judged, tmp_path):
    model = find_model(judged.store, "toy")
    goal = model.file.goal.model_copy(update={"direction": "minimize", "metric": "<loss>"})
    loss = model.__class__(**{
        name: getattr(model, name) for name in model.__slots__ if name != "file"
    }, file=model.file.model_copy(update={"goal": goal}))  # fmt: skip
    measured = drift_points(judged.store, model)
    points = [replace(point, metric="<loss>", lower_is_better=True) for point in measured]
    write_plot(loss, points, tmp_path / "drift.html")
    text = (tmp_path / "drift.html").read_text()
    script = Page(text).scripts[-1]
    figure = json.loads(script[len("const figure = ") : script.index(";Plotly.newPlot")])
    assert figure["data"][0]["y"] == [-point.incumbent for point in points]
    assert "<loss>" not in text


def edited(points):
    """The record as if the owner had adopted other settings before the second point, and then changed the code."""
    first, second, third = points
    return first, replace(second, settings_version=2), replace(third, settings_version=2, code="abcdef0123")


def figure_of(page):
    script = Page(page.read_text()).scripts[-1]
    return json.loads(script[len("const figure = ") : script.index(";Plotly.newPlot")])


def test_a_page_interrupts_the_line_and_labels_both_sides_where_the_owner_changed_something(judged, tmp_path):
    model = find_model(judged.store, "toy")
    points = edited(drift_points(judged.store, model))
    write_plot(model, points, tmp_path / "drift.html")
    figure = figure_of(tmp_path / "drift.html")
    scores = [point.incumbent for point in points]
    assert figure["data"][0]["y"] == [scores[0], None, scores[1], None, scores[2]]
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [0.5, 1.5]
    code = points[0].code[:6]
    labels = [note["text"] for note in figure["layout"]["annotations"]]
    assert labels == [f"settings v1, code {code}", f"settings v2, code {code}", "settings v2, code abcdef"]
    whys = [note["hovertext"] for note in figure["layout"]["annotations"]]
    assert whys == ["", "settings v1 -&gt; v2", f"code {code} -&gt; abcdef"]


def test_a_picture_shows_where_the_line_is_interrupted(judged, tmp_path):
    model = find_model(judged.store, "toy")
    points = drift_points(judged.store, model)
    write_plot(model, points, tmp_path / "whole.svg")
    write_plot(model, edited(points), tmp_path / "edited.svg")
    whole, parted = ((tmp_path / name).read_text() for name in ("whole.svg", "edited.svg"))
    assert 'id="break-' not in whole
    assert (parted.count('id="break-1"'), parted.count('id="break-2"')) == (2, 2)  # in both halves of the picture
    assert "settings v2, code abcdef" in parted


def test_a_metric_with_a_dollar_sign_is_drawn_as_it_is_written(judged, tmp_path):
    model = find_model(judged.store, "toy")
    points = [replace(point, metric="cost $_{") for point in drift_points(judged.store, model)]
    write_plot(model, [points[0], replace(points[1], metric="$^{")], tmp_path / "drift.png")
    assert (tmp_path / "drift.png").stat().st_size > 10_000


BAD = [
    ("drift.gif", "is of no known kind; allowed: .png, .svg, .html; for instance drift.png"),
    ("drift", "is of no known kind"),
    ("none/drift.png", "there is no folder"),
]


@pytest.mark.parametrize(("name", "message"), BAD)
def test_a_figure_that_cannot_be_drawn_says_why_and_leaves_no_file(judged, tmp_path, name, message):
    model = find_model(judged.store, "toy")
    with pytest.raises(InputError, match=message):
        write_plot(model, drift_points(judged.store, model), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_without_a_finished_campaign_there_is_nothing_to_draw(desk):
    model = desk.register()
    with pytest.raises(InputError, match="toy has no finished campaign to draw; run: retuned retune toy"):
        write_plot(model, (), Path("drift.png"))


def test_progress_tells_where_a_campaign_stands(judged):
    done = progress_of(judged.store, find_campaign(judged.store, 3))
    assert (done.phase, done.failed, done.pairs) == ("done", 0, campaigns_of(judged.store, 1)[-1].verdict.n_pairs)
    assert done.planned == done.ended
    assert done.best > done.incumbent
    assert done.trials == sum(1 for r in results_of(judged.store, 3) if r.request.trial.startswith("search."))
    assert done.compute_s > 0


def test_progress_of_a_queued_campaign_is_empty(desk):
    desk.register()
    waiting = progress_of(desk.store, find_campaign(desk.store, 1))
    assert (waiting.phase, waiting.planned, waiting.rung, waiting.incumbent) == ("queued", 0, None, None)


EVIL = "$\\frac{ $ \x1b[2J\x9b31m\u202e\u200b\x7f <b>bold</b>"


@pytest.mark.parametrize("suffix", ["svg", "html", "png"])
def test_a_plot_shows_nothing_that_acts_or_hides_and_no_formula(judged, tmp_path, suffix):
    model = find_model(judged.store, "toy")
    goal = model.file.goal.model_copy(update={"metric": f"score {EVIL}"})
    path = tmp_path / f"drift.{suffix}"
    evil = replace(model, file=model.file.model_copy(update={"goal": goal}))
    write_plot(evil, drift_points(judged.store, model), path)
    drawn = path.read_bytes().decode(errors="replace") if suffix != "png" else ""
    head = drawn.partition("<script>")[0] + drawn.rpartition("<script>")[2]
    assert [ch for ch in "\x1b\x9b\u202e\u200b\x7f" if ch in head] == []
    assert "<b>bold" not in head

"""The page of a campaign in the middle of its pairs, with all its drawings, in a real browser."""

import json
import shutil

import pytest
from retuned.daemon.state.campaigns.phase_records import PandaDiary
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.pages import add_pages
from retuned.strategies.panda.diary import DayEnd, Nudge

from .conftest import Watched

WIDTHS = (390, 1024, 1920)
DAYS = (DayEnd(1, "a", 10.0, 0.1, 1.0), DayEnd(2, "a", 20.0, 0.0, 1.0), DayEnd(3, "b", 20.0, 0.3, 0.5))
DIARY = PandaDiary(DAYS, (Nudge(1, 0, "lr is halved"), Nudge(2, 0, "back to day 1")), "b", 3)
SEARCHES = {
    "caviar": ({}, 5),  # curves, rungs, parallel coordinates, pairs, runs
    "panda": ({"panda": DIARY.to_json()}, 4),  # curves, days, pairs, runs
}
"""What is added to the campaign's facts, and how many drawings and tables its page has."""


@pytest.fixture(scope="module", params=SEARCHES)
def opened(request, judged, new_desk, tmp_path_factory, serve, chromium):
    """The re-evaluation as it was before its verdict, which no process carries on."""
    folder, (added, drawings) = tmp_path_factory.mktemp("running") / "desk", SEARCHES[request.param]
    shutil.copytree(judged.folder, folder)
    desk = new_desk(folder)
    with desk.store.transaction():
        desk.store.change(
            "UPDATE campaigns SET phase = 'confirm', verdict = NULL, ended_at = NULL, facts = json_patch(facts, ?)"
            " WHERE id = 3",
            (json.dumps(added),),
        )
    made = serve(desk, add_pages=add_pages)
    tab = Watched(chromium)
    tab.sign_in_with_token(made.url, made.secrets[Role.OPERATOR])
    tab.page.goto(f"{made.url}/campaigns/3")
    tab.name, tab.drawings = request.param, drawings
    yield tab
    tab.context.close()
    made.api.stop()


def test_it_is_running_and_drawn(opened):
    assert "Phase: confirm" in opened.page.inner_text("main")
    assert opened.page.locator("svg.chart").count() + opened.page.locator("table").count() == opened.drawings


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_read_its_drawings_in_both_themes(opened, theme):
    assert opened.faults_in(theme) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_its_drawings_are_not_wider_than_the_screen(opened, width):
    assert opened.width_at(width, f"running-{opened.name}") <= width


def test_it_complains_of_nothing(opened):
    assert (opened.elsewhere, opened.complaints) == ([], [])

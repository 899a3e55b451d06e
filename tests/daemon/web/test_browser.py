"""The pages in a real browser, with its scripts and without: a whole life of a model, and what a reader needs."""

import shutil

import pytest
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.pages import add_pages

from .conftest import Watched

WIDTHS = (390, 1024, 1920)
PAGES = {
    "fleet": "/",
    "model": "/models/toy",
    "plan": "/models/toy/plan",
    "report": "/campaigns/3",
    "campaign": "/campaigns/4",
    "run": "/campaigns/3/runs/confirm.c000",
    "alerts": "/alerts",
    "schedule": "/schedule",
    "health": "/health",
    "settings": "/settings",
    "doctor": "/doctor",
    "audit": "/audit",
    "register": "/register",
    "adopt": "/models/toy/adopt",
    "wrong": "/models/none",
}


@pytest.fixture(scope="module")
def read_only(judged, new_desk, tmp_path_factory, serve):
    """For tests that only read."""
    folder = tmp_path_factory.mktemp("browser") / "desk"
    shutil.copytree(judged.folder, folder)
    desk = new_desk(folder)
    open_or_queue(desk.store, find_model(desk.store, "toy"), "retune", 5, {}, SystemClock())  # campaign 4, which waits
    made = serve(desk, add_pages=add_pages)
    yield made
    made.api.stop()


@pytest.fixture(scope="module")
def reader(chromium, read_only):
    """An administrator's tab, who sees whatever there is to see."""
    tab = Watched(chromium)
    tab.sign_in_with_token(read_only.url, read_only.secrets[Role.ADMIN])
    yield tab
    tab.context.close()


@pytest.fixture(scope="module", params=PAGES)
def opened(request, reader, read_only):
    """A page that is loaded once for all tests that look at it."""
    reader.elsewhere, reader.complaints, reader.name = [], [], request.param
    reader.page.goto(read_only.url + PAGES[request.param])
    return reader


def watch(tab, slow):
    """Wait on the campaign's page, which follows by itself and becomes the report."""
    tab.page.locator(".chart circle").first.wait_for(state="attached")
    tab.shoot("live")
    slow.unlink()
    tab.wait_for_title("toy: STALE")


def look_again(tab, slow):
    """Load the page again and again, as one does without scripts."""
    slow.unlink()
    tab.wait_for("/campaigns/2", "toy: STALE")


@pytest.mark.parametrize(("has_scripts", "follow"), [(True, watch), (False, look_again)], ids=["scripts", "no_scripts"])
@pytest.mark.timeout(600)
def test_a_model_lives_its_life_in_the_browser(chromium, service, desk, has_scripts, follow):
    tab = Watched(chromium, java_script_enabled=has_scripts)
    page = tab.page
    tab.sign_in(service.link())
    assert "Register the first model" in page.content()

    desk_file = desk.write_model()
    tab.click_link("Register the first model")
    page.get_by_label("Folder").fill(str(desk.folder))
    page.get_by_label("Model file").set_input_files(desk_file)
    tab.press("Register")
    assert "a baseline is queued." in page.content()
    tab.wait_for("/models/toy", "Open now", is_there=False)
    slow = desk.folder / "slow"  # while it is there, the campaign cannot end before its page was seen
    slow.touch()
    desk.write_data(optimum=-3.0, slow_while=str(slow))
    page.goto(f"{service.url}/models/toy")
    page.get_by_label("Seed").fill("1")
    tab.press("Re-tune now")
    assert "Re-evaluation 2 is queued" in page.content()
    tab.click_link("re-evaluation 2")
    assert "Training runs ended" in page.content()

    follow(tab, slow)
    page.goto(f"{service.url}/alerts")
    tab.press("Acknowledge")
    assert "1 alert acknowledged." in page.content()
    page.goto(f"{service.url}/models/toy")
    tab.click_link("Adopt the confirmed values")
    assert "Nothing is changed yet." in page.content()
    tab.press("Adopt these values")
    assert "Settings v2 are current now." in page.content()
    tab.click_link("Roll back ...", exact=True)
    tab.press("Roll back to these values")
    assert "Settings v3 are current now." in page.content()
    tab.press("Sign out")
    page.goto(f"{service.url}/models/toy")
    assert page.url.endswith("/sign-in")
    assert (tab.elsewhere, tab.complaints) == ([], [])
    tab.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_read_the_page_in_both_themes(opened, theme):
    assert opened.faults_in(theme) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_not_wider_than_the_screen(opened, width):
    assert opened.width_at(width, opened.name) <= width


def test_the_page_asks_for_nothing_from_elsewhere_and_complains_of_nothing(opened):
    expected = 1 if opened.name == "wrong" else 0  # the browser notes a page's own status of 404
    assert opened.elsewhere == []
    assert len(opened.complaints) == expected, opened.complaints

"""Moments on the pages: UTC as the server writes them, the browser's own time where scripts run, UTC on hover."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import requests
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.pages import add_pages

from .conftest import Watched

ZONE = "Asia/Seoul"
PATHS = ["/", "/models/toy", "/alerts", "/schedule", "/health", "/settings", "/audit"]


@pytest.fixture
def served(judged_copy, serve):
    made = serve(judged_copy, add_pages=add_pages)
    for verb in ("pause", "resume"):  # what the audit tells of
        assert made.ask("POST", f"/api/v1/models/toy/{verb}", Role.OPERATOR).status_code == 200
    yield made
    made.api.stop()


def tab_of(chromium, served, **options):
    tab = Watched(chromium, **{"timezone_id": ZONE} | options)
    tab.sign_in_with_token(served.url, served.secrets[Role.ADMIN])
    return tab


def moments_on(tab):
    """Of each moment on the page: what it is, what stands there, and its title."""
    return tab.page.eval_on_selector_all("time", "all => all.map(t => [t.dateTime, t.textContent, t.title])")


def as_written(moment, zone, text):
    """The moment in a zone, with a clock where the text has one."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"[: 16 if ":" in text else 10]


@pytest.mark.parametrize("path", PATHS)
def test_moments_are_in_the_browsers_time_with_utc_on_hover(chromium, served, path):
    tab = tab_of(chromium, served)
    tab.page.goto(served.url + path)
    tab.page.get_by_text(f"Times are those of {ZONE}; UTC where the pointer rests on one.").wait_for()
    found = [(datetime.fromisoformat(at), text, title) for at, text, title in moments_on(tab)]
    assert found
    assert [text for _, text, _ in found] == [as_written(at, ZoneInfo(ZONE), text) for at, text, _ in found]
    assert [title for *_, title in found] == [f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for at, *_ in found]
    assert (tab.elsewhere, tab.complaints) == ([], [])
    tab.context.close()


def test_a_browser_in_utc_is_told_so_once(chromium, served):
    tab = tab_of(chromium, served, timezone_id="UTC")
    tab.page.locator("time[data-local]").first.wait_for(state="attached")
    assert tab.page.inner_text("footer span").strip() == "Times are UTC."
    tab.context.close()


def test_without_scripts_moments_are_in_utc_and_the_page_says_so(chromium, served):
    tab = tab_of(chromium, served, java_script_enabled=False)
    tab.page.goto(f"{served.url}/schedule")
    assert "Times are UTC." in tab.page.inner_text("footer")
    written = re.findall(r"<time [^>]+>([^<]+)</time>", tab.page.content())
    assert written
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", text) for text in written)
    tab.context.close()


def test_a_day_is_that_of_the_reader(chromium, served):
    late = datetime(2031, 5, 31, 20, 30, tzinfo=UTC)  # the next morning in Seoul
    with served.desk.store.transaction():
        served.desk.store.change("UPDATE models SET next_due_at = ?", (late.isoformat(),))
    tab = tab_of(chromium, served)
    shown = tab.page.locator("time", has_text="2031-06-01")
    shown.wait_for()
    assert shown.get_attribute("title") == "2031-05-31 20:30 UTC"
    tab.context.close()


def test_the_script_is_served_as_one_and_asks_for_nothing(served):
    answer = requests.get(f"{served.url}/scripts/local_times.js", timeout=30)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert len(answer.content) < 2000
    assert "fetch" not in answer.text
    assert "http" not in answer.text

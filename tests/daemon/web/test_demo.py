"""The demonstration from the page of an empty fleet."""

import re

import pytest
from retuned.daemon.drafting.examples import SHIPPED
from retuned.daemon.state.audit import audit_page
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.demo import demo_model_file
from retuned.daemon.web.pages import add_pages
from retuned.strategies.errors import StateError


@pytest.fixture
def served(desk, serve):
    made = serve(desk, add_pages=add_pages)
    yield made
    made.api.stop()


def press(served, role):
    """The page after somebody has asked for the demo, with the token of their own session."""
    browser = served.browser(role)
    token = re.search(r'name="csrf" value="([^"]+)"', browser.get(f"{served.url}/settings", timeout=30).text)[1]
    return browser.post(f"{served.url}/demo", data={"csrf": token}, timeout=120)


def test_the_demo_is_one_click_away(served):
    assert 'action="/demo"' in served.browser(Role.ADMIN).get(served.url, timeout=30).text
    page = press(served, Role.ADMIN)
    assert page.url == f"{served.url}/models/flights"
    assert "a baseline is queued. Re-tune it once" in page.text
    model = find_model(served.desk.store, "flights")
    assert model.source == served.desk.config.state.resolve() / "demo" / "flights" / "model.toml"
    assert (model.source.parent / "data" / "window.csv").read_text().count("\n") > 1000
    assert [campaign.kind for campaign in open_campaigns(served.desk.store)] == ["baseline"]
    (entry,), _ = audit_page(served.desk.store, "flights", None, None, 10)
    assert (entry.by, entry.act) == ("admin", "register")
    assert 'action="/demo"' not in served.browser(Role.ADMIN).get(served.url, timeout=30).text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR], ids=lambda role: role.word)
def test_who_may_not_register_is_told_the_command_and_gets_nothing_by_force(served, role):
    text = served.browser(role).get(served.url, timeout=30).text
    assert "retuned demo" in text
    assert "/demo" not in text
    assert press(served, role).status_code == 403
    assert not (served.desk.config.state / "demo").exists()


def test_a_form_of_elsewhere_starts_no_demo(served):
    answer = served.browser(Role.ADMIN).post(f"{served.url}/demo", data={"csrf": "guess"}, timeout=30)
    assert answer.status_code == 403
    assert not (served.desk.config.state / "demo").exists()


def test_what_is_there_is_not_written_again(tmp_path):
    file = demo_model_file(tmp_path)
    file.write_text("# mine\n")
    (file.parent / "data" / "window.csv").write_text("another window\n")
    assert demo_model_file(tmp_path) == file
    assert file.read_text() == "# mine\n"
    assert (file.parent / "data" / "window.csv").read_text() == "another window\n"


def test_a_script_that_fails_is_said_in_one_line(tmp_path):
    file = demo_model_file(tmp_path)
    (file.parent / "data" / "window.csv").unlink()
    (file.parent / "flights.csv").unlink()
    with pytest.raises(StateError, match=r"were not written: FileNotFoundError: .*flights\.csv"):
        demo_model_file(tmp_path)


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path):
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(StateError, match="cannot be made"):
        demo_model_file(tmp_path)


def test_the_page_writes_the_example_that_the_command_writes(tmp_path):
    written = demo_model_file(tmp_path)
    assert written.read_bytes() == (SHIPPED / "examples" / "flights" / "model.toml").read_bytes()

"""Registering, tokens, sessions, channels, the audit and what is shown before values are adopted."""

import re
from html.parser import HTMLParser

import pytest
import requests
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.tokens import Role, list_tokens
from retuned.daemon.web.forms import MOST_FIELDS, fields_of
from retuned.daemon.web.pages import add_pages
from retuned.strategies.errors import InputError


@pytest.fixture
def empty(desk, serve):
    made = serve(desk, add_pages=add_pages)
    yield made
    made.api.stop()


class Hidden(HTMLParser):
    """The hidden fields of a page."""

    def __init__(self, text):
        super().__init__()
        self.fields = {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag == "input" and named.get("type") == "hidden":
            self.fields[named["name"]] = named["value"]


def send(served, browser, page, action, files=None, **fields):
    """Fill in a form of that page and send it."""
    hidden = Hidden(browser.get(served.url + page, timeout=30).text).fields
    return browser.post(served.url + action, data=hidden | fields, files=files, timeout=60)


@pytest.mark.parametrize("path", ["/models/toy/adopt", "/models/toy/rollback", "/doctor", "/audit", "/register"])
def test_viewers_see_no_page_that_is_not_theirs(served, path):
    answer = served.browser(Role.VIEWER).get(served.url + path, timeout=30)
    assert answer.status_code == 403
    assert "you are signed in as viewer" in answer.text


@pytest.mark.parametrize("path", ["/audit", "/register"])
def test_operators_see_no_page_of_administrators(served, path):
    assert served.browser(Role.OPERATOR).get(served.url + path, timeout=30).status_code == 403


@pytest.mark.parametrize("way", ["upload", "content"])
def test_a_model_is_registered_from_a_form(empty, way):
    text, browser = empty.desk.write_model().read_text(), empty.browser(Role.ADMIN)
    files = {"upload": ("model.toml", text)} if way == "upload" else {"upload": ("", "")}
    fields = {"folder": str(empty.desk.folder)} | ({} if way == "upload" else {"content": text})
    answer = send(empty, browser, "/register", "/register", files, **fields)
    assert "a baseline is queued." in answer.text
    assert find_model(empty.desk.store, "toy").source == empty.desk.folder / "model.toml"
    assert empty.woken


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"folder": "/srv", "content": ""}, "the form has no model file"),
        ({"folder": "srv", "content": "x"}, "allowed: an absolute path"),
        ({"folder": "/srv", "content": "name = "}, "correct that line"),
    ],
)
def test_a_wrong_form_says_what_to_do(empty, fields, said):
    answer = send(empty, empty.browser(Role.ADMIN), "/register", "/register", {"upload": ("", "")}, **fields)
    assert answer.status_code == 400
    assert said in answer.text


def test_operators_cannot_register_with_a_form_of_their_own(served):
    browser = served.browser(Role.OPERATOR)
    answer = send(served, browser, "/models/toy", "/register", folder="/srv", content="x")
    assert answer.status_code == 403


def test_the_evidence_is_shown_before_values_are_adopted_and_nothing_else_is(served):
    browser = served.browser(Role.OPERATOR)
    text = browser.get(f"{served.url}/models/toy/adopt", timeout=30).text
    assert "Nothing is changed yet." in text
    assert "The stored settings are stale" in text
    assert find_model(served.desk.store, "toy").settings_version == 1
    adopted = send(served, browser, "/models/toy/adopt", "/models/toy/adopt", why="it is better")
    assert "Settings v2 are current now." in adopted.text
    shown = browser.get(f"{served.url}/models/toy/rollback?to=1", timeout=30).text
    assert Hidden(shown).fields["to"] == "1"
    back = send(served, browser, "/models/toy/rollback?to=1", "/models/toy/rollback")
    assert "Settings v3 are current now." in back.text
    audit = served.browser(Role.ADMIN).get(f"{served.url}/audit?name=toy", timeout=30).text
    assert "it is better" in audit


def test_a_token_is_shown_once_works_and_ends_its_sessions_when_it_is_revoked(served):
    admin = served.browser(Role.ADMIN)
    made = send(served, admin, "/settings", "/settings/tokens", name="grafana", role="viewer")
    secret = re.search(r"shown this once: (rtn_[^<\s]+)", made.text)[1]
    assert secret not in admin.get(f"{served.url}/settings", timeout=30).text
    grafana = requests.Session()
    assert grafana.post(f"{served.url}/sign-in", data={"token": secret}, timeout=30).status_code == 200
    ended = send(served, admin, "/settings", "/settings/tokens/grafana/revoke")
    assert "Token grafana is revoked" in ended.text
    assert "sign in" in grafana.get(f"{served.url}/", timeout=30).text


def test_operators_see_no_token_and_make_none(served):
    browser = served.browser(Role.OPERATOR)
    assert "Create a token" not in browser.get(f"{served.url}/settings", timeout=30).text
    answer = send(served, browser, "/settings", "/settings/tokens", name="mine", role="admin")
    assert answer.status_code == 403
    assert "mine" not in {token.name for token in list_tokens(served.desk.store)}


def test_an_administrator_ends_any_session_and_others_their_own_alone(served):
    admin, viewer = served.browser(Role.ADMIN), served.browser(Role.VIEWER)
    numbers = _sessions(served, admin)
    assert len(numbers) == 2
    own = _sessions(served, viewer)
    assert len(own) == 1
    foreign = next(number for number in numbers if number not in own)
    refused = send(served, viewer, "/settings", f"/settings/sessions/{foreign}/end")
    assert refused.status_code == 404
    assert "The session has ended." in send(served, admin, "/settings", f"/settings/sessions/{own[0]}/end").text
    assert "sign in" in viewer.get(f"{served.url}/", timeout=30).text


def _sessions(served, browser):
    return re.findall(r"/settings/sessions/(\w+)/end", browser.get(f"{served.url}/settings", timeout=30).text)


def test_a_test_message_to_an_unknown_channel_is_refused_and_needs_the_forms_token(served):
    browser = served.browser(Role.OPERATOR)
    unknown = send(served, browser, "/models/toy", "/settings/channels/none/test")
    assert "no channel is called" in unknown.text
    forged = browser.post(f"{served.url}/settings/channels/none/test", data={"csrf": "x"}, timeout=30)
    assert forged.status_code == 403


def test_doctor_says_line_by_line_what_it_finds(served):
    text = served.browser(Role.OPERATOR).get(f"{served.url}/doctor", timeout=60).text
    assert "● ok" in text
    assert "database" in text


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=%C3%A9&c=", {"a": "1", "b": "\xe9", "c": ""}),
        ("", b"a=1", {"a": "1"}),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\n2\r\n--x--\r\n',
         {"a": "1\n2"}),
        ("multipart/form-data", b"--x\r\n", {}),  # no boundary is named
        ("multipart/form-data; boundary=x", b"nothing", {}),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data\r\n\r\n1\r\n--x--", {}),
    ],
)  # fmt: skip
def test_both_encodings_of_forms_are_read(kind, body, expected):
    assert fields_of(kind, body) == expected


def test_a_form_has_only_so_many_fields():
    body = "&".join(f"a{number}=1" for number in range(MOST_FIELDS + 1)).encode()
    with pytest.raises(InputError, match="too many fields"):
        fields_of("application/x-www-form-urlencoded", body)

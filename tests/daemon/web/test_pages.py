"""The pages: real requests on the loopback; who sees what, what forms do, and what a hostile page gets."""

import re
import shutil
import socket
import time
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retuned.daemon.api.routes import PREFIX
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.running_service import read_place
from retuned.daemon.state.tokens import Caller, Role, create_token, list_tokens, revoke_token
from retuned.daemon.web.pages import ADMINS_VIEWS, OPERATORS_VIEWS, VIEWS, add_pages
from retuned.daemon.web.sessions import IDLE_ENDS_AFTER, LINK_HOLDS, MOST_FAILURES, MOST_SESSIONS, Sessions
from retuned.daemon.web.sign_in_link import sign_in_link
from retuned.strategies.errors import InputError

PATHS = [path.format(name="toy") for path in VIEWS] + ["/settings"]
OPERATORS = [path.format(name="toy") for path in OPERATORS_VIEWS]
VOID = frozenset({"meta", "link", "input", "br", "polyline", "line"})


class Outline(HTMLParser):
    """What a page consists of; fails on tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.loaded, self.scripts, self.fields = [], [], [], [], {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append(tag)
        self.loaded += [named[name] for name in ("src", "href", "action") if name in named]
        self.scripts += [named.get("src")] if tag == "script" else []
        assert "style" not in named
        assert not any(name.startswith("on") for name in named)
        if tag == "input" and named.get("type") == "hidden":
            self.fields[named["name"]] = named["value"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def read_only(judged, new_desk, tmp_path_factory, serve):
    """For tests that only read."""
    folder = tmp_path_factory.mktemp("pages") / "desk"
    shutil.copytree(judged.folder, folder)
    made = serve(new_desk(folder), add_pages=add_pages)
    yield made
    made.api.stop()


@pytest.mark.parametrize(
    "path", [*PATHS, *OPERATORS, *ADMINS_VIEWS, "/doctor", "/campaigns/2", "/models/toy/plan", "/nothing"]
)
def test_who_is_not_signed_in_is_told_nothing(read_only, path):
    answer = requests.get(read_only.url + path, timeout=30)
    assert "toy" not in answer.text
    assert answer.url.endswith("/sign-in") or answer.status_code == 404


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
@pytest.mark.parametrize("path", PATHS)
def test_each_page_is_whole_and_asks_for_nothing_from_elsewhere(read_only, path, role):
    answer = read_only.browser(role).get(read_only.url + path, timeout=30)
    assert answer.status_code == 200
    outline = Outline(answer.text)
    assert outline.scripts == ["/scripts/local_times.js"]
    assert "style" not in outline.tags
    assert all(address.startswith(("/", "#", "data:,")) for address in outline.loaded)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_fleet_says_how_it_is_and_what_staying_costs(read_only):
    text = read_only.browser(Role.VIEWER).get(f"{read_only.url}/", timeout=30).text
    assert "0 of 1 model fresh, 1 stale." in text
    assert re.search(r"loses [\d.]+ score, at least [\d.]+", text)
    assert 'title="' in text
    assert "stale" in text


@pytest.mark.parametrize(
    ("query", "is_there"),
    [("q=to", True), ("q=%25", False), ("q=zzz", False), ("owner=tests", True), ("owner=nobody", False),
     ("verdict=stale", True), ("verdict=fresh", False), ("verdict=nonsense", True), ("page=2", False),
     ("page=-1", True), ("sort=owner", True), ("sort=;drop", True)],
)  # fmt: skip
def test_the_fleet_is_filtered_by_its_address(read_only, query, is_there):
    text = read_only.browser(Role.VIEWER).get(f"{read_only.url}/?{query}", timeout=30).text
    assert ('href="/models/toy"' in text) is is_there


def test_viewers_see_neither_forms_nor_paths_and_may_not_act(read_only):
    browser = read_only.browser(Role.VIEWER)
    text = browser.get(f"{read_only.url}/models/toy", timeout=30).text
    assert Outline(text).fields == {}
    assert str(read_only.desk.folder) not in text
    answer = browser.post(f"{read_only.url}/models/toy/pause", data={"csrf": "x"}, timeout=30)
    assert answer.status_code == 403
    assert find_model(read_only.desk.store, "toy").state == "active"


def test_a_campaign_that_is_over_is_shown_as_its_report(read_only):
    answer = read_only.browser(Role.VIEWER).get(f"{read_only.url}/campaigns/3", timeout=60)
    assert answer.status_code == 200
    assert "toy: STALE" in answer.text
    assert str(read_only.desk.folder) not in answer.text


@pytest.mark.parametrize(
    "path", ["/models/none", "/campaigns/99", "/campaigns/x", "/alerts?cursor=x", "/models/none/plan"]
)
def test_what_does_not_exist_is_said_on_a_page(read_only, path):
    answer = read_only.browser(Role.VIEWER).get(read_only.url + path, timeout=30)
    assert answer.status_code in (400, 404)
    assert "That is not possible" in answer.text


def test_a_form_acts_wakes_the_service_and_says_so_once(served):
    browser = served.browser(Role.OPERATOR)
    fields = Outline(browser.get(f"{served.url}/models/toy", timeout=30).text).fields
    origin = {"origin": served.url}
    answer = browser.post(f"{served.url}/models/toy/pause", data=fields, headers=origin, timeout=30)
    assert "toy is paused now." in answer.text
    assert find_model(served.desk.store, "toy").state == "paused"
    assert served.woken == [True]
    assert "toy is paused now." not in browser.get(f"{served.url}/models/toy", timeout=30).text


def test_a_form_may_leave_fields_empty_and_a_wrong_value_is_refused(served):
    browser = served.browser(Role.OPERATOR)
    fields = Outline(browser.get(f"{served.url}/models/toy", timeout=30).text).fields
    wrong = browser.post(f"{served.url}/models/toy/retune", data={**fields, "seed": "many"}, timeout=30)
    assert wrong.status_code == 400
    assert "seed" in wrong.text
    empty = {"budget_s": "", "seed": "7", "strategy": ""}
    right = browser.post(f"{served.url}/models/toy/retune", data={**fields, **empty}, timeout=30)
    assert re.search(r"Re-evaluation \d+ is queued", right.text)


def test_a_look_for_changes_says_what_it_saw(served):
    browser = served.browser(Role.OPERATOR)
    fields = Outline(browser.get(f"{served.url}/models/toy", timeout=30).text).fields
    text = browser.post(f"{served.url}/models/toy/look", data={"csrf": fields["csrf"]}, timeout=120).text
    assert re.search(r"Looked just now\. \w+: [^;]+; ", text)
    forged = browser.post(f"{served.url}/models/toy/look", data={"csrf": "guess"}, timeout=30)
    assert forged.status_code == 403


def test_an_alert_is_answered_on_its_page(served):
    browser = served.browser(Role.OPERATOR)
    text = browser.get(f"{served.url}/alerts", timeout=30).text
    number = re.search(r'action="/alerts/(\d+)/ack"', text)[1]
    fields = {**Outline(text).fields, "length": "14d", "reason": "known & <harmless>"}
    snoozed = browser.post(f"{served.url}/alerts/{number}/snooze", data=fields, timeout=30)
    assert "1 alert snoozed." in snoozed.text
    assert "known &amp; &lt;harmless&gt;" in snoozed.text
    awake = browser.post(f"{served.url}/alerts/{number}/unsnooze", data={"csrf": fields["csrf"]}, timeout=30)
    assert "1 alert no longer snoozed." in awake.text
    answered = browser.post(f"{served.url}/alerts/{number}/ack", data={"csrf": fields["csrf"]}, timeout=30)
    assert "1 alert acknowledged." in answered.text
    wrong = browser.post(f"{served.url}/alerts/x/ack", data={"csrf": fields["csrf"]}, timeout=30)
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        ({}, {}, 403),  # a stolen cookie does not know the form's token
        ({"csrf": "guess"}, {}, 403),
        (None, {"origin": "https://evil.example"}, 403),  # a page of elsewhere
        (None, {"origin": "null"}, 403),
        (None, {"host": "evil.example"}, 421),  # a name that was made to point here
    ],
)
def test_a_form_of_elsewhere_gets_nowhere(served, data, headers, status):
    browser = served.browser(Role.ADMIN)
    fields = Outline(browser.get(f"{served.url}/models/toy", timeout=30).text).fields
    sent = fields if data is None else data
    answer = browser.post(f"{served.url}/models/toy/pause", data=sent, headers=headers, timeout=30)
    assert answer.status_code == status
    assert find_model(served.desk.store, "toy").state == "active"


def test_who_is_refused_while_the_body_is_on_its_way_gets_to_read_why(served):
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 20\r\n\r\n")
        for _ in range(2):  # each arrives after the head was looked at
            time.sleep(0.2)
            connection.sendall(b"x" * 10)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b" 421 " in answer.splitlines()[0]
    assert b"the Host header is 'evil.example'" in answer


def test_the_addresses_of_programs_take_nothing_from_our_own_pages_either(served):
    headers = {"origin": served.url, "authorization": f"Bearer {served.secrets[Role.ADMIN]}"}
    answer = requests.post(f"{served.url}{PREFIX}/models/toy/pause", headers=headers, timeout=30)
    assert answer.status_code == 403


def test_verbs_that_no_form_has_are_no_actions_of_the_pages(served):
    browser = served.browser(Role.ADMIN)
    fields = Outline(browser.get(f"{served.url}/models/toy", timeout=30).text).fields
    answer = browser.post(f"{served.url}/models/toy/remove", data=fields, timeout=30)
    assert answer.status_code == 404


def test_a_revoked_token_ends_its_sessions_and_signing_out_ends_this_one(served):
    viewer, admin = served.browser(Role.VIEWER), served.browser(Role.ADMIN)
    revoke_token(served.desk.store, "viewer", SystemClock().now())
    assert "sign in" in viewer.get(f"{served.url}/", timeout=30).text
    assert "Is the fleet fresh?" in admin.get(f"{served.url}/", timeout=30).text
    cookie = admin.cookies["retuned_session"]
    admin.post(f"{served.url}/sign-out", timeout=30)
    again = requests.get(f"{served.url}/", cookies={"retuned_session": cookie}, timeout=30)
    assert "sign in" in again.text


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(served):
    data = {"token": served.secrets[Role.VIEWER]}
    answer = requests.post(f"{served.url}/sign-in", data=data, timeout=30, allow_redirects=False)
    told = answer.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert "secure" not in told.replace("samesite", "")


def test_who_pretends_to_be_a_proxy_is_not_believed(served):
    data, pretended = {"token": served.secrets[Role.VIEWER]}, {"x-forwarded-proto": "https"}
    answer = requests.post(f"{served.url}/sign-in", data=data, headers=pretended, timeout=30, allow_redirects=False)
    assert "; secure" not in answer.headers["set-cookie"].lower()


def test_a_proxy_of_ours_says_that_it_was_asked_with_tls(judged_copy, serve):
    made = serve(judged_copy, add_pages=add_pages, behind_proxy=True, trusted=("127.0.0.1",))
    data, told = {"token": made.secrets[Role.VIEWER]}, {"x-forwarded-proto": "https"}
    answer = requests.post(f"{made.url}/sign-in", data=data, headers=told, timeout=30, allow_redirects=False)
    made.api.stop()
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_the_command_line_makes_a_link_that_is_good_once(served):
    link = sign_in_link(read_place(served.desk.config.state))
    first, second = requests.Session(), requests.Session()
    assert "Is the fleet fresh?" in first.get(link, timeout=30).text
    answer = second.get(link, timeout=30)
    assert answer.status_code == 401
    assert "used already" in answer.text


def test_without_a_token_nobody_gets_a_link(served):
    place = read_place(served.desk.config.state)
    with pytest.raises(InputError, match="token is unknown"):
        sign_in_link(type(place)(place.url, "rtn_wrong"))


def test_after_many_wrong_tokens_nobody_may_try_for_a_minute(served):
    answers = [
        requests.post(f"{served.url}/sign-in", data={"token": f"rtn_{number}"}, timeout=30).status_code
        for number in range(MOST_FAILURES + 1)
    ]
    assert answers == [401] * MOST_FAILURES + [429]
    right = requests.post(f"{served.url}/sign-in", data={"token": served.secrets[Role.ADMIN]}, timeout=30)
    assert right.status_code == 429


def test_a_session_uses_its_token(desk):
    sessions, now = Sessions(), SystemClock().now()
    secret = create_token(desk.store, "grafana", "viewer", now).secret
    cookie = sessions.begin_with_token(desk.store, secret, now)
    sessions.session_of(desk.store, cookie, now + timedelta(hours=1))
    (token,) = list_tokens(desk.store)
    assert token.last_used_at == now + timedelta(hours=1)


def test_links_and_sessions_end_and_there_are_only_so_many(desk):
    sessions, caller, now = Sessions(), Caller("me", Role.ADMIN), SystemClock().now()
    link = sessions.link(caller, now)
    assert sessions.begin_with_link(link, now + LINK_HOLDS) is None
    cookies = [sessions.begin_with_link(sessions.link(caller, now), now) for _ in range(MOST_SESSIONS + 1)]
    alive = [cookie for cookie in cookies if sessions.session_of(desk.store, cookie, now) is not None]
    assert len(alive) == MOST_SESSIONS
    assert sessions.session_of(desk.store, alive[0], now + IDLE_ENDS_AFTER + timedelta(seconds=1)) is None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["q", "owner", "verdict", "sort", "page", "cursor", "model"]), st.text(max_size=40))
)
def test_no_address_makes_a_page_fail(read_only, query):
    browser = _signed_in(read_only)
    answers = [browser.get(read_only.url + path, params=query, timeout=30) for path in ("/", "/alerts", "/schedule")]
    assert max(answer.status_code for answer in answers) < 500


def _signed_in(read_only):
    if not hasattr(read_only, "known"):
        read_only.known = read_only.browser(Role.OPERATOR)
    return read_only.known


def test_what_owners_and_models_are_called_is_only_text(served):
    served.desk.write_model(top='name = "toy"\nowner = "<script>alert(1)</script>\\u202e"')
    served.desk.register(top='name = "toy"\nowner = "<script>alert(1)</script>\\u202e"')
    text = served.browser(Role.VIEWER).get(f"{served.url}/", timeout=30).text
    assert "<script>" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text

"""The HTTP API: real requests on the loopback; who may do what, and what is sent back for nonsense."""

import asyncio
import functools
import json
import os
import resource
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retuned.daemon.api import connections
from retuned.daemon.api.client import remote
from retuned.daemon.api.compute_queue import Busy, ComputeQueue
from retuned.daemon.api.routes import PREFIX, ROUTES
from retuned.daemon.api.server import Api
from retuned.daemon.api.wire import arguments_of
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import ApiTable, Config
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.running_service import read_place
from retuned.daemon.state.tokens import Role, revoke_token
from retuned.strategies.errors import StateError

NAMED = {"alert": 999, "name": "toy", "named": "toy", "campaign": "2", "channel": "ops"}


@pytest.fixture
def served(judged_copy, serve):
    made = serve(judged_copy)
    yield made
    made.api.stop()


@pytest.fixture(scope="module")
def read_only(served_by_module):
    """For tests that only read."""
    return served_by_module


def is_one_line(answer):
    told = answer.json()
    texts = {name: text for name, text in told.items() if name != "status"}
    is_whole = set(texts) == {"type", "title", "detail", "found", "allowed", "remedy"}
    return is_whole and told["status"] == answer.status_code and "\n" not in "".join(texts.values())


def test_the_place_is_written_down_for_the_own_user_alone_and_taken_away_at_the_end(judged_copy, serve):
    made = serve(judged_copy)
    place = judged_copy.config.state / "api.json"
    found = json.loads(place.read_text())
    assert found["url"] == made.url
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    answer = requests.get(
        f"{made.url}{PREFIX}/models", headers={"authorization": f"Bearer {found['token']}"}, timeout=9
    )
    assert answer.status_code == 200
    made.api.stop()
    assert not place.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{made.url}/healthz", timeout=9)


def is_only_reading_or_refused(route, role):
    """What acts is done by the tests of verbs, not to what other tests read."""
    return role is None or role < route.role or not route.is_acting


ASKED = [(route, role) for route in ROUTES for role in (None, *Role) if is_only_reading_or_refused(route, role)]


@pytest.mark.parametrize(("route", "role"), ASKED, ids=lambda one: getattr(one, "verb", getattr(one, "word", "nobody")))
def test_a_verb_is_open_to_its_role_and_those_above(read_only, route, role):
    answer = read_only.ask(route.method, route.path.format(**NAMED), role)
    expected = 401 if role is None else 403 if role < route.role else 200
    assert answer.status_code == expected
    assert expected == 200 or is_one_line(answer)


@pytest.mark.parametrize("secret", ["", "Bearer", "Bearer ", "Bearer rtn_wrong", "Basic cm9vdDpyb290", "rtn_x"])
def test_without_a_good_token_nothing_is_told(read_only, secret):
    answer = read_only.ask("GET", f"{PREFIX}/models", None, {"authorization": secret} if secret else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "toy" not in answer.text


def test_a_revoked_token_is_refused_at_once(served):
    assert served.ask("GET", f"{PREFIX}/models").status_code == 200
    revoke_token(served.desk.store, "viewer", SystemClock().now())
    assert served.ask("GET", f"{PREFIX}/models").status_code == 401


def test_an_acting_verb_acts_and_wakes_the_service(served):
    assert served.ask("POST", f"{PREFIX}/models/toy/pause", Role.OPERATOR).status_code == 200
    assert find_model(served.desk.store, "toy").state == "paused"
    assert served.woken == [True]
    served.ask("GET", f"{PREFIX}/models")
    assert served.woken == [True]


def test_a_look_is_made_by_the_service_which_is_woken(served):
    answer = served.ask("POST", f"{PREFIX}/models/toy/look", Role.OPERATOR)
    assert answer.status_code == 200
    assert [part["part"] for part in answer.json()["parts"]] == ["data", "code", "environment"]
    assert served.woken == [True]
    assert served.ask("POST", f"{PREFIX}/models/none/look", Role.OPERATOR).status_code == 404


def test_a_web_page_of_elsewhere_gets_nowhere(served):
    path = f"{PREFIX}/models/toy/retire"
    evil = {"host": "evil.example.org"}
    assert served.ask("GET", f"{PREFIX}/models", Role.ADMIN, evil).status_code == 421
    assert served.ask("POST", path, Role.ADMIN, {"origin": "http://evil.example.org"}).status_code == 403
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert served.ask("POST", path, Role.ADMIN, form, data="a=b").status_code == 415
    assert served.ask("OPTIONS", path, None).status_code in (401, 405)
    assert find_model(served.desk.store, "toy").state == "active"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("PUT", "/models", None, 405),
        ("GET", "/models/none", None, 404),
        ("POST", "/models/toy/retune", b"{", 400),
        ("POST", "/models/toy/retune", b"[1]", 400),
        ("POST", "/models/toy/retune", b'{"seed": "one"}', 400),
        ("POST", "/models/toy/retune", b'{"seed": -1}', 400),
        ("POST", "/models/toy/retune", b'{"sead": 1}', 400),
        ("POST", "/models/toy/confirm", b'{"campaign": 99}', 400),
        ("POST", "/models", b'{"content": "name = 1", "file": "/x/model.toml"}', 400),
        ("POST", "/models", b'{"content": "", "file": "model.toml"}', 400),
        ("POST", "/models/toy/pause", b"x" * ((1 << 20) + 1), 413),
        ("GET", "/schedule?months=0", None, 400),
        ("GET", "/schedule?months=many", None, 400),
        ("GET", "/models?limit=0", None, 400),
        ("GET", "/models?limit=1001", None, 400),
        ("GET", "/alerts?limit=many", None, 400),
        ("GET", "/alerts?limit=1e400", None, 400),
        ("GET", "/alerts?cursor=nonsense", None, 400),
        ("GET", "/schedule?cursor=%ED%A0%80", None, 400),
        ("GET", "/models/toy/history?cursor=" + "W" * 3000, None, 400),
        ("GET", "/models/toy/history?order=random", None, 400),
        ("GET", "/models/toy/drift?cursor=WyJkcmlmdCBvbGRlc3QiLDFlNDAwXQ", None, 400),
        ("GET", "/campaigns/many", None, 400),
        ("GET", "/models/toy/proposed?campaign=" + "9" * 20, None, 400),
        ("GET", "/models/toy/proposed?campaign=" + "9" * 5000, None, 400),
        ("GET", "/models/toy/proposed?to=-" + "9" * 20, None, 400),
        ("GET", "/campaigns/" + "9" * 20, None, 400),
        ("POST", "/alerts/" + "9" * 20 + "/ack", None, 400),
    ],
)
def test_nonsense_is_answered_in_one_line(served, method, path, body, status):
    answer = served.ask(method, PREFIX + path, Role.ADMIN, {"content-type": "application/json"}, data=body)
    assert answer.status_code == status, answer.text
    assert is_one_line(answer)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_no_bytes_bring_it_down(read_only, content):
    host, _, port = read_only.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert requests.get(f"{read_only.url}/healthz", timeout=10).text == "ok\n"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=9), st.lists, max_leaves=4))
def test_any_argument_is_taken_or_refused(read_only, value):
    content = json.dumps({"to": value})
    headers = {"content-type": "application/json"}
    answer = read_only.ask("POST", f"{PREFIX}/models/none/rollback", Role.ADMIN, headers, data=content)
    assert answer.status_code in (400, 404)
    assert is_one_line(answer)


def test_health_and_metrics_are_there_for_monitoring(read_only):
    assert read_only.ask("GET", "/healthz", None).text == "ok\n"
    assert read_only.ask("GET", "/metrics", None).status_code == 401
    answer = read_only.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "retuned_campaigns" in answer.text


def test_the_addresses_are_described_and_nothing_comes_from_elsewhere(read_only):
    assert read_only.ask("GET", "/docs").status_code == 404
    described = read_only.ask("GET", f"{PREFIX}/openapi.json").json()
    assert {route.path for route in ROUTES} <= set(described["paths"])
    assert read_only.ask("GET", f"{PREFIX}/openapi.json", None).json() == described  # it says nothing of this service


def test_addresses_of_webhooks_are_for_admins(read_only):
    assert "token-4711" not in read_only.ask("GET", f"{PREFIX}/models/toy", Role.OPERATOR).text
    assert "token-4711" in read_only.ask("GET", f"{PREFIX}/models/toy", Role.ADMIN).text


def test_a_socket_in_the_file_system_serves_as_well(judged_copy, serve):
    path = judged_copy.folder / "api.sock"
    made = serve(judged_copy, f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in connection.recv(65536)
    made.api.stop()
    assert not path.exists()


def test_switched_off_nobody_listens(judged_copy):
    config = Config(state=judged_copy.config.state, api=ApiTable(listen="off"))
    api = Api(judged_copy.config.state, config, SystemClock(), lambda: None)
    assert api.start() is None
    assert not (judged_copy.config.state / "api.json").exists()
    api.stop()


def test_a_port_that_is_taken_is_told(read_only, judged_copy):
    config = Config(state=judged_copy.config.state, api=ApiTable(listen=read_only.url.removeprefix("http://")))
    with pytest.raises(StateError, match=r"cannot listen on 127\.0\.0\.1"):
        Api(judged_copy.config.state, config, SystemClock(), lambda: None).start()


NASTY = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(st.characters(), max_size=9)
    | st.sampled_from(["\ud800", "a\udfff", "\0", "x" * 5000, 2**63, -(2**63) - 1, 2**53 + 1, 10**400, 1e308, ""])
)
NASTY_JSON = st.recursive(
    NASTY, lambda parts: st.lists(parts) | st.dictionaries(st.text(max_size=5), parts), max_leaves=5
)
ACTING = [route for route in ROUTES if route.is_acting and route.verb not in ("backup", "token_create", "token_revoke")]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=NASTY_JSON)
@pytest.mark.parametrize("route", ACTING, ids=lambda route: route.verb)
def test_no_value_of_json_is_a_fault_of_the_service(read_only, route, value):
    names = [name for name in arguments_of(route.verb).model_fields if name not in route.in_path] or ["none"]
    path = route.path.format(name="none", named="none", campaign="99", channel="none", alert="999")
    for name in names:
        content = json.dumps({name: value})  # lone surrogates as escapes, NaN as such
        headers = {"content-type": "application/json"}
        answer = read_only.ask(route.method, path, Role.ADMIN, headers, data=content)
        assert 400 <= answer.status_code < 500, (name, answer.text)
        assert is_one_line(answer)


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("/models/toy/retune", '{"seed": true}', "seed is true"),
        ("/models/toy/retune", '{"seed": 9223372036854775808}', "seed is 9223372036854775808"),
        ("/models/toy/retune", '{"seed": 1' + "0" * 5000 + "}", "seed is 9223372036854775808"),
        ("/models/toy/confirm", '{"campaign": 1e400}', "campaign is inf"),
        ("/models/toy/retune", '{"strategy": "\\ud800"}', "strategy is '\\ud800'"),
        ("/models/toy/retune", '{"\\ud800": 1}', "no argument '\\ud800'"),
        ("/models/toy/retune", '{"strategy": ' + "[" * 500 + "]" * 500 + "}", "strategy"),
    ],
)
def test_numbers_and_texts_have_bounds(read_only, path, body, found):
    answer = read_only.ask("POST", PREFIX + path, Role.ADMIN, {"content-type": "application/json"}, data=body)
    assert answer.status_code == 400
    assert found in answer.json()["found"] or found in answer.text


def test_the_name_of_a_revoked_token_may_be_used_again(served):
    ask = functools.partial(served.ask, role=Role.ADMIN, headers={"content-type": "application/json"})
    first = ask("POST", f"{PREFIX}/tokens", data='{"name": "grafana", "role": "viewer"}').json()
    assert ask("DELETE", f"{PREFIX}/tokens/grafana").status_code == 200
    second = ask("POST", f"{PREFIX}/tokens", data='{"name": "grafana", "role": "operator"}')
    assert second.status_code == 200
    names = [token["name"] for token in ask("GET", f"{PREFIX}/tokens").json()]
    assert sum(name.startswith("grafana (revoked 2") for name in names) == 1
    assert names.count("grafana") == 1
    assert first != second.json()


def resolved(schema, described):
    """The schema behind a reference."""
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_answers_have_the_fields_that_their_description_names(read_only):
    described = read_only.ask("GET", f"{PREFIX}/openapi.json").json()
    for route in ROUTES:
        if route.is_acting or route.verb in ("plan", "report"):
            continue
        answer = read_only.ask("GET", route.path.format(**NAMED), Role.ADMIN)
        assert answer.status_code == 200
        schema = described["paths"][route.path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        schema, value = resolved(schema, described), answer.json()
        if schema.get("type") == "array":
            assert isinstance(value, list), route.verb
            schema, value = resolved(schema["items"], described), value[0] if value else None
        if value is not None:
            assert set(value) <= set(schema["properties"]), route.verb
            assert set(schema.get("required", ())) <= set(value), route.verb


LISTS = [("/models", "models"), ("/alerts", "alerts"), ("/schedule", "dates"), ("/models/toy/history", "campaigns"),
         ("/models/toy/drift", "points")]  # fmt: skip


@pytest.mark.parametrize(("path", "rows"), LISTS)
def test_a_list_comes_in_pages_with_a_cursor(read_only, path, rows):
    whole = read_only.ask("GET", PREFIX + path).json()
    assert whole["next"] is None
    found, cursor = [], ""
    while cursor is not None:
        page = read_only.ask("GET", f"{PREFIX}{path}?limit=1{cursor and f'&cursor={cursor}'}").json()
        found, cursor = found + page[rows], page["next"]
        assert len(page[rows]) <= 1
    assert found == whole[rows]


def test_the_description_tells_the_bounds_of_a_page(read_only):
    described = read_only.ask("GET", f"{PREFIX}/openapi.json").json()
    for path, _ in LISTS:
        arguments = described["paths"][f"{PREFIX}{path.replace('toy', '{name}')}"]["get"]["parameters"]
        limit = next(one["schema"] for one in arguments if one["name"] == "limit")
        assert (limit["type"], limit["minimum"], limit["maximum"], limit["default"]) == ("integer", 1, 1000, 100)
        assert "cursor" in {one["name"] for one in arguments}


def test_the_own_users_command_line_has_a_socket_of_its_own(served):
    place = read_place(served.desk.config.state)
    path = Path(place.local.removeprefix("unix:"))
    assert path == served.desk.config.state / f"api.{os.getpid()}.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert remote(replace(place, url="http://127.0.0.1:9")).models().models
    assert remote(replace(place, local=f"unix:{path}.gone")).models().models  # the other way is left
    served.api.stop()
    assert not path.exists()


def test_a_state_folder_whose_path_is_too_long_for_a_socket_is_served_all_the_same(judged_copy):
    deep = judged_copy.folder / ("d" * 110)
    judged_copy.config.state.rename(deep)
    api = Api(deep, Config(state=deep, api=ApiTable(listen="127.0.0.1:0")), SystemClock(), lambda: None)
    api.start()
    try:
        assert read_place(deep).local == ""
        assert remote(read_place(deep)).models().models
    finally:
        api.stop()


def opened(url, content=b""):
    """A connection that has sent this much."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(content)
    return connection


def test_neither_silent_nor_slow_clients_keep_others_out(served):
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(most, 4096) if most != resource.RLIM_INFINITY else 4096
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, wanted), most))
    half = b"POST /api/v1/models/toy/pause HTTP/1.1\r\nHost: localhost\r\n"
    slow = half + b"Content-Length: 100\r\nContent-Type: application/json\r\n\r\n{"
    try:
        clients = [opened(served.url) for _ in range(500)]
        clients += [opened(served.url, half) for _ in range(200)]
        clients += [opened(served.url, slow) for _ in range(200)]
        for _ in range(3):
            assert served.ask("GET", f"{PREFIX}/models/toy").status_code == 200
            assert remote(read_place(served.desk.config.state)).models().models
        for client in clients:
            client.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))


def test_a_header_that_does_not_arrive_has_a_deadline(served, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_TIMEOUT_S", 0.3)
    with opened(served.url, b"GET /healthz HTTP/1.1\r\nHo") as half, opened(served.url) as silent:
        assert half.recv(1000) == b""
        assert silent.recv(1000) == b""


def test_errors_of_accept_are_logged_once_a_minute(capsys):
    quiet = connections.QuietErrors()
    for _ in range(1000):
        quiet(None, {"message": "socket.accept() out of system resource", "exception": OSError(24, "too many")})
    assert (capsys.readouterr().err + capsys.readouterr().out).count("api_failed_to_accept") <= 1


def test_computations_wait_for_their_turn_and_equal_ones_are_shared():
    async def scene():
        queue, begun, go = ComputeQueue(), [], threading.Event()

        def compute(key):
            begun.append(key)
            assert go.wait(30)
            return key.encode()

        def ask(caller, key):
            return asyncio.ensure_future(queue.answer(caller, key, lambda: compute(key)))

        asked = [ask("anna", "same") for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="'anna' are waiting already"):
            await queue.answer("anna", "other", lambda: b"")
        others = [ask(f"caller {n}", f"key {n}") for n in range(15)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match="16 such requests are waiting"):
            await queue.answer("berta", "one more", lambda: b"")
        assert len(begun) == 2
        go.set()
        assert await asyncio.gather(*asked) == [b"same"] * 4
        assert len(await asyncio.gather(*others)) == 15
        assert begun.count("same") == 1
        assert await queue.answer("anna", "later", lambda: b"x") == b"x"  # nothing is remembered
        queue.stop()

    asyncio.run(scene())


def test_a_computation_that_fails_fails_for_all_who_asked():
    async def scene():
        queue = ComputeQueue()

        def fail():
            raise StateError("no luck")

        asked = [queue.answer(str(n), "same", fail) for n in range(3)]
        assert [str(error) for error in await asyncio.gather(*asked, return_exceptions=True)] == ["no luck"] * 3
        queue.stop()

    asyncio.run(scene())


def test_many_plans_at_once_hold_up_no_other_verb(served):
    url, headers = f"{served.url}{PREFIX}/models/toy/plan", {"authorization": f"Bearer {served.secrets[Role.VIEWER]}"}
    with ThreadPoolExecutor(24) as pool:
        plans = [pool.submit(requests.get, url, headers=headers, timeout=120) for _ in range(24)]
        for _ in range(3):
            assert served.ask("GET", f"{PREFIX}/status").status_code == 200
        answers = [plan.result() for plan in plans]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(answer.headers["retry-after"] == "2" for answer in answers if answer.status_code == 429)


def test_a_model_is_removed_by_an_admin_and_it_is_on_record_by_whom(served):
    path, headers = f"{PREFIX}/models/toy", {"content-type": "application/json"}
    assert served.ask("DELETE", path, Role.OPERATOR).status_code == 403
    assert served.ask("DELETE", path, Role.ADMIN).status_code == 409
    answer = served.ask("DELETE", path, Role.ADMIN, headers, data=b'{"retire": true}')
    assert answer.status_code == 200
    assert (answer.json()["campaigns"], answer.json()["removed_by"]) == ([1, 2, 3], "admin")
    assert served.ask("GET", path).status_code == 404

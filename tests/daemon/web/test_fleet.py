"""The page of the fleet: how each model stands and why, what models have in common, what is new since the last look."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
import requests
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.change_mark import ChangeMark
from retuned.daemon.state.faults import set_fact
from retuned.daemon.state.last_looks import A_VISIT, note_look, since_then
from retuned.daemon.state.models.fleet import Condition, Wanted, fleet_page
from retuned.daemon.state.store import to_text
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.fleet_view import back_to, reasons_of, said_since
from retuned.daemon.web.kept import MOST, Kept

NOW = SystemClock().now()
LATE = NOW - timedelta(days=1)
LINE = "UPDATE campaigns SET verdict = json_set(verdict, {}) WHERE verdict IS NOT NULL"


def change(store, *statements):
    with store.transaction():
        for statement in statements:
            store.change(statement)


def only_row(store):
    (rows, count) = fleet_page(store, Wanted(), 10, LATE)
    assert count == 1
    return rows[0]


def overdue(days):
    return DUE.format(to_text(NOW - timedelta(days=days)))


DUE = "UPDATE models SET next_due_at = '{}'"
FRESH = LINE.format("'$.outcome', 'fresh'")
DEGRADED = LINE.format("'$.outcome', 'degraded'")
INCONCLUSIVE = LINE.format("'$.outcome', 'inconclusive'")
SUSPECT = LINE.format("'$.suspicions', json('[\"column load: 3 values of 1e9\"]')")
NO_VERDICT = "UPDATE campaigns SET verdict = NULL"
GIVEN_UP = "UPDATE outbox SET state = 'dead', last_error = 'HTTP status 410'"


@pytest.mark.parametrize(
    ("changes", "condition", "reason"),
    [
        ((), Condition.STALE, "loses"),
        ((overdue(12),), Condition.STALE, "due for 12 days, and nothing is queued"),  # the worse one is its state
        ((FRESH,), Condition.FRESH, ""),
        ((FRESH, overdue(12)), Condition.OVERDUE, "due for 12 days"),
        ((FRESH, overdue(0)), Condition.FRESH, ""),  # it may start at any moment
        ((FRESH, SUSPECT), Condition.SUSPECT, "look at your data: column load"),
        ((FRESH, SUSPECT, overdue(12)), Condition.OVERDUE, "look at your data"),
        ((FRESH, GIVEN_UP, overdue(12)), Condition.UNTOLD, "was not delivered (HTTP status 410); due for 12 days"),
        ((GIVEN_UP,), Condition.STALE, "was not delivered"),
        ((GIVEN_UP, DEGRADED), Condition.UNTOLD, "was not delivered"),
        ((DEGRADED, overdue(12)), Condition.DEGRADED, "due for 12 days"),
        ((INCONCLUSIVE, SUSPECT), Condition.SUSPECT, "look at your data"),
        ((INCONCLUSIVE,), Condition.INCONCLUSIVE, ""),
        ((NO_VERDICT,), Condition.NEW, ""),
        ((NO_VERDICT, overdue(3)), Condition.OVERDUE, "due for 3 days"),
        (("UPDATE models SET state = 'paused'", overdue(12)), Condition.RESTING, "paused"),
    ],
)
def test_a_model_stands_as_the_worst_of_what_holds_and_says_all_of_it(judged_copy, changes, condition, reason):
    change(judged_copy.store, *changes)
    row = only_row(judged_copy.store)
    assert row.condition is condition
    assert reason in reasons_of(row, NOW, Role.OPERATOR)


def test_a_viewer_is_not_told_what_the_receiver_answered(judged_copy):
    change(judged_copy.store, GIVEN_UP)
    said = reasons_of(only_row(judged_copy.store), NOW, Role.VIEWER)
    assert "was not delivered" in said
    assert "410" not in said


def test_the_row_shows_its_state_its_reason_and_how_long_until_the_next(served):
    change(served.desk.store, FRESH, overdue(12))
    text = served.browser(Role.VIEWER).get(served.url, timeout=30).text
    assert "◷ overdue" in text
    assert "due for 12 days, and nothing is queued" in text
    change(served.desk.store, overdue(-30))
    assert re.search(
        r'<meter value="0\.\d+" title="[^"]+ of 30 days"', served.browser(Role.VIEWER).get(served.url).text
    )


def two_of_one_change(desk):
    desk.register(top='name = "second"\nowner = "tests"')
    change(
        desk.store,
        "UPDATE alerts SET change = 'torch 2.13 -> 2.15'",
        "INSERT INTO alerts (campaign_id, model_id, owner, kind, cause, change, group_id, severity, message, state,"
        " created_at, opened_at, raised) SELECT campaign_id, (SELECT id FROM models WHERE name = 'second'), owner,"
        " kind, cause, change, group_id, severity, message, 'open', created_at, opened_at, raised FROM alerts LIMIT 1",
    )


def test_models_of_one_cause_are_one_line_that_leads_to_them(served):
    two_of_one_change(served.desk)
    served.desk.register(top='name = "third"\nowner = "tests"')
    browser = served.browser(Role.VIEWER)
    text = browser.get(served.url, timeout=30).text
    (address,) = re.findall(
        r'<li><a href="([^"]+)">2 models</a>: <span lang="en">torch 2.13 -&gt; 2.15</span></li>', text
    )
    narrowed = browser.get(served.url + address, timeout=30).text
    assert 'href="/models/toy"' in narrowed
    assert 'href="/models/second"' in narrowed
    assert 'href="/models/third"' not in narrowed


def test_what_one_model_has_alone_is_no_line(served):
    change(served.desk.store, "UPDATE alerts SET change = 'torch 2.13 -> 2.15'")
    assert "1 model</a>" not in served.browser(Role.VIEWER).get(served.url, timeout=30).text


def token_in(text):
    return re.search(r'name="csrf" value="([^"]+)"', text)[1]


def test_alerts_are_put_off_from_the_row_and_the_choice_stays(served):
    browser = served.browser(Role.OPERATOR)
    text = browser.get(f"{served.url}/?verdict=stale", timeout=30).text
    assert 'form="snooze" name="model" value="toy"' in text
    form = {"csrf": token_in(text), "model": "toy", "length": "14d", "reason": "a new sensor",
            "back": re.search(r'name="back" value="([^"]+)"', text)[1].replace("&amp;", "&")}  # fmt: skip
    answer = browser.post(f"{served.url}/snooze", data=form, timeout=30)
    assert "1 alert snoozed." in answer.text
    assert "verdict=stale" in answer.url
    assert "(snoozed)" in answer.text
    assert 'form="snooze"' not in answer.text


@pytest.mark.parametrize(("role", "form"), [(Role.OPERATOR, {"csrf": "guess"}), (Role.VIEWER, {})])
def test_who_may_not_put_off_alerts_does_not(served, role, form):
    browser = served.browser(role)
    answer = browser.post(
        f"{served.url}/snooze", data={"model": "toy", "length": "1d", "reason": "x", **form}, timeout=30
    )
    assert answer.status_code == 403
    assert only_row(served.desk.store).snoozed == 0


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ("", "/"),
        ("verdict=stale&page=2", "/?verdict=stale&page=2"),
        ("//evil.example", "/?"),
        ("q=a b\r\nx: y", "/?q=a+b%0D%0Ax%3A+y"),
    ],
)
def test_a_form_leads_back_to_the_fleet_and_nowhere_else(query, address):
    assert back_to(query) == address


def test_since_the_last_visit_not_the_last_look(desk):
    store, begin = desk.store, NOW - timedelta(days=2)
    assert note_look(store, "me", begin) is None
    assert note_look(store, "me", begin + timedelta(minutes=20)) is None
    second = begin + timedelta(days=1)
    assert note_look(store, "me", second) == begin + timedelta(minutes=20)
    assert note_look(store, "me", second + timedelta(minutes=5)) == begin + timedelta(minutes=20)
    assert note_look(store, "other", second) is None
    assert note_look(store, "me", second + timedelta(minutes=5) + A_VISIT) == second + timedelta(minutes=5)


def test_what_has_happened_since_is_counted(judged_copy):
    assert said_since(since_then(judged_copy.store, NOW - timedelta(days=3650))) == (
        "2 re-evaluations ended (1 fresh, 1 stale); 1 alert raised"
    )
    assert said_since(since_then(judged_copy.store, NOW + timedelta(days=1))) == ""


def test_the_page_says_what_is_new(served):
    note_look(served.desk.store, "viewer", NOW - timedelta(days=3650))
    text = served.browser(Role.VIEWER).get(served.url, timeout=30).text
    assert re.search(
        r"Since you last looked, \d+ \w+ ago: 2 re-evaluations ended \(1 fresh, 1 stale\); 1 alert raised\.", text
    )


def test_what_runs_first_is_said_and_can_stand_first(served):
    browser = served.browser(Role.OPERATOR)
    csrf = token_in(browser.get(f"{served.url}/models/toy", timeout=30).text)
    browser.post(f"{served.url}/models/toy/retune", data={"csrf": csrf, "seed": "1"}, timeout=30)
    text = browser.get(f"{served.url}/?sort=running", timeout=30).text
    assert "Next: toy." in text
    assert re.search(r'<a href="/campaigns/4">re-evaluation 4: queued', text)


def test_what_is_written_by_anybody_is_seen_at_once(served):
    browser = served.browser(Role.VIEWER)
    assert "1 stale" in browser.get(served.url, timeout=30).text
    change(served.desk.store, "UPDATE models SET state = 'paused'")
    assert "No model is watched yet." in browser.get(served.url, timeout=30).text


def test_what_is_kept_is_made_once_until_something_is_written(desk):
    kept, made = Kept(desk.config.state), []
    for key in ("a", "a", "b"):
        kept.of(key, lambda key=key: made.append(key))
    assert made == ["a", "b"]
    set_fact(desk.store, "test", 1, NOW)
    kept.of("a", lambda: made.append("again"))
    assert made == ["a", "b", "again"]


def test_who_asks_for_the_same_waits_and_who_asks_for_another_does_not(desk):
    kept, made, begun, may_end = Kept(desk.config.state), [], Event(), Event()

    def slowly():
        begun.set()
        assert may_end.wait(30)
        made.append("slow")
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.of, "a", slowly)
        assert begun.wait(30)
        second = pool.submit(kept.of, "a", slowly)
        assert kept.of("b", lambda: kept.of("c", lambda: "quick")) == "quick"  # though the first is not made yet
        assert not first.done()
        may_end.set()
        assert (first.result(30), second.result(30)) == ("slow", "slow")
    assert made == ["slow"]


def test_an_answer_that_cannot_be_made_holds_up_nobody(desk):
    kept = Kept(desk.config.state)
    with pytest.raises(ZeroDivisionError):
        kept.of("a", lambda: 1 / 0)
    assert kept.of("a", lambda: 2) == 2


def test_while_an_answer_is_made_the_one_before_will_do_for_those_who_say_so(desk):
    kept, begun, may_end = Kept(desk.config.state), Event(), Event()

    def slowly():
        begun.set()
        assert may_end.wait(60)
        return "new"

    assert kept.of("a", lambda: "old", or_older=True) == "old"
    set_fact(desk.store, "test", 1, NOW)
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(kept.of, "a", slowly, or_older=True)  # nobody makes it yet, so it is made
        assert begun.wait(60)
        assert kept.of("a", slowly, or_older=True) == "old"
        waiting = pool.submit(kept.of, "a", slowly)  # whoever asks for what is true now waits
        assert not waiting.done()
        may_end.set()
        assert (making.result(60), waiting.result(60)) == ("new", "new")
    assert kept.of("a", slowly, or_older=True) == "new"


def test_only_so_much_is_kept(desk):
    kept, made = Kept(desk.config.state), []
    for key in [*range(MOST + 1), 0]:
        kept.of(key, lambda key=key: made.append(key))
    assert made == [*range(MOST + 1), 0]


def test_without_a_database_nothing_is_kept(tmp_path):
    kept, made = Kept(tmp_path), []
    for _ in range(2):
        kept.of("a", lambda: made.append(1))
    assert made == [1, 1]


def test_a_database_that_was_replaced_has_another_mark(desk, tmp_path):
    mark = ChangeMark(desk.config.state)
    before = mark.now()
    assert mark.now() == before
    path = desk.config.state / "retuned.sqlite3"
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    assert mark.now() != before
    mark.close()


def test_nobody_else_sees_what_was_kept_for_operators(served):
    change(served.desk.store, GIVEN_UP)
    assert "410" in served.browser(Role.OPERATOR).get(served.url, timeout=30).text
    assert "410" not in served.browser(Role.VIEWER).get(served.url, timeout=30).text
    assert "toy" not in requests.get(served.url, timeout=30).text

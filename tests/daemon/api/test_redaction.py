"""What viewers see over HTTP: nothing of commands, paths, names of variables and what trainings wrote."""

from pathlib import Path

import pytest
import requests
from retuned.daemon.api.listing_views import SchedulePage
from retuned.daemon.api.redaction import HIDDEN, redacted, redacted_error
from retuned.daemon.api.routes import ROUTES
from retuned.daemon.api.server import Api
from retuned.daemon.api.wire import dump_result, load_result
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import ModelFile, load_model_file
from retuned.daemon.state.alert_raising import raise_alert
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign, open_campaigns
from retuned.daemon.state.faults import note_fault
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.models.schedule_list import Planned
from retuned.daemon.state.tokens import Role, create_token
from retuned.strategies.errors import InputError
from retuned.strategies.verdict.notice import Notice

CANARY = "canary-4711"  # a folder of this name holds everything, and each word of a command has it
TOYS = Path(__file__).parents[2] / "toys"
VARIABLE = "CANARY_4711_KEY"
BROKEN = f'import sys\nsys.exit("usage: train --key canary-4711-written " + " ".join(sys.argv) + " in " + {VARIABLE!r})'
NAMED = [("toy", 1), ("toy", 2), ("broken", 3)]
PATHS = [(route, name, campaign) for route in ROUTES if route.method == "GET" for name, campaign in NAMED]


class Served:
    """A desk with an API, whose model and folder carry the canary, with a finished and a failed campaign."""

    def __init__(self, desk):
        self.store = desk.store
        self.fill(desk)
        config = Config(state=desk.config.state)
        self.api = Api(desk.config.state, config, SystemClock(), lambda: None)
        self.url = self.api.start()
        now = SystemClock().now()
        self.secrets = {role: create_token(desk.store, role.word, role.word, now).secret for role in Role}

    def fill(self, desk):
        table = desk.training_table(desk.folder / "train.py").replace('"{lr}"', f'"{{lr}}", "--key={CANARY}-argv"')
        toy = (TOYS / "quadratic.py").read_text()
        (desk.folder / "train.py").write_text(toy)
        desk.register(
            training=f'{table}\npass_env = ["{VARIABLE}"]', settings='file = "live.json"',
            alerts='webhook = "http://127.0.0.1:9/canary-4711"\nwebhook_secret = "file:/canary-4711"',
        )  # fmt: skip
        desk.baseline()
        (desk.folder / "train.py").write_text(toy + "\n# changed\n")
        desk.write_data(optimum=-3.0)
        desk.retune(seed=1)
        (desk.folder / "broken.py").write_text(BROKEN)
        broken = desk.training_table(desk.folder / "broken.py").replace('"{lr}"', f'"{{lr}}", "{CANARY}-argv"')
        model = desk.register(top='name = "broken"\nowner = "tests"', training=broken)
        desk.run(next(c for c in open_campaigns(desk.store, model.id) if c.kind == "baseline"))
        (failed,) = campaigns_of(desk.store, model.id)
        now = SystemClock().now()
        note_fault(desk.store, "campaign", f"campaign 3 of broken failed: {failed.failure}", now)
        notice = Notice("broken: failed", (f"It failed: {failed.failure}", f"see {desk.folder}"), "alert", ())
        with desk.store.transaction():
            raise_alert(desk.store, find_model(desk.store, "broken"), failed, notice, {}, desk.config, now)

    def ask(self, path, role):
        headers = {} if role is None else {"authorization": f"Bearer {self.secrets[role]}"}
        return requests.get(self.url + path, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def served(new_desk, tmp_path_factory):
    made = Served(new_desk(tmp_path_factory.mktemp(CANARY)))
    yield made
    made.api.stop()


def holds_canary(text):
    return CANARY in text.lower() or VARIABLE in text


@pytest.mark.parametrize(("route", "name", "campaign"), PATHS, ids=lambda value: getattr(value, "verb", str(value)))
def test_a_viewer_sees_no_canary_at_any_address(served, route, name, campaign):
    path = route.path.format(name=name, named=campaign, campaign=campaign)
    answer = served.ask(path, Role.VIEWER)
    assert answer.status_code in (200, 403, 409)
    assert not holds_canary(answer.text)
    if answer.status_code == 200:
        load_result(route.verb, answer.content)  # the command line can still read it


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/openapi.json", "/healthz", "/api/v1/alerts?name=broken"])
def test_a_viewer_sees_none_elsewhere(served, path):
    assert not holds_canary(served.ask(path, Role.VIEWER).text)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
@pytest.mark.parametrize(
    "path",
    ["/models/toy", "/models/broken/history", "/reports/2", "/status", "/alerts", "/campaigns/3/end"],
)
def test_operators_and_admins_see_how_a_model_is_trained(served, role, path):
    assert holds_canary(served.ask(f"/api/v1{path}", role).text)


def test_a_viewer_still_sees_what_a_verdict_says(served):
    ended = served.ask("/api/v1/campaigns/2/end", Role.VIEWER).json()
    truth = find_campaign(served.store, 2).verdict
    assert ended["campaign"]["verdict"]["sentence"] == truth.sentence
    assert ended["campaign"]["verdict"]["e_value"] == truth.e_value
    assert ended["model"]["file"]["objective"]["metric"] == "score"
    failed = served.ask("/api/v1/campaigns/3/end", Role.VIEWER).json()["campaign"]
    assert (failed["phase"], failed["failure"]) == ("failed", HIDDEN)


@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_an_error_names_no_path_to_a_viewer_or_a_stranger(served, role, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"{CANARY}-damaged")
    (folder / "retuned.sqlite3").write_bytes(b"no database" * 1000)
    api = Api(folder, Config(state=folder), SystemClock(), lambda: None)
    url = api.start()
    try:
        headers = {} if role is None else {"authorization": f"Bearer {served.secrets[role]}"}
        answer = requests.get(f"{url}/api/v1/models", headers=headers, timeout=60)
    finally:
        api.stop()
    assert answer.status_code == 503
    assert not holds_canary(answer.text)


@pytest.mark.parametrize(
    "objective",
    [f"pattern = '{CANARY} (.+)'", f'file = "{{tmp}}/{CANARY}.csv"\ncolumn = "score"', f'file = "{CANARY}"\nkey = "a"'],
)
def test_how_values_are_handed_over_and_the_metric_is_found_is_hidden_in_a_file_that_can_still_be_read(desk, objective):
    (desk.folder / f"{CANARY}.yaml").write_text("a: 1\nseed: 1")
    hyperparameter = 'type = "float"\nlow = 1e-4\nhigh = 1.0\nvalue = 0.01\n'
    path = desk.write_model(
        training=f'command = ["sh", "{CANARY}", "{{a}}"]\nbudget = {{steps = 10}}\nwrite = "{CANARY}.yaml"\n'
        f'values = {{seed = "{CANARY}"}}',
        objective='metric = "score"\ndirection = "maximize"\n' + objective,
        **{"hyperparameters.a": hyperparameter, "hyperparameters.b": hyperparameter + 'place = "a"'},
    )
    seen = redacted(load_model_file(path), desk.store).to_json()
    assert not holds_canary(seen)
    assert ModelFile.from_json(seen).goal.metric == "score"


def test_every_result_of_a_viewer_can_be_redacted_twice(served):
    from retuned.daemon.api.verbs import Verbs

    shown = Verbs(served.store, Config(state=served.store.state), SystemClock()).show("toy")
    once = redacted(shown, served.store)
    assert dump_result("show", redacted(once, served.store)) == dump_result("show", once)


def test_the_list_of_a_split_is_hidden_and_the_rest_of_it_shown(desk):
    path = desk.write_model(data=f'path = "data.json"\nsplit = {{by = "rows", list = "{CANARY}.csv"}}')
    shown = redacted(load_model_file(path), desk.store)
    assert f"{CANARY}.csv" not in shown.to_json()
    assert (shown.split.by, shown.split.list_file) == ("rows", HIDDEN)
    assert ModelFile.from_json(shown.to_json()) == shown


def test_a_viewer_reads_the_rule_of_a_due_date_as_it_is(served):
    now = SystemClock().now()
    page = SchedulePage((Planned("toy", now, now, "cron 0 3 1 */3 *"),), None)
    assert redacted(page, served.store) == page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no data found at /srv/x/rides.csv; check it", f"no data found at {HIDDEN}; check it"),
        ("train/rides.csv changed", f"{HIDDEN} changed"),
        ("2/10 of the runs, and/or 5 more", "2/10 of the runs, and/or 5 more"),
        ("delivered to http://host:9, 2026-01-01", "delivered to http://host:9, 2026-01-01"),
        ("the secret file:/run/key is empty", f"the secret {HIDDEN} is empty"),
    ],
)
def test_paths_are_hidden_in_sentences(text, shown):
    assert redacted_error(InputError(text)).found == shown

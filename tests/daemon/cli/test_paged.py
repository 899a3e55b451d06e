"""Long lists on the command line: people see a page and how to see more, programs get every row as a stream."""

import json
import shutil
import sys
from itertools import islice

import pytest
from retuned.daemon.api.server import Api
from retuned.daemon.cli.cli import main
from retuned.daemon.cli.output import print_json, print_json_list, print_json_lists
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import ApiTable, Config
from retuned.daemon.state.running_service import single_instance
from retuned.daemon.state.store import Store

COPIED = """model_id, model_version, settings_version, kind, trigger, phase, seed, options, facts, verdict, created_at,
    started_at, ended_at"""
SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
COPIES = (
    f"INSERT INTO campaigns ({COPIED}) {SERIES} SELECT {COPIED} FROM campaigns, n WHERE id = 3",  # noqa: S608
    """INSERT INTO alerts (campaign_id, model_id, owner, kind, cause, group_id, severity, message, created_at, state,
    opened_at) SELECT campaigns.id, 1, alerts.owner, alerts.kind, cause, group_id, severity, message, alerts.created_at,
    state, opened_at FROM campaigns, alerts WHERE alerts.campaign_id = 3 AND campaigns.id > 3""",
    f"""INSERT INTO models (name, state, version, settings_version, anchor_at, next_due_at, registered_at) {SERIES}
    SELECT name || printf('-%04d', i), state, version, settings_version, anchor_at, next_due_at, registered_at
    FROM models, n""",  # noqa: S608
    """INSERT INTO model_versions (model_id, version, body, source, created_at) SELECT models.id, old.version, body,
    source, created_at FROM models, model_versions AS old WHERE models.id > 1""",
    """INSERT INTO settings (model_id, version, configuration, origin, created_at) SELECT models.id, old.version,
    configuration, origin, created_at FROM models, settings AS old WHERE models.id > 1""",
)


@pytest.fixture(scope="module")
def long(judged, tmp_path_factory):
    """The state folder of a desk with many campaigns, alerts and models. Only to be read."""
    folder = tmp_path_factory.mktemp("long") / "desk"
    shutil.copytree(judged.folder, folder)
    store = Store(folder / "state")
    with store.transaction():
        for statement in COPIES:
            store.change(statement)
    store.close()
    return folder / "state"


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command line inside this process: its exit code, output and errors."""

    def run(*words):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["retuned", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return run


MORE = "there are more; for those: --limit N, up to 1000, or --all"
FIRST_PAGES = [
    (["models"], 100, "toy"),
    (["models", "--limit", "7"], 7, "toy"),
    (["alerts", "toy", "--limit", "3"], 3, "[20"),
    (["schedule", "--limit", "5"], 5, "20"),
    (["drift", "toy", "--limit", "6"], 6, "1"),
]


@pytest.mark.parametrize(("words", "rows", "start"), FIRST_PAGES)
def test_people_see_a_page_and_how_to_see_more(call, long, words, rows, start):
    code, out, err = call("--state", long, *words)
    assert (code, err) == (0, "")
    assert sum(line.startswith(start) for line in out.splitlines()) == rows
    assert out.splitlines()[-1] == MORE


@pytest.mark.parametrize("words", [["models"], ["history", "toy"], ["alerts"], ["drift", "toy"], ["schedule"]])
def test_of_a_short_list_no_more_is_promised(call, judged, words):
    assert "there are more" not in call("--state", judged.config.state, *words)[1]


def test_of_a_long_history_the_newest_are_shown_oldest_first(call, long):
    out = call("--state", long, "history", "toy", "--limit", "3")[1]
    assert [line.split()[0] for line in out.splitlines() if "retune" in line] == ["1201", "1202", "1203"]
    out = call("--state", long, "drift", "toy", "--limit", "2")[1]
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["1202", "1203"]


def test_all_means_every_row(call, long):
    code, out, _ = call("--state", long, "models", "--all")
    assert (code, sum(line.startswith("toy") for line in out.splitlines())) == (0, 1201)
    assert "there are more" not in out


STREAMS = [
    (["models"], lambda found: [model["name"] for model in found], 1201),
    (["alerts"], lambda found: [-alert["id"] for alert in found], 1201),
    (["history", "toy"], lambda found: [campaign["id"] for campaign in found["campaigns"]], 1203),
    (["drift", "toy"], lambda found: [point["campaign"] for point in found], 1203),
    (["schedule", "--months", "4"], lambda found: [(date["due_at"], date["model"]) for date in found], 1201),
]


@pytest.mark.parametrize(("words", "keys", "count"), STREAMS)
def test_programs_get_every_row_once_in_order(call, long, words, keys, count):
    code, out, err = call("--state", long, *words, "--json")
    assert (code, err) == (0, "")
    found = keys(json.loads(out))
    assert found == sorted(set(found))
    assert len(found) == count
    assert json.loads(call("--state", long, *words, "--json", "--limit", "4")[1])


def test_a_service_streams_the_same(call, long, capsys):
    alone = call("--state", long, "alerts", "--json")[1]
    config = Config(state=long, api=ApiTable(listen="127.0.0.1:0"))
    with single_instance(long):
        api = Api(long, config, SystemClock(), lambda: None)
        api.start()
        capsys.readouterr()  # its log
        try:
            out = call("--state", long, "alerts", "--json")[1]
        finally:
            api.stop()
    assert out == alone


BAD = [
    (["models", "--limit", "0"], "limit is 0; allowed: 1 to 1000"),
    (["alerts", "--limit", "1001"], "limit is 1001; allowed: 1 to 1000"),
    (["schedule", "--all", "--limit", "5"], "--all and --limit 5 are given; allowed: one of them"),
    (["history", "toy", "--limit", "many"], "Invalid value for '--limit'"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_a_length_that_no_page_has_is_a_line(call, judged, words, sentence):
    code, out, err = call("--state", judged.config.state, *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


VALUES = [{"a": [1, {"b": None}], "text": "two\nlines"}, [], "x", 1.5]


@pytest.mark.parametrize("count", range(5))
def test_a_list_is_printed_by_parts_as_it_is_whole(capsys, count):
    print_json(VALUES[:count])
    whole = capsys.readouterr().out
    print_json_list(iter(VALUES[:count]))
    assert capsys.readouterr().out == whole
    print_json({"first": VALUES[:count], "second": []})
    whole = capsys.readouterr().out
    print_json_lists({"first": iter(VALUES[:count]), "second": []})
    assert capsys.readouterr().out == whole


def test_a_list_is_printed_while_it_comes(capsys):
    def values():
        yield 1
        assert capsys.readouterr().out == "[\n  1"
        yield 2

    print_json_list(islice(values(), 3))
    assert capsys.readouterr().out == ",\n  2\n]\n"

"""The command `check`, and the check before a registration."""

import json
import random
import sys
from pathlib import Path

import pytest
from retuned.daemon.cli.cli import main

PLAIN = Path(__file__).parents[2] / "toys" / "plain.py"


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command line inside this process, with the check before a registration: exit code, output and errors."""

    def run(*words):
        monkeypatch.setenv("RETUNED_CHECK", "1")
        monkeypatch.setattr(sys, "argv", ["retuned", "--state", str(tmp_path / "state"), *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return run


def table(name: str, seed: str = "{seed}", prefix: str = "", draw: str = "") -> str:
    """A model as a table of its own, or below a [[model]]."""
    command = json.dumps([sys.executable, "-I", "-S", str(PLAIN), "{train}", "{eval}", "{lr}", seed])
    return (
        f'name = "{name}"\nowner = "team"\n[{prefix}training]\ncommand = {command}\nbudget = {{steps = 10}}\n'
        f'slots = 2\n[{prefix}data]\npath = "points.csv"\nsplit = {{by = "rows"{draw}}}\n'
        f'[{prefix}objective]\nmetric = "loss"\ndirection = "minimize"\n'
        f'[{prefix}hyperparameters.lr]\ntype = "float"\nlow = 0.001\nhigh = 1.0\nlog = true\nvalue = 0.06\n'
    )


@pytest.fixture
def model(tmp_path):
    """Writes a model file beside its data."""

    def write(text: str) -> Path:
        generator = random.Random(0)
        points = ((x, 3 * x + generator.gauss(0, 1)) for x in (generator.uniform(-1, 1) for _ in range(3200)))
        (tmp_path / "points.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in points))
        path = tmp_path / "model.toml"
        path.write_text(text)
        return path

    return write


def test_a_model_that_fails_is_refused_in_one_line_and_registered_where_that_is_wanted(call, model, tmp_path):
    path = model(table("line", seed="7", draw=", draw = 1.0"))
    code, out, err = call("register", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "line is not registered: seed: the score is the same with another seed" in err
    assert '"--seed", "{seed}"' in err
    assert err.strip().endswith("to register it all the same, though never to be told STALE: --no-check")
    assert not (tmp_path / "state").exists()
    code, out, err = call("register", path, "--no-check")
    assert (code, out.partition(":")[0], err) == (0, "registered line", "")


def test_where_several_points_fail_each_has_its_line_and_what_mends_them_comes_first(call, model, tmp_path):
    """An ordinary script that scores the same rows always, with a fixed seed."""
    text = table("line", seed="7").replace('"{train}", "{eval}"', '"points.csv", "points.csv"')
    path = model(text.replace('\nsplit = {by = "rows"}', ""))
    code, out, err = call("register", path)
    *lines, last = err.splitlines()
    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in lines] == ["split", "purpose", "seed"]
    assert "split = {by = 'rows'} under [data]" in lines[0]
    assert "the change for split mends this, too" in lines[1]
    assert "line is not registered: split, purpose and seed failed" in last
    assert last.endswith("though never to be told STALE: --no-check")
    assert not (tmp_path / "state").exists()


def test_what_is_registered_alike_is_not_trained_again(call, model):
    path = model(table("line"))
    code, out, err = call("register", path)
    assert (code, out.partition(":")[0]) == (0, "registered line")
    assert err.startswith("line: checked in 5 runs, ")
    path.write_text(path.read_text().replace('owner = "team"', 'owner = "others"'))
    code, out, err = call("register", path)
    assert (code, err) == (0, "")
    assert "version 2" in out


def test_of_several_models_each_is_checked_before_one_is_registered(call, model, tmp_path):
    tables = [
        f"[[model]]\n{table(name, seed, 'model.', ', draw = 1.0')}" for name, seed in (("good", "{seed}"), ("bad", "7"))
    ]
    path = model("\n".join(tables))
    assert call("register", path)[0] == 2
    assert not (tmp_path / "state").exists()
    code, out, _ = call("check", path, "--quick", "--json")
    said = json.loads(out)
    assert (code, said["is_passed"], [one["name"] for one in said["models"]]) == (0, True, ["good", "bad"])
    assert said["models"][0]["points"][0] == {
        "name": "file", "level": "ok", "sentence": "keys, paths, programs and placeholders are in order", "remedy": "",
    }  # fmt: skip


def test_a_check_says_a_point_a_line_and_its_exit_code_says_whether_it_passed(call, model, tmp_path):
    path = model(table("line", seed="7", draw=", draw = 1.0"))
    code, out, err = call("check", path, "--limit", "30s")
    lines = out.splitlines()
    assert (code, err) == (2, "")
    assert [line.split()[:2] for line in lines if line.startswith("FAILED")] == [["FAILED", "seed"]]
    assert lines[-1].startswith("line: did NOT pass, 13 runs, ")
    assert not (tmp_path / "state").exists()


def test_a_check_that_passed_leads_to_the_registration(call, model):
    path = model(table("line"))
    code, out, _ = call("check", path, "--limit", "30s")
    assert code == 0
    assert out.splitlines()[-1] == f"next: retuned register {path} --no-check  (all of it was just checked)"


def test_a_registered_model_is_checked_with_its_current_settings(call, model):
    call("register", model(table("line")), "--no-check")
    code, out, _ = call("check", "line", "--quick")
    assert (code, out.splitlines()[-1]) == (0, "line: passed")
    code, out, err = call("check", "lime")
    assert (code, out) == (2, "")
    assert "no model is registered as 'lime'" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.toml",), "nowhere.toml: cannot be read: No such file or directory"),
        (("nothing",), "nothing: cannot be read: No such file or directory"),
        (("model.toml", "--limit", "5"), "--limit '5' has no unit"),
        (("model.toml", "--limit", "0s"), "--limit 0s is too short"),
    ],
)
def test_what_cannot_be_checked_is_one_line(call, model, monkeypatch, tmp_path, words, says):
    monkeypatch.chdir(model(table("line")).parent)
    code, out, err = call("check", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert not (tmp_path / "state").exists()

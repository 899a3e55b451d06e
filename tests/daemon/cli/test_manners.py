"""What a newcomer types first: help by task, examples, completion, several models in a file, and what comes next."""

import importlib.metadata
import itertools
import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from retuned.daemon.cli.command_index import HIDDEN, MODULES, TASKS
from retuned.daemon.cli.next_commands import next_commands
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.drafting.examples import EXAMPLES, SHIPPED, write_example
from retuned.daemon.state.campaigns.campaigns import campaigns_of
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.errors import InputError, StateError, UnknownName

ROOT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).with_name("retuned")


def test_every_command_has_one_task_and_the_page_of_commands_has_the_same():
    named = [name for names in TASKS.values() for name in names]
    assert sorted(named) == sorted(set(MODULES) - HIDDEN)
    page = (ROOT / "docs/commands.md").read_text()
    assert [task for task in TASKS if f"\n## {task}\n" not in page] == []
    for task, names in TASKS.items():
        section = page.partition(f"\n## {task}\n")[2].partition("\n## ")[0]
        assert [name for name in names if f"| `{name}" not in section] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("baseline",), "Missing argument 'NAME'; see: retuned baseline --help"),
        (("token", "create"), "see: retuned token create --help"),
        (("--nothing",), "see: retuned --help"),
    ],
)
def test_a_mistake_in_a_command_leads_to_the_help_of_that_command(words, says):
    done = subprocess.run([sys.executable, "-m", "retuned.daemon", *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr


def test_retuned_alone_shows_the_commands_by_task():
    done = subprocess.run([sys.executable, "-m", "retuned.daemon"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    places = [done.stdout.index(f" {task} ") for task in TASKS]
    assert places == sorted(places)


def test_the_version_is_told_alone(retuned):
    done = retuned("--version")
    assert (done.returncode, done.stdout) == (0, f"retuned {importlib.metadata.version('retuned')}\n")


def test_examples_are_listed_and_lead_on(retuned):
    done = retuned("example")
    assert [line.split()[0] for line in done.stdout.splitlines()[: len(EXAMPLES)]] == list(EXAMPLES)
    assert "retuned example NAME" in done.stdout
    assert {row["name"] for row in json.loads(retuned("example", "--json").stdout)} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_written_whole_and_never_over_anything(tmp_path, name):
    written = write_example(name, tmp_path)
    source = SHIPPED / "examples" / EXAMPLES[name][0]
    if written.is_dir():
        assert {path.name for path in written.iterdir()} <= {path.name for path in source.iterdir()}
        assert [path for path in written.glob("*.toml") if not load_model_file(path).name] == []
    else:
        assert (written.read_bytes(), written.is_symlink()) == (source.read_bytes(), False)
    with pytest.raises(InputError, match="nothing is overwritten"):
        write_example(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [written.name]


def test_an_example_does_not_follow_a_link_that_stands_in_its_place(tmp_path):
    (tmp_path / "model.example.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is there already"):
        write_example("model", tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_mistyped_example_is_answered_with_the_nearest(retuned):
    done = retuned("example", "scrpts")
    assert done.returncode == 2
    assert "did you mean 'scripts'?" in done.stderr


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StateError, match="the example cannot be written to"):
        write_example("model", tmp_path / "no")


@pytest.mark.parametrize("file", [file for file, _ in EXAMPLES.values()])
def test_every_example_ships_in_the_wheel(wheel, file):
    wanted = tracked("examples", file)
    assert wanted
    assert wanted - shipped(wheel, "examples", file) == set()


def test_the_documentation_ships_in_the_wheel(wheel):
    assert Path("contract.md") in shipped(wheel, "docs", "")
    assert tracked("docs", "") - shipped(wheel, "docs", "") == set()


@pytest.fixture(scope="module")
def installed(wheel):
    """The program of a new virtual environment that has the wheel; what it depends on is lent by this one."""
    folder = wheel.parents[1]
    (file,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", file]
    done = subprocess.run([str(word) for word in pip], capture_output=True, text=True)
    if "No module named pip" in done.stderr:
        pytest.skip("NOT TESTED: pip is not installed")
    assert done.returncode == 0, done.stderr
    ask = [python, "-c", "import site; print(site.getsitepackages()[0])"]
    own = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    (own / "lent.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "env/bin/retuned"


def test_the_demo_of_an_installed_wheel_begins_with_real_data_and_ends_at_ctrl_c(installed, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "RETUNED_URL": "http://127.0.0.1:9"}
    demo = subprocess.Popen(
        [installed, "demo", "--flights"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    said = "".join(itertools.takewhile(lambda line: "(baseline): prepare" not in line, demo.stdout))
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=100)
    assert "9000 flights" in said
    assert "registered flights: version 1" in said
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert [path.name for path in tmp_path.iterdir()] == ["retuned-demo"]


@pytest.mark.parametrize("made", ["file", "link", "folder"])
def test_the_demo_takes_no_place_that_something_has(tmp_path, retuned, made):
    place = tmp_path / "mine"
    {"file": place.touch, "link": lambda: place.symlink_to(tmp_path), "folder": place.mkdir}[made]()
    kept = place / "thesis.tex"
    kept.write_text("mine") if made == "folder" else None
    done = retuned("demo", "--folder", place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; name another folder with --folder\n")
    assert os.path.lexists(place)
    assert made != "folder" or kept.read_text() == "mine"


def tracked(folder, file):
    listed = subprocess.run(["git", "ls-files", f"{folder}/{file}"], cwd=ROOT, capture_output=True, text=True)
    return {Path(line).relative_to(folder) for line in listed.stdout.splitlines()}


def shipped(wheel, folder, file):
    place = wheel / folder / file
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(wheel / folder) for path in files}


BASH = """
eval "$(retuned completion bash)"
COMP_WORDS=({words}); COMP_CWORD={place}
_retuned_completion retuned
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None or not PROGRAM.exists(), reason="needs bash and the program retuned")
@pytest.mark.parametrize(
    ("words", "place", "found"),
    [
        ("retuned re", 1, ["register", "resume", "retire", "remove", "retune", "report", "restore"]),
        ("retuned retune --s", 2, ["--strategy", "--seed"]),
        ("retuned show t", 2, ["toy"]),
        ("retuned show x", 2, [""]),
        ("retuned completion ", 2, ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes_commands_options_and_models(judged, words, place, found):
    environment = {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "RETUNED_STATE": str(judged.config.state), "HOME": "/nowhere",
    }  # fmt: skip
    script = BASH.format(words=words, place=place)
    done = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == sorted(found)


def test_completion_makes_no_state_folder(tmp_path):
    environment = {
        "_RETUNED_COMPLETE": "complete_bash", "COMP_WORDS": "retuned show t", "COMP_CWORD": "2",
        "RETUNED_STATE": str(tmp_path / "state"), "HOME": str(tmp_path), "PATH": os.environ["PATH"],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "retuned.daemon"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_of_theirs(retuned, shell):
    assert f"complete_{shell}" in retuned("completion", shell).stdout


def test_a_dry_run_is_the_plan(judged):
    def run(*words):
        command = [sys.executable, "-m", "retuned.daemon", "--state", judged.config.state, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)

    dry, plan = run("retune", "toy", "--dry-run"), run("plan", "toy")
    assert (dry.returncode, dry.stdout) == (0, plan.stdout)
    refused = run("retune", "toy", "--dry-run", "--seed", "3")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--dry-run stands beside --seed" in refused.stderr


def test_a_mistyped_model_is_answered_with_the_nearest(judged):
    with pytest.raises(UnknownName, match=r"no model is registered as 'tony'; registered: toy; did you mean 'toy'\?"):
        find_model(judged.store, "tony")


def test_a_campaign_ends_with_what_to_type_next(judged):
    baseline, fresh, stale = sorted(campaigns_of(judged.store, 1), key=lambda campaign: campaign.id)
    commands = {c.id: [command for command, _ in next_commands(c)] for c in (baseline, fresh, stale)}
    assert commands == {
        1: ["retuned plan toy", "retuned retune toy"],
        2: ["retuned schedule toy", "retuned drift toy", "retuned report 2 --html toy.html"],
        3: ["retuned adopt toy", "retuned report 3 --html toy.html"],
    }
    failed = replace(stale, phase="failed", failure="no room", verdict=None)
    assert [command for command, _ in next_commands(failed)][:2] == ["retuned doctor", "retuned retune toy"]


def test_an_undecided_campaign_goes_on(undecided):
    campaign = max(campaigns_of(undecided.store, 1), key=lambda campaign: campaign.id)
    (first, _), *_ = next_commands(campaign)
    assert re.fullmatch(r"retuned confirm toy --more \d+", first)


MODEL = """\
[[model]]
name = "{name}"
owner = "team"
training = {{command = ["sh", "-c", "true {{lr}}"], budget = {{epochs = 1}}}}
objective = {{metric = "loss", direction = "minimize"}}
[model.hyperparameters.lr]
type = "float"
low = 0.001
high = 1.0
value = 0.1
"""


def test_a_file_may_describe_several_models(retuned, tmp_path):
    path = tmp_path / "models.toml"
    path.write_text(MODEL.format(name="a") + MODEL.format(name="b"))
    done = retuned("register", path)
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in json.loads(retuned("models", "--json").stdout)] == ["a", "b"]
    again = retuned("register", path)
    assert (again.returncode, again.stdout.count("unchanged")) == (0, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MODEL.format(name="a") + MODEL.format(name="a"), "[[model]] 2 is called 'a', as an earlier one is"),
        (MODEL.format(name="a") + MODEL.format(name="b c"), "models.toml: [[model]] 2: name is 'b c'"),
        (MODEL.format(name="a") + MODEL.format(name="b").replace("owner", "onwer"), "[[model]] 2: the file has no key"),
        ('owner = "x"\n' + MODEL.format(name="a"), "'owner' stands beside [[model]]"),
        ("model = []\n", "model is no list of tables"),
        ("model = [3]\n", "model is no list of tables"),
        ("model = 3\n", "the file has no key 'model'"),
        (MODEL.format(name="a") + MODEL.format(name="b").replace('"sh"', '"/no/such"'), "there is no program"),
        (MODEL.format(name="a") + "[[model", "not valid TOML"),
    ],
)
def test_a_mistake_in_one_of_several_models_registers_none(retuned, tmp_path, text, words):
    path = tmp_path / "models.toml"
    path.write_text(text)
    done = retuned("register", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "state").exists()

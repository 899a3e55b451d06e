"""What the processes that wait for months must not load, looked at from the entry on."""

import json
import subprocess
import sys

import pytest
from retuned.daemon.__main__ import hidden, is_lean, own_process
from retuned.daemon.state.campaigns.campaigns import find_campaign

HEAVY = ["numpy", "rich", "torch", "scipy", "pandas", "matplotlib", "plotly", "optuna", "ray"]

COMMANDS = [
    (["serve"], True),
    (["--state", "/x", "serve"], True),
    (["--config", "serve", "models"], False),  # a file of that name
    (["--state=/x", "look"], True),
    (["--state", "/x", "--config", "/c", "look"], True),
    (["--state=/x", "look", "rides"], False),  # a person's
    (["look"], False),  # a person's, without the name
    (["--state=/x", "show", "look"], False),  # a model of that name
    (["--state=/x", "look", "look"], False),
    (["--help"], False),
    (["--state=/x", "campaign", "7"], False),  # it computes
    (["campaign", "7"], False),
    ([], False),
]


@pytest.mark.parametrize(("words", "lean"), COMMANDS)
def test_the_commands_that_wait_are_lean(words, lean):
    assert is_lean(words) is lean


OWN = [
    (["--state", "/x", "campaign", "7"], "campaign"),
    (["--config=/c", "campaign", "--state=/x", "7"], "campaign"),
    (["--state", "/x", "look"], "look"),
    (["campaign", "7"], None),  # typed: the state folder is the configuration's
    (["--state", "/x", "campaign"], None),  # the command line says what is missing
    (["--state", "/x", "campaign", "seven"], None),
    (["--state", "/x", "campaign", "7", "8"], None),
    (["--state", "/x", "show", "campaign"], None),  # a model of that name
    (["--state", "/x", "serve"], None),
]


@pytest.mark.parametrize(("words", "own"), OWN)
def test_what_the_service_starts_for_itself_is_told_from_what_is_typed(words, own):
    assert own_process(words) == own


def test_a_campaign_of_the_service_loads_no_command_line_and_no_library_that_it_does_not_use(desk, tmp_path):
    desk.register()
    loaded = tmp_path / "loaded"
    code = """if True:
        import atexit, sys
        from pathlib import Path
        from retuned.daemon.__main__ import main
        file = Path(sys.argv.pop())
        atexit.register(lambda: file.write_text(" ".join(sys.modules)))
        main()
    """
    words = [sys.executable, "-c", code, "--state", str(desk.config.state), "campaign", "1", str(loaded)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert find_campaign(desk.store, 1).phase == "done"
    modules = set(loaded.read_text().split())
    assert "retuned.daemon.campaign.campaign" in modules
    unused = {
        "typer",
        "rich",
        "requests",
        "fastapi",
        "jinja2",
        "torch",
        "sqlite_utils",
    }
    assert modules.isdisjoint(unused)


def test_a_campaign_that_is_not_there_is_one_line_and_its_exit_code(desk):
    words = [sys.executable, "-m", "retuned.daemon", "--state", str(desk.config.state), "campaign", "4711"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("retuned: ")
    assert "4711" in line


def test_a_look_loads_no_command_line(tmp_path):
    code = """if True:
        import json, sys
        from retuned.daemon import __main__ as entry
        sys.argv = ["retuned", "--state", sys.argv[1], "look"]
        try:
            entry.main()
        except SystemExit as end:
            print(json.dumps([end.code, sorted(sys.modules)]))
    """
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    exit_code, loaded = json.loads(done.stdout)
    assert exit_code == 0
    assert "retuned.daemon.service.change_watch" in loaded
    assert set(loaded).isdisjoint({"typer", "requests", "fastapi", "retuned.daemon.cli.cli", *HEAVY})


def test_a_look_says_a_mistake_in_one_line(tmp_path):
    words = [sys.executable, "-m", "retuned.daemon", "--config", "/no/such", "--state", str(tmp_path), "look"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["retuned: /no/such: cannot be read: No such file or directory; check the path"]


def test_what_is_hidden_can_be_imported_again_afterwards():
    code = """if True:
        import sys
        from retuned.daemon.__main__ import hidden
        with hidden(("colorsys",)):
            try:
                import colorsys
            except ImportError:
                print("hidden")
        import colorsys
        print("there")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["hidden", "there"]


def test_what_was_loaded_before_stays():
    with hidden(("json",)):
        assert sys.modules["json"] is json


def test_a_service_with_its_api_and_figures_loads_nothing_heavy_in_a_round(judged_copy):
    code = f"""if True:
        import importlib, os, sys
        from pathlib import Path
        from retuned.daemon.__main__ import hidden, is_lean
        assert is_lean(["--state", sys.argv[1], "serve"])
        with hidden():
            importlib.import_module("retuned.daemon.cli.cli")
            importlib.import_module("retuned.daemon.api.server")
            from retuned.daemon.upkeep.metrics import metrics_text
        from retuned.daemon.service.campaign_processes import CampaignProcesses
        from retuned.daemon.clock import SystemClock
        from retuned.daemon.config.config import Config
        from retuned.daemon.logs import configure
        from retuned.daemon.training.machine import machine_of
        from retuned.daemon.service.service import Service
        from retuned.daemon.state.store import Store
        from retuned.daemon.api.server import Api
        configure("console")
        config, clock = Config(state=Path(sys.argv[1])), SystemClock()
        api = Api(config.state, config, clock, lambda: None)
        api.start()
        store = Store(config.state)
        Service(store, config, clock, CampaignProcesses(config.state, None, clock), lambda: machine_of(config)).tick()
        metrics_text(store, config, clock.now())
        api.stop()
        print([name for name in {HEAVY!r} if name in sys.modules])
    """
    command = [sys.executable, "-c", code, judged_copy.config.state]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_entry_runs_the_command_line_and_keeps_its_exit_codes(tmp_path):
    command = [sys.executable, "-m", "retuned.daemon", "--state", tmp_path / "state", "models", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []
    wrong = subprocess.run([*command[:3], "no-such-command"], capture_output=True, text=True, check=False, timeout=60)
    assert wrong.returncode == 2

"""What a process that waits for months, and a command that only shows something, must not load."""

import json
import os
import subprocess
import sys

import pytest
from retuned.daemon.lean_imports import without_pydantic_plugins

HEAVY = ["torch", "scipy", "plotly", "optuna", "ray", "matplotlib"]
CODE = "import json, sys, {module}; print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"


@pytest.mark.parametrize(
    "module", ["retuned.daemon.cli.cli", "retuned.daemon.service.service", "retuned.daemon.cli.foreground"]
)
def test_the_daemon_and_the_command_line_load_no_heavy_library(module):
    code = CODE.format(module=module, heavy=HEAVY)
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(loaded.stdout) == []


def test_a_tick_of_the_service_loads_no_heavy_library(judged_copy):
    code = f"""if True:
        import json, sys
        from pathlib import Path
        from retuned.daemon.clock import SystemClock
        from retuned.daemon.service.campaign_processes import CampaignProcesses
        from retuned.daemon.config.config import Config
        from retuned.daemon.training.machine import machine_of
        from retuned.daemon.service.service import Service
        from retuned.daemon.state.store import Store
        config, clock = Config(state=Path(sys.argv[1])), SystemClock()
        processes = CampaignProcesses(config.state, None, clock)
        Service(Store(config.state), config, clock, processes, lambda: machine_of(config)).tick()
        print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
    """
    command = [sys.executable, "-c", code, judged_copy.config.state]
    ticked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ticked.stdout.splitlines()[-1]) == []


COMPUTING = frozenset({"torch", "numpy", "scipy", "pandas", "matplotlib", "plotly", "jinja2", "optuna"})
SERVING = frozenset({"fastapi", "starlette", "uvicorn", "apscheduler", "prometheus_client", "structlog"})
STORING = frozenset(
    {"sqlite3", "sqlite_utils", "tomlkit", "retuned.daemon.config.config"}
)  # typer itself uses pydantic
LISTING = COMPUTING | SERVING | {"sqlite_utils", "tomlkit", "ssl", "retuned.daemon.config.model_file"}
HEALTH = LISTING | {
    "retuned.daemon.state.audit",
    "retuned.daemon.state.campaigns.legs",
    "retuned.daemon.upkeep.doctor_findings",
    "retuned.strategies.records",
    "retuned.strategies.verdict.verdict_records",
}
READING = COMPUTING | SERVING | {"sqlite_utils", "ssl", "retuned.daemon.api.verbs", "retuned.daemon.campaign.look"}
RECORD = READING | {
    "retuned.daemon.api.listing_verbs",
    "retuned.daemon.state.alert",
    "retuned.daemon.state.audit",
    "retuned.daemon.state.tokens",
    "retuned.daemon.state.models.schedule_list",
    "retuned.daemon.upkeep.doctor_findings",
}
SHOWING = READING | {
    "retuned.strategies.panda.task",
    "retuned.strategies.search.task",
    "retuned.daemon.cli.adoption_json",
}
SHORT = [
    (("--help",), COMPUTING | SERVING | STORING),
    (("modles",), COMPUTING | SERVING | STORING | {"rich"}),
    (("--no-such-option",), COMPUTING | SERVING | STORING | {"rich"}),
    (("token", "--help"), COMPUTING | SERVING | {"sqlite_utils"}),
    (("models",), LISTING),
    (("models", "--json"), LISTING | {"rich"}),
    (("show", "toy"), SHOWING),
    (("show", "nobody"), COMPUTING | SERVING | {"sqlite_utils", "rich"}),
    (("history", "toy"), RECORD),
    (("alerts",), LISTING | {"rich"}),
    (("schedule",), LISTING),
    (("drift", "toy"), RECORD),
    (("status",), HEALTH),
    (("status", "--json"), HEALTH | {"rich"}),
    (("pause", "toy"), COMPUTING | SERVING | {"sqlite_utils", "rich"}),
    (("cancel", "toy"), COMPUTING | SERVING | {"sqlite_utils", "rich"}),
]
AT_EXIT = """if True:
    import atexit, sys
    from pathlib import Path
    loaded, *words = sys.argv[1:]
    atexit.register(lambda: Path(loaded).write_text(" ".join(sys.modules)))
    from retuned.daemon.__main__ import main
    sys.argv = ["retuned", *words]
    main()
"""


@pytest.mark.parametrize(
    ("words", "unloaded"), SHORT, ids=lambda value: " ".join(value) if type(value) is tuple else ""
)
def test_a_short_command_loads_only_what_it_needs(words, unloaded, judged_copy, tmp_path):
    loaded = tmp_path / "loaded"
    environ = os.environ | {"RETUNED_STATE": str(judged_copy.config.state)}
    call = [sys.executable, "-c", AT_EXIT, loaded, *words]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=120, env=environ)
    assert "Traceback" not in done.stderr
    assert unloaded & set(loaded.read_text().split()) == set()


def test_a_command_has_pydantic_look_for_no_plugins_and_searches_for_cycles_seldom(tmp_path):
    code = """if True:
        import gc, os, sys
        from retuned.daemon import __main__ as entry
        usual = gc.get_threshold()
        sys.argv = ["retuned", "--state", sys.argv[1], "models", "--json"]
        try:
            entry.main()
        except SystemExit:
            pass
        print(os.environ["PYDANTIC_DISABLE_PLUGINS"], gc.get_stats()[1]["collections"], gc.get_threshold() == usual)
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    command = [sys.executable, "-c", code, tmp_path / "state"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environ)
    plugins, older, is_as_before = done.stdout.splitlines()[-1].split()
    assert (plugins, is_as_before) == ("__all__", "True")
    assert int(older) <= 2  # some forty with Python's own threshold


def test_what_the_user_says_of_pydantics_plugins_stays(monkeypatch):
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "logfire-plugin")
    without_pydantic_plugins()
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "logfire-plugin"


def test_the_configuration_is_checked_by_one_check_alone():
    code = """if True:
        from pathlib import Path
        from retuned.daemon.config import config
        config.load_config(None, {"HOME": "/nowhere"}, Path("/nowhere"))
        tables = [config.ServiceTable, config.WorkersTable, config.ApiTable, config.AlertsTable, config.BackupTable]
        print(config.Config.__pydantic_complete__, [table.__name__ for table in tables if table.__pydantic_complete__])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split(maxsplit=1) == ["True", "[]\n"]

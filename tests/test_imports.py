"""What a process that waits for months, and a command that only shows something, must not load."""

import json
import os
import subprocess
import sys

import pytest

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
READING = COMPUTING | SERVING | {"sqlite_utils", "ssl", "retuned.daemon.api.verbs", "retuned.daemon.campaign.look"}
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
    (("history", "toy"), READING),
    (("alerts",), LISTING | {"rich"}),
    (("schedule",), LISTING),
    (("drift", "toy"), READING),
    (("status",), LISTING),
    (("status", "--json"), LISTING | {"rich"}),
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

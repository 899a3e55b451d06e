"""What a process that waits for months must not load."""

import json
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

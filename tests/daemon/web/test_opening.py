"""`retuned serve --open`: the pages open in a browser, signed in, as soon as the service answers."""

import os
import signal
import subprocess
import sys
import time

import pytest
import requests

WAIT_S = 60


@pytest.fixture
def browser(tmp_path):
    """A browser that only notes the address which it is asked to open."""
    noted, program = tmp_path / "address", tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {noted}.new && mv {noted}.new {noted}\n')
    program.chmod(0o755)
    return program, noted


def test_serve_opens_its_pages_signed_in(tmp_path, browser):
    program, noted = browser
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(tmp_path / "state"), "serve", "--open"]
    environ = os.environ | {"BROWSER": f"{program} %s"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as service:
        address = _noted(noted)
        page = requests.get(address, timeout=30)
        service.send_signal(signal.SIGTERM)
        printed = service.communicate(timeout=60)[0]
    assert "Is the fleet fresh?" in page.text
    assert address in printed
    assert service.returncode == 0


def test_serve_opens_nothing_where_it_does_not_listen(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[api]\nlisten = "off"\n')
    words = ["--state", str(tmp_path / "state"), "--config", str(config), "serve", "--open"]
    done = subprocess.run([sys.executable, "-m", "retuned.daemon", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "[api] listen is 'off'" in done.stderr
    assert "Traceback" not in done.stderr


def _noted(path):
    ends = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
    return path.read_text()

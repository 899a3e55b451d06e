"""The service as people install it, under a real systemd: installed, killed, hung, restarted, taken away again.

It boots a systemd of its own in namespaces, on a throw-away copy of the file system (tests/systemd/box.sh). Where that
is not possible the tests are skipped, except in continuous integration, where they have to run.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BOX = ROOT / "tests" / "systemd" / "box.sh"
PARTS = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "config.example.toml",
    "daemon",
    "strategies",
    "deploy",
    "docs",
    "examples",
)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WORKERS = "daemon/training/worker "  # what their command lines hold
DETECTABLE = {"best": 0.0, "optimum": -3.0, "noise": 0.1, "sleep_s": 0.4}
MODEL = """
name = "toy"
owner = "tests"
[training]
command = ["/usr/bin/python3", "-I", "-S", "/srv/toy/quadratic.py", "{lr}"]
budget = {steps = 10}
timeout = "30s"
slots = 2
[data]
path = "/srv/toy/data.json"
[objective]
metric = "score"
direction = "maximize"
[hyperparameters.lr]
type = "float"
low = 1e-4
high = 1.0
log = true
value = 0.01
[search]
challengers = 6
[alerts]
webhook = "http://127.0.0.1:8099/hook"
"""
RECEIVER = """
import http.server, pathlib
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("/shared/alerts", "ab") as file:
            file.write(body + b"\\n")
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8099), Hook).serve_forever()
"""
pytestmark = pytest.mark.timeout(300)


class Box:
    """A booted systemd, and commands in it."""

    def __init__(self, folder):
        self.folder = folder
        self.shared = folder / "shared"

    def run(self, *words, check=True, **options):
        command = [BOX, "run", self.folder, "env", "-i", f"PATH={PATH}", "HOME=/root", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, **options)
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words):
        command = [BOX, "run", self.folder, "env", "-i", f"PATH={PATH}", "HOME=/root", *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def show(self, name):
        return self.run("systemctl", "show", "--value", "-p", name, "retuned.service").stdout.strip()

    def pids(self, pattern):
        return set(self.run("pgrep", "-u", "retuned", "-f", pattern, check=False).stdout.split())

    def wait(self, condition, seconds=60):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, self.run("journalctl", "-u", "retuned", "-n", "60", check=False).stdout
            time.sleep(0.2)


def lacking():
    """Why no systemd can be booted here; empty where it can."""
    if os.geteuid() != 0:
        return "it takes root"
    tools = ("systemctl", "unshare", "nsenter", "ip", "pgrep", "dbus-daemon")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    asked = "import sys; print(sys.version_info[:2])"
    system = subprocess.run(["/usr/bin/python3", "-c", asked], capture_output=True, text=True, check=False).stdout
    # a Python below /root or /home is not for a service, and packages belong to one version
    return "" if system.strip() == str(sys.version_info[:2]) else f"/usr/bin/python3 is {system.strip() or 'missing'}"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    made = Box(tmp_path_factory.mktemp("box"))
    folders = (f"{sysconfig.get_paths()['purelib']}:/packages",)  # what these tests run with, for want of a network
    reason = lacking()
    if not reason:
        booted = subprocess.run([BOX, "up", made.folder, *folders], capture_output=True, text=True, check=False)
        reason = f"no systemd boots in namespaces: {booted.stderr[-500:]}" if booted.returncode else ""
    if reason:
        told = f"NOT TESTED: the service under a real systemd: {reason}"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    source = made.shared / "source"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    yield made
    subprocess.run([BOX, "down", made.folder], check=True)


@pytest.fixture(scope="module")
def installed(box):
    """retuned installed as the guide says, twice: the second time is an upgrade."""
    words = ("/shared/source/deploy/install.sh", "--python", "/usr/bin/python3", "--site-packages", "/packages")
    for _ in range(2):
        box.run(*words)
    return box


@pytest.fixture(scope="module")
def registered(installed):
    """A model with its baseline, and a receiver of alerts."""
    toy = installed.shared / "toy"
    toy.mkdir()
    shutil.copy(ROOT / "tests" / "toys" / "quadratic.py", toy)
    (toy / "model.toml").write_text(MODEL)
    (toy / "data.json").write_text("{}")
    (toy / "receiver.py").write_text(RECEIVER)
    installed.run("ln", "-s", "/shared/toy", "/srv/toy")
    command = [BOX, "run", installed.folder, "/usr/bin/python3", "/shared/toy/receiver.py"]
    receiver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    installed.run("retuned", "register", "/srv/toy/model.toml")
    installed.run("retuned", "baseline", "toy")
    yield installed
    receiver.kill()


def test_it_is_installed_and_says_that_it_is_ready(installed):
    assert installed.show("ActiveState") == "active"
    assert installed.show("NotifyAccess") == "main"
    assert len(list(json.loads(installed.run("retuned", "models", "--json").stdout))) == 0
    assert installed.run("stat", "-c", "%U %a", "/var/lib/retuned").stdout == "retuned 700\n"
    assert installed.run("stat", "-c", "%U %G %a", "/etc/retuned/config.toml").stdout == "root retuned 640\n"


def test_the_documents_are_installed_where_their_links_lead(installed):
    share = "/opt/retuned/current/share/retuned"
    for document in (
        "README.md",
        "docs/operations.md",
        "deploy/README.md",
        "deploy/uninstall.sh",
        "config.example.toml",
    ):
        installed.run("test", "-s", f"{share}/{document}")


def test_the_unit_is_sound(installed):
    done = installed.run("systemd-analyze", "verify", "/etc/systemd/system/retuned.service")
    assert (done.stdout, done.stderr) == ("", "")


def test_an_upgrade_keeps_the_version_before_and_the_token(installed):
    assert len(installed.run("ls", "/opt/retuned/versions").stdout.split()) == 2
    assert installed.run("stat", "-c", "%a", "/root/.config/retuned/token").stdout == "600\n"
    assert len(json.loads(installed.run("retuned", "token", "list", "--json").stdout)) == 1


def test_another_user_reaches_the_service_with_a_token_only(installed):
    token = installed.run("cat", "/root/.config/retuned/token").stdout.strip()
    nobody = ("setpriv", "--reuid", "65534", "--clear-groups", "env", "HOME=/nonexistent")
    ask = ("/usr/bin/python3", "-c", "import sys,urllib.request as u;r=u.Request('http://127.0.0.1:8719/api/v1/models');"
           "[r.add_header('Authorization','Bearer '+t) for t in sys.argv[1:]];print(u.urlopen(r).status)")  # fmt: skip
    assert installed.run(*nobody, *ask, token).stdout == "200\n"
    assert "401" in installed.run(*nobody, *ask, check=False).stderr
    named = (*nobody, "env", "RETUNED_URL=http://127.0.0.1:8719", f"RETUNED_TOKEN={token}")
    assert json.loads(installed.run(*named, "retuned", "models", "--json").stdout) == []
    refused = installed.run(*nobody, "retuned", "models", check=False)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "set RETUNED_URL and RETUNED_TOKEN" in refused.stderr


def test_the_doctor_finds_no_error(installed):
    levels = {one["level"] for one in json.loads(installed.run("retuned", "doctor", "--json").stdout)}
    assert "error" not in levels


def test_root_is_kept_from_the_database_while_no_service_runs(installed):
    installed.run("systemctl", "stop", "retuned")
    refused = installed.run("retuned", "models", check=False)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "runuser -u retuned" in refused.stderr
    assert installed.run("runuser", "-u", "retuned", "--", "retuned", "models", "--json").stdout == "[]\n"
    copies = installed.run("sh", "-c", "ls /var/lib/retuned/backups/*").stdout.split()
    installed.run("runuser", "-u", "retuned", "--", "retuned", "restore", copies[0])
    installed.run("systemctl", "start", "retuned")


def test_a_killed_service_is_restarted_and_takes_up_the_training_that_runs(registered):
    slow = {**DETECTABLE, "sleep_s": 1.5}  # the campaign takes longer than the restart of the service
    (registered.shared / "toy" / "data.json").write_text(json.dumps(slow))
    queued = registered.run("retuned", "retune", "toy", "--seed", "1", "--detach", "--json").stdout
    number = json.loads(queued)["campaign"]  # on a slow machine the baseline that registration queued is over first
    watching = registered.start("retuned", "watch", number)
    assert f"campaign {number}" in watching.stdout.readline()  # it has reached the service, before that is killed
    registered.wait(lambda: registered.pids(WORKERS) and registered.pids("quadratic.py"))
    before, workers = registered.show("MainPID"), registered.pids(WORKERS)
    leaders = registered.pids(f"campaign {number}")
    registered.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "retuned")
    registered.wait(lambda: registered.show("MainPID") not in ("0", before))
    registered.wait(lambda: registered.show("ActiveState") == "active")
    assert registered.pids(WORKERS) & workers == workers
    assert registered.pids(f"campaign {number}") == leaders != set()
    said, _ = watching.communicate(timeout=150)
    assert watching.returncode == 10, said  # who watched lived through the restart too
    assert "campaign_adopted" in registered.run("journalctl", "-u", "retuned").stdout
    registered.wait((registered.shared / "alerts").exists)
    alert = json.loads((registered.shared / "alerts").read_text().splitlines()[0])
    assert "STALE" in json.dumps(alert).upper()


def test_a_service_that_hangs_is_restarted_by_the_watchdog(registered):
    folder = "/etc/systemd/system/retuned.service.d"
    registered.run("mkdir", "-p", folder)
    registered.run("sh", "-c", f"printf '[Service]\\nWatchdogSec=4s\\n' > {folder}/short.conf")
    registered.run("systemctl", "daemon-reload")
    registered.run("systemctl", "restart", "retuned")
    before = registered.show("MainPID")
    time.sleep(9)
    assert registered.show("MainPID") == before  # it feeds the watchdog
    registered.run("kill", "-STOP", before)
    registered.wait(lambda: registered.show("MainPID") not in ("0", before))
    registered.wait(lambda: registered.show("ActiveState") == "active")
    assert "Watchdog timeout" in registered.run("journalctl", "-u", "retuned").stdout


def test_what_is_taken_away_leaves_the_database(registered):
    registered.run("/shared/source/deploy/uninstall.sh")
    registered.run("/shared/source/deploy/uninstall.sh")
    assert registered.run("test", "-e", "/var/lib/retuned/retuned.sqlite3").returncode == 0
    assert registered.run("test", "-e", "/etc/retuned/config.toml").returncode == 0
    assert registered.run("test", "-e", "/opt/retuned", check=False).returncode == 1
    assert registered.pids(".") == set()

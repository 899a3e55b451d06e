"""A service's HTTP interface over a desk, for the tests of its addresses and of its pages; a Slurm; and the wheel."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import requests
from retuned.daemon.api.server import Api
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import ApiTable, Config
from retuned.daemon.state.tokens import Role, create_token

ROOT = Path(__file__).resolve().parents[2]


class Served:
    """A desk with its API, a token for each role, and how often the service was woken."""

    def __init__(self, desk, listen="127.0.0.1:0", add_pages=None, **table):
        self.desk = desk
        self.woken = []
        config = Config(state=desk.config.state, api=ApiTable(listen=listen, **table))
        self.api = Api(desk.config.state, config, SystemClock(), lambda: self.woken.append(True), add_pages)
        self.url = self.api.start()
        now = SystemClock().now()
        self.secrets = {role: create_token(desk.store, role.word, role.word, now).secret for role in Role}

    def ask(self, method, path, role=Role.VIEWER, headers=(), **options):
        sent = dict(headers)
        if role is not None:
            sent.setdefault("authorization", f"Bearer {self.secrets[role]}")
        return requests.request(method, self.url + path, headers=sent, timeout=60, **options)

    def browser(self, role):
        """A browser that is signed in."""
        browser = requests.Session()
        answer = browser.post(f"{self.url}/sign-in", data={"token": self.secrets[role]}, timeout=30)
        assert answer.status_code == 200
        return browser


@pytest.fixture(scope="session")
def serve():
    """Serves a desk."""
    return Served


@pytest.fixture(scope="session")
def settled_original(new_desk, tmp_path_factory):
    """A desk whose toy model has a baseline. Only to be copied."""
    made = new_desk(tmp_path_factory.mktemp("settled"))
    made.register()
    made.baseline()
    return made


@pytest.fixture
def settled(settled_original, new_desk, tmp_path):
    """A copy of it that a test may change, its data and model file included."""
    folder = tmp_path / "settled"
    shutil.copytree(settled_original.folder, folder)
    copied = new_desk(folder)
    move_paths(copied.store, settled_original.folder, folder)
    return copied


def move_paths(store, before, after):
    """Have every recorded path below one folder lead to the same place below another."""
    columns = store.rows(
        """SELECT tables.name AS "table", columns.name AS "column" FROM sqlite_schema AS tables,
        pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' AND columns.type = 'TEXT'"""
    )
    with store.transaction():
        for row in columns:
            table, column = row["table"], row["column"]
            for old, new in ((f"{before}/", f"{after}/"), (f'"{before}"', f'"{after}"')):
                store.change(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?) > 0",  # noqa: S608
                    (old, new, old),
                )


@pytest.fixture(scope="module")
def slurm_cluster(of_benchmarks):
    """A controller and two nodes (benchmarks/slurm_cluster.py) for the tests of a module."""
    module = of_benchmarks("slurm_cluster")
    if missing := module.missing_programs():
        reason = f"nothing was tested on Slurm without {', '.join(missing)}: apt install slurm-wlm munge"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # paths of sockets are short: pytest's own folders are too long for them
    cluster = module.SlurmCluster(Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(cluster.conf))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.end()
            shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The package as pip installs it, unpacked: the folder `retuned` in one called `site`."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    made = (".*", "*.egg-info", "build", "__pycache__", "demo-state", "retuned-demo")  # a demo may even run there
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*made, "tests", "benchmarks"), symlinks=True)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("setuptools is not installed, so no wheel can be built")
    assert done.returncode == 0, done.stderr
    shutil.unpack_archive(folder / done.stdout.splitlines()[-1], folder / "site", "zip")
    return folder / "site" / "retuned"

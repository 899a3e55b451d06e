"""Schema steps: killed at any statement they leave the database at one step or the next, never between."""

import signal
import sqlite3
import subprocess
import sys

import pytest
from retuned.daemon.state.migrations import _STEP_0001, _STEP_0002, schema
from retuned.daemon.state.schema_steps import STEP_NAMES
from retuned.daemon.state.store import FILE_NAME, Store
from sqlite_utils import Database

# The connection counts its statements, and the process is killed at a given one: inside a step, before its commit.
KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from retuned.daemon.state.store import Store
seen, fatal, connect = [0], int(sys.argv[2]), sqlite3.connect
def count(statement):
    seen[0] += statement.lstrip().upper().startswith(("CREATE", "ALTER", "INSERT", "COMMIT"))
    if seen[0] == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
def counting(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.set_trace_callback(count)
    return connection
sqlite3.connect = counting
Store(Path(sys.argv[1]))
"""


def old_state(folder):
    """A state folder of the first schema, with a model in it."""
    folder.mkdir()
    database = Database(sqlite3.connect(folder / FILE_NAME, isolation_level=None))
    database.execute("PRAGMA journal_mode = WAL").fetchall()
    schema.apply(database, stop_before="m0002_service")
    database.execute(
        "INSERT INTO models (name, state, version, settings_version, anchor_at, registered_at)"
        " VALUES ('veteran', 'active', 1, 1, '2026-01-01', '2026-01-01')"
    )
    database.close()
    return folder


def steps(folder):
    database = Database(sqlite3.connect(folder / FILE_NAME))
    names = {step.name for step in schema.applied(database)}
    columns = {column.name for column in database["models"].columns} if "models" in database.table_names() else set()
    database.close()
    return names, columns


def killed_at(folder, statement):
    done = subprocess.run([sys.executable, "-c", KILLED, folder, str(statement)], capture_output=True, timeout=60)
    return done.returncode == -signal.SIGKILL


def test_every_step_is_known_by_name():
    assert {step.name for step in schema._migrations} == STEP_NAMES


@pytest.mark.parametrize("statement", [1, 2, 5, 9, 14, len(_STEP_0002), len(_STEP_0002) + 1])
def test_a_process_killed_inside_the_second_step_leaves_the_first(tmp_path, statement):
    folder = old_state(tmp_path / "state")
    assert killed_at(folder, statement)
    names, columns = steps(folder)
    assert names == {"m0001_first"}
    assert "interval_days" not in columns
    assert Store(folder).row("SELECT name, interval_days FROM models") == {"name": "veteran", "interval_days": None}


@pytest.mark.parametrize("statement", [3, 8, len(_STEP_0001)])
def test_a_process_killed_inside_the_first_step_leaves_an_empty_database(tmp_path, statement):
    (tmp_path / "state").mkdir()
    assert killed_at(tmp_path / "state", statement)
    assert steps(tmp_path / "state")[0] == set()
    assert Store(tmp_path / "state").rows("SELECT * FROM models") == []


def test_a_copy_is_made_before_an_existing_database_is_changed(tmp_path):
    folder = old_state(tmp_path / "state")
    Store(folder)
    (copy,) = (folder / "backups").iterdir()
    assert copy.name == "before-m0002_service.sqlite3"
    database = Database(sqlite3.connect(copy))
    assert [row["name"] for row in database["models"].rows] == ["veteran"]
    assert {step.name for step in schema.applied(database)} == {"m0001_first"}


def test_a_new_database_needs_no_copy(tmp_path):
    Store(tmp_path / "state")
    assert not (tmp_path / "state" / "backups").exists()


def test_processes_that_migrate_at_once_do_it_once(tmp_path):
    folder = old_state(tmp_path / "state")
    code = (
        "import sys; from pathlib import Path; from retuned.daemon.state.store import Store; Store(Path(sys.argv[1]))"
    )
    openers = [subprocess.Popen([sys.executable, "-c", code, folder]) for _ in range(4)]
    assert [opener.wait(60) for opener in openers] == [0] * 4
    assert steps(folder)[0] == STEP_NAMES

"""The state database: what a failed write leaves, who may open it, and what it says when it cannot be used."""

import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from retuned.daemon.state.faults import get_fact
from retuned.daemon.state.store import Store, copy_database, from_text, refuse_network, to_json, to_text
from retuned.strategies.errors import StateError

MODEL = {
    "name": "toy", "state": "active", "version": 1, "settings_version": 1, "anchor_at": "a", "next_due_at": None,
    "registered_at": "r",
}  # fmt: skip

WRITER = """
import sys
from pathlib import Path
from retuned.daemon.state.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    with store.transaction():
        row = store.row("SELECT version FROM models WHERE name = 'toy'")
        store.change("UPDATE models SET version = ? WHERE name = 'toy'", (row["version"] + 1,))
"""


def test_a_failed_transaction_leaves_nothing(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(store)
    assert store.rows("SELECT * FROM models") == []
    with store.transaction():
        store.insert("models", MODEL)
    found = Store(tmp_path).row("SELECT * FROM models")
    assert {name: found[name] for name in MODEL} == MODEL


def insert_and_fail(store):
    with store.transaction():
        store.insert("models", MODEL)
        raise ZeroDivisionError


def test_a_statement_that_the_schema_refuses_takes_the_whole_transaction_with_it(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(sqlite3.IntegrityError):
        insert_two(store, {**MODEL, "name": "other", "state": "asleep"})
    assert store.rows("SELECT * FROM models") == []


def insert_two(store, second):
    with store.transaction():
        store.insert("models", MODEL)
        store.insert("models", second)


def test_a_write_outside_a_transaction_is_a_bug(tmp_path):
    with pytest.raises(AssertionError, match="outside transaction"):
        Store(tmp_path).insert("models", MODEL)


def test_processes_that_write_at_once_all_succeed_and_lose_no_update(tmp_path):
    store = Store(tmp_path)
    with store.transaction():
        store.insert("models", MODEL)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [writer.stdout.readline() for writer in writers] == [b"ready\n", b"ready\n"]
    assert [writer.communicate(b"go\n", timeout=60)[1] for writer in writers] == [None, None]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert store.row("SELECT version FROM models")["version"] == 81


def test_processes_that_open_a_new_folder_at_once_make_one_schema(tmp_path):
    code = (
        "import sys; from pathlib import Path; from retuned.daemon.state.store import Store; Store(Path(sys.argv[1]))"
    )
    openers = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "new"]) for _ in range(3)]
    assert [opener.wait(60) for opener in openers] == [0, 0, 0]
    assert Store(tmp_path / "new").rows("SELECT * FROM models") == []


def test_a_database_that_another_program_keeps_locked_is_told_and_nothing_is_written(tmp_path):
    store = Store(tmp_path, busy_timeout_s=0.05)
    other = sqlite3.connect(tmp_path / "retuned.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(StateError, match=r"cannot be written: database is locked; .*what else holds"),
        store.transaction(),
    ):
        raise AssertionError("not reached")
    other.rollback()
    with store.transaction():
        store.insert("models", MODEL)


def test_a_database_of_a_newer_version_is_refused_with_its_remedy_and_left_as_it_is(tmp_path):
    store = Store(tmp_path)
    with store.transaction():
        store.change(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('retuned', 'm9999_later', 'then')"
        )
    store.close()
    before = (tmp_path / "retuned.sqlite3").read_bytes()
    with pytest.raises(StateError, match=r"newer retuned: m9999_later; .*; install the newer retuned again") as caught:
        Store(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "retuned.sqlite3").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_line_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot be opened: .*Not a directory.*--state DIR") as caught:
        Store(tmp_path / "file" / "state")
    assert "\n" not in str(caught.value)


def test_a_folder_that_refuses_new_files_is_one_line_with_a_remedy():
    with pytest.raises(StateError, match=r"state database /proc/retuned\.sqlite3 cannot be opened: .*--state DIR"):
        Store(Path("/proc"))


def test_a_file_that_is_no_database_is_one_line_and_stays(tmp_path):
    (tmp_path / "retuned.sqlite3").write_text("my own notes, " * 100)
    with pytest.raises(StateError, match="file is not a database"):
        Store(tmp_path)
    assert (tmp_path / "retuned.sqlite3").read_text().startswith("my own notes")


def test_only_the_owner_may_read_the_state(tmp_path):
    before = os.umask(0)
    try:
        store = Store(tmp_path / "state")
        with store.transaction():
            store.insert("models", MODEL)
    finally:
        os.umask(before)
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir() if "sqlite3" in path.name
    }
    assert set(modes.values()) == {0o600}
    assert "retuned.sqlite3-wal" in modes
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_what_is_committed_survives_a_process_that_is_killed(tmp_path):
    code = """if True:
        import os, signal, sys
        from pathlib import Path
        from retuned.daemon.state.store import Store
        store = Store(Path(sys.argv[1]))
        row = dict(zip(("name", "state", "version", "settings_version", "anchor_at", "registered_at"),
                       ("kept", "active", 1, 1, "a", "r")))
        with store.transaction():
            store.insert("models", row)
        with store.transaction():
            store.insert("models", {**row, "name": "not committed"})
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False, timeout=60)
    assert [row["name"] for row in Store(tmp_path).rows("SELECT name FROM models")] == ["kept"]


def test_moments_are_stored_in_utc_and_sort_as_text():
    early = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=5)))
    late = datetime(2026, 2, 28, 21, 0, tzinfo=UTC)
    assert to_text(early) < to_text(late)
    assert from_text(to_text(early)) == early
    assert from_text(to_text(early)).tzinfo is UTC


def test_json_in_the_database_is_canonical_and_never_holds_nan():
    assert to_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(float("nan"))


def test_a_damaged_database_is_told_with_the_way_back(tmp_path):
    (tmp_path / "retuned.sqlite3").write_bytes(b"not a database, whatever its name says " * 200)
    with pytest.raises(StateError, match=r"is damaged.*retuned restore"):
        Store(tmp_path)


@pytest.fixture
def damaged(tmp_path):
    """A state folder whose models lie on a damaged page, with two copies."""
    store = Store(tmp_path / "state")
    (page,) = (row["rootpage"] for row in store.rows("SELECT rootpage FROM sqlite_master WHERE name = 'models'"))
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    with (tmp_path / "state" / "retuned.sqlite3").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    return tmp_path / "state"


def restoring(state, backups):
    return re.escape(f"retuned --state {state} restore {backups}/retuned-20260102T000000Z.sqlite3")


def put_copies(folder):
    folder.mkdir()
    (folder / "retuned-20260101T000000Z.sqlite3").touch()
    (folder / "retuned-20260102T000000Z.sqlite3").touch()
    (folder / "before-0002.sqlite3").touch()


READS = [
    lambda store: store.rows("SELECT * FROM models"),
    lambda store: store.row("SELECT name FROM models WHERE id = ?", (1,)),
    lambda store: write(store, "UPDATE models SET name = 'x'"),
    lambda store: write(store, "DELETE FROM models"),
]


def write(store, sql):
    with store.transaction():
        store.change(sql)


@pytest.mark.parametrize("act", READS)
def test_a_damaged_page_is_told_with_the_newest_copy_and_its_command(damaged, act):
    put_copies(damaged / "backups")
    with pytest.raises(StateError, match=f"is damaged.*stop the service.*{restoring(damaged, damaged / 'backups')}"):
        act(Store(damaged))


def test_copies_may_lie_elsewhere(damaged, tmp_path):
    put_copies(tmp_path / "elsewhere")
    with pytest.raises(StateError, match=restoring(damaged, tmp_path / "elsewhere")):
        Store(damaged, backups=tmp_path / "elsewhere").rows("SELECT * FROM models")


def test_a_damaged_page_without_a_copy_says_where_none_is(damaged):
    with pytest.raises(StateError, match=r"there is no copy in .*backups: keep the state folder"):
        Store(damaged).rows("SELECT * FROM models")


def test_a_text_that_is_no_utf_8_and_a_broken_object_are_damages_too(tmp_path):
    store = Store(tmp_path)
    write(store, "INSERT INTO service_facts VALUES ('a', CAST(x'ff' AS TEXT), '2026-01-01')")
    with pytest.raises(StateError, match="is damaged"):
        store.rows("SELECT value FROM service_facts")
    with pytest.raises(StateError, match="is damaged"):
        store.rows("SELECT '{' ->> '$.a' AS a")


def test_a_row_that_cannot_be_read_is_told_as_such(tmp_path):
    store = Store(tmp_path)
    write(store, "INSERT INTO service_facts VALUES ('a', '{', '2026-01-01')")
    with pytest.raises(StateError, match="a fact about the service in the state database cannot be read"):
        get_fact(store, "a")


def test_a_name_that_is_no_utf_8_is_looked_for_and_not_found(tmp_path):
    assert Store(tmp_path).rows("SELECT * FROM models WHERE name = ?", ("caf\udce9",)) == []
    assert Store(tmp_path).rows("SELECT * FROM models WHERE name = :name", {"name": "\ud800"}) == []


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused(tmp_path, kind):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path}/far {kind} rw 0 0\n")
    with pytest.raises(StateError, match="network file system"):
        refuse_network(tmp_path / "far" / "state", mounts)
    refuse_network(tmp_path / "near", mounts)


def test_what_a_copy_replaces_is_whole_until_the_copy_is(tmp_path):
    store = Store(tmp_path / "state")
    target = tmp_path / "copy"
    target.write_text("the older copy")
    closed = sqlite3.connect(":memory:")
    closed.close()
    with pytest.raises(sqlite3.ProgrammingError):
        copy_database(closed, target)
    assert target.read_text() == "the older copy"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "state"]
    store.close()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_what_is_asked_for_by_a_number_that_no_database_holds_is_not_there(desk, number):
    desk.register()
    assert desk.store.rows("SELECT id FROM models WHERE id = ?", (number,)) == []
    assert desk.store.rows("SELECT id FROM models WHERE id = :id", {"id": number}) == []
    assert len(desk.store.rows("SELECT id FROM models WHERE id < ?", (abs(number),))) == 1

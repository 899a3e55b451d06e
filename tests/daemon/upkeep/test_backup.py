"""Copies of the database and the way back: whole, checked, with nothing of another time left behind."""

import sqlite3
import subprocess
import sys

import pytest
from retuned.daemon.config.config import BackupTable, Config
from retuned.daemon.state.campaigns.campaigns import campaigns_of, open_campaigns
from retuned.daemon.state.faults import get_fact, recent_faults
from retuned.daemon.state.migrations import schema
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.running_service import single_instance
from retuned.daemon.state.store import FILE_NAME, Store
from retuned.daemon.upkeep.backup import Backups, drop_old_backups, make_backup, restore
from retuned.strategies.errors import ConflictError, InputError
from sqlite_utils import Database

BUSY_WRITER = """
import sys
from pathlib import Path
from retuned.daemon.state.store import Store
store = Store(Path(sys.argv[1]))
for number in range(10**6):
    with store.transaction():
        store.change("UPDATE models SET version = version + 1")
    if number == 20:
        print("writing", flush=True)
"""


def rows(path, sql):
    connection = sqlite3.connect(path)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_a_copy_is_whole_and_only_its_owner_may_read_it(desk, clock):
    desk.register()
    copy = make_backup(desk.config.state, desk.folder / "copies", clock.now())
    assert copy.name == "retuned-20260131T090000Z.sqlite3"
    assert rows(copy, "SELECT name FROM models") == [("toy",)]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in copy.parent.iterdir()] == [copy.name]


def test_a_copy_can_be_made_while_another_process_writes_without_pause(desk, clock):
    desk.register()
    writer = subprocess.Popen([sys.executable, "-c", BUSY_WRITER, desk.config.state], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"writing\n"
    copy = make_backup(desk.config.state, desk.folder / "copies", clock.now())
    assert writer.poll() is None
    writer.kill()
    writer.wait()
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]


def test_the_service_makes_one_when_it_is_due_and_keeps_the_newest(desk, clock):
    config = Config(state=desk.config.state, backup=BackupTable(every=86400.0, keep=2))
    backups = Backups(desk.store, config)
    for _ in range(4):
        made_in_rounds(backups, clock)
        clock.move(days=1)
    names = sorted(each.name for each in (config.state / "backups").iterdir())
    assert names == ["retuned-20260202T090000Z.sqlite3", "retuned-20260203T090000Z.sqlite3"]
    assert get_fact(desk.store, "last_backup")[0]["path"].endswith(names[-1])


def made_in_rounds(backups, clock):
    backups.step(clock.now())
    backups.wait()
    backups.step(clock.now())


def test_none_is_made_again_before_its_time_not_even_after_a_restart(desk, clock):
    made_in_rounds(Backups(desk.store, desk.config), clock)
    clock.move(hours=23)
    made_in_rounds(Backups(desk.store, desk.config), clock)
    assert len(list((desk.config.state / "backups").iterdir())) == 1


def test_a_clock_that_was_set_back_does_not_stop_the_copies(desk, clock):
    made_in_rounds(Backups(desk.store, desk.config), clock)
    clock.move(days=-300)
    made_in_rounds(Backups(desk.store, desk.config), clock)
    assert len(list((desk.config.state / "backups").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_told_and_not_tried_in_every_round(desk, clock):
    (desk.folder / "file").write_text("no folder")
    config = Config(state=desk.config.state, backup=BackupTable(folder=str(desk.folder / "file")))
    backups = Backups(desk.store, config)
    made_in_rounds(backups, clock)
    made_in_rounds(backups, clock)
    (fault,) = recent_faults(desk.store)
    assert "no copy of the database could be made" in fault.sentence


def test_copies_under_other_names_are_kept(tmp_path):
    for name in (
        "retuned-20260101T000000Z.sqlite3",
        "retuned-20260102T000000Z.sqlite3",
        "before-m0002.sqlite3",
        "my.db",
    ):
        (tmp_path / name).touch()
    drop_old_backups(tmp_path, 1)
    left = sorted(each.name for each in tmp_path.iterdir())
    assert left == ["before-m0002.sqlite3", "my.db", "retuned-20260102T000000Z.sqlite3"]


def test_a_restore_brings_the_copy_back_and_keeps_what_was_there(desk, clock):
    desk.register()
    copy = make_backup(desk.config.state, desk.folder, clock.now())
    desk.baseline()
    desk.store.close()
    restored = restore(desk.config.state, copy, clock.now())
    store = Store(desk.config.state)
    assert [each.phase for each in open_campaigns(store)] == ["queued"]
    assert rows(restored.kept_as, "SELECT phase FROM campaigns") == [("done",)]
    assert (restored.campaigns, restored.set_aside) == (1, ())


def test_folders_of_campaigns_that_the_copy_does_not_know_are_put_aside(judged_copy, clock):
    empty = judged_copy.folder / "empty"
    Store(empty)
    copy = make_backup(empty, judged_copy.folder, clock.now())
    judged_copy.store.close()
    restored = restore(judged_copy.config.state, copy, clock.now())
    assert [folder.name for folder in sorted(restored.set_aside)] == [
        f"{number}.before-restore-20260131T090000Z" for number in (1, 2, 3)
    ]
    judged_copy.store = Store(judged_copy.config.state)
    judged_copy.register()
    baseline = judged_copy.baseline()  # number 1 again: trained anew, not taken over from the folder of old
    assert (baseline.id, baseline.phase) == (1, "done")


def test_a_copy_of_before_a_migration_is_brought_up_to_date(desk, clock):
    old = desk.folder / "old"
    old_database(old)
    desk.store.close()
    restore(desk.config.state, old / FILE_NAME, clock.now())
    assert campaigns_of(Store(desk.config.state), 1) == ()


def old_database(folder):
    folder.mkdir()
    database = Database(sqlite3.connect(folder / FILE_NAME, isolation_level=None))
    schema.apply(database, stop_before="m0002_service")
    database.close()


@pytest.mark.parametrize("content", [None, b"", b"no database at all, only text" * 99])
def test_what_is_no_copy_is_refused_and_nothing_changes(desk, clock, content):
    desk.register()
    file = desk.folder / "copy"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError):
        restore(desk.config.state, file, clock.now())
    assert find_model(Store(desk.config.state), "toy").name == "toy"


def test_a_copy_that_is_cut_off_is_refused(desk, clock):
    desk.register()
    copy = make_backup(desk.config.state, desk.folder, clock.now())
    copy.write_bytes(copy.read_bytes()[:-8192])
    with pytest.raises(InputError):
        restore(desk.config.state, copy, clock.now())


def test_while_a_service_runs_nothing_is_restored(desk, clock):
    copy = make_backup(desk.config.state, desk.folder, clock.now())
    with single_instance(desk.config.state), pytest.raises(ConflictError, match="already runs"):
        restore(desk.config.state, copy, clock.now())


def test_a_damaged_database_can_be_replaced_although_it_cannot_be_read(desk, clock):
    desk.register()
    copy = make_backup(desk.config.state, desk.folder, clock.now())
    desk.store.close()
    (desk.config.state / FILE_NAME).write_bytes(b"overwritten by accident" * 500)
    restored = restore(desk.config.state, copy, clock.now())
    assert find_model(Store(desk.config.state), "toy").name == "toy"
    assert restored.kept_as.read_bytes().startswith(b"overwritten")

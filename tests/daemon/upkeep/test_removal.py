"""A retired model can be removed for good: all of it, nothing else, and its numbers are not given again."""

import os
import pty
import subprocess
import sys

import pytest
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.campaigns.campaigns import campaigns_of, open_campaigns
from retuned.daemon.state.faults import note_fault
from retuned.daemon.state.models.models import all_entries
from retuned.daemon.state.models.registry import find_model, register, set_state
from retuned.daemon.state.models.removal import removals, remove_model
from retuned.daemon.upkeep.removal import remove_with_folders
from retuned.daemon.upkeep.retention import empty_trash, prune_step
from retuned.strategies.errors import ConflictError, UnknownName


def model_names(store):
    return tuple(entry.name for entry in all_entries(store))


def now():
    return SystemClock().now()


def verbs(desk):
    return Verbs(desk.store, desk.config, SystemClock())


def rows_by_table(store):
    tables = [row["name"] for row in store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    kept = ("service_facts", "tokens", "removed_models", "audit")
    ours = [table for table in tables if table not in kept and not table.startswith(("_", "sqlite_"))]
    return {table: store.row(f"SELECT count(*) AS n FROM {table}")["n"] for table in ours}  # noqa: S608 - of the schema


@pytest.fixture
def retired(judged_copy):
    note_fault(judged_copy.store, "alerts", "a receiver is gone", now(), model_id=1, campaign_id=3)
    set_state(judged_copy.store, "toy", "retired")
    return judged_copy


def second_model(desk):
    path = desk.folder / "second.toml"
    path.write_text((desk.folder / "model.toml").read_text().replace('name = "toy"', 'name = "second"'))
    register(desk.store, load_model_file(path), path, now())
    return find_model(desk.store, "second")


def test_no_row_and_no_folder_is_left_but_a_record_of_it(retired):
    assert all(rows_by_table(retired.store)[table] for table in ("outbox", "alerts", "legs", "faults", "campaigns"))
    removal = verbs(retired).remove("toy")
    assert set(rows_by_table(retired.store).values()) == {0}
    assert removal.campaigns == (1, 2, 3)
    assert removals(retired.store) == (removal,)
    assert retired.store.rows("PRAGMA foreign_key_check") == []
    left = [
        path.name for part in ("campaigns", "snapshots", "trash") for path in (retired.config.state / part).iterdir()
    ]
    assert left == []
    assert (retired.folder / "model.toml").exists()


def test_another_model_keeps_all_that_it_has(retired):
    second = second_model(retired)
    before = {row["id"] for row in retired.store.rows("SELECT id FROM campaigns WHERE model_id = ?", (second.id,))}
    verbs(retired).remove("toy")
    assert model_names(retired.store) == ("second",)
    assert {campaign.id for campaign in campaigns_of(retired.store, second.id)} == before
    assert rows_by_table(retired.store)["settings"] == 1


def test_numbers_are_not_given_again_to_a_model_of_the_same_name(retired):
    last_alert = list_alerts(retired.store)[0].id
    verbs(retired).remove("toy")
    retired.register()
    assert find_model(retired.store, "toy").id == 2
    assert [campaign.id for campaign in open_campaigns(retired.store)] == [4]
    baseline = retired.baseline()
    assert (baseline.id, baseline.facts.ended.runs) == (4, 15)
    retired.write_data(optimum=-1.0)
    retired.retune(seed=1)
    assert list_alerts(retired.store)[0].id > last_alert


def test_a_name_that_was_removed_is_told_from_one_that_never_was(retired):
    verbs(retired).remove("toy")
    today = f"{now():%Y-%m-%d}"
    with pytest.raises(UnknownName, match=f"no model is registered as 'toy'; one was removed on {today}"):
        find_model(retired.store, "toy")
    with pytest.raises(UnknownName, match="no model is registered as 'tow'; registered: none yet"):
        verbs(retired).remove("tow")


def test_a_model_in_use_is_refused_unless_it_is_to_be_retired(judged_copy):
    with pytest.raises(ConflictError, match=r"toy is active; a retired model can be removed; .*--retire"):
        verbs(judged_copy).remove("toy")
    verbs(judged_copy).remove("toy", retire=True)
    assert model_names(judged_copy.store) == ()


def test_a_campaign_that_waits_or_runs_is_not_pulled_away(desk):
    desk.register()
    with pytest.raises(ConflictError, match=r"campaign 1 of toy is open \(queued\).*retuned cancel toy"):
        verbs(desk).remove("toy", retire=True)
    assert find_model(desk.store, "toy").state == "active"
    set_state(desk.store, "toy", "retired")
    with pytest.raises(ConflictError, match="campaign 1 of toy is open"):
        verbs(desk).remove("toy")


HOLDER = """
import sys, time
from pathlib import Path
from retuned.daemon.state.campaigns.lease import Lease
from retuned.daemon.state.store import Store
lease = Lease(Store(Path(sys.argv[1])), 3)
print("held", flush=True)
time.sleep(60)
"""


def test_a_cancelled_campaign_whose_process_still_ends_is_waited_for(retired):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, retired.config.state], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConflictError, match="campaign 3 of toy is still ending"):
            verbs(retired).remove("toy")
        assert model_names(retired.store) == ("toy",)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_process_that_dies_before_the_folders_are_moved_leaves_nothing_that_hurts(retired):
    remove_model(retired.store, "toy", now(), None)
    assert sorted(path.name for path in (retired.config.state / "campaigns").iterdir()) == ["1", "2", "3"]
    retired.register()
    assert retired.baseline().id == 4
    assert prune_step(retired.store, retired.config, now()).folders == 3
    empty_trash(retired.config.state)
    assert [path.name for path in (retired.config.state / "campaigns").iterdir()] == ["4"]


def test_a_failing_removal_changes_nothing(retired):
    before = rows_by_table(retired.store)
    with retired.store.transaction():
        retired.store.change(
            "CREATE TRIGGER no_removal BEFORE DELETE ON models BEGIN SELECT raise(ABORT, 'no room'); END"
        )
    with pytest.raises(Exception, match="no room"):
        remove_with_folders(retired.store, "toy", now(), None)
    assert rows_by_table(retired.store) == before
    assert len(list((retired.config.state / "campaigns").iterdir())) == 3


def command(desk, *words, **options):
    line = [sys.executable, "-m", "retuned.daemon", "--state", desk.config.state, "remove", *words]
    return subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=60, **options)


def test_where_nobody_can_be_asked_yes_is_needed(retired):
    done = command(retired, "toy", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "retuned: remove deletes toy, its settings versions and 3 campaigns with verdicts and alerts, and here nobody "
        "can be asked; allowed: --yes; retuned remove toy --yes\n"
    )
    done = command(retired, "toy", "--yes", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, "toy is removed, with 3 campaigns; its own files are untouched\n")


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, ("toy",)), (b"y\n", 0, ())])
def test_at_a_terminal_it_asks(retired, answer, code, left):
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        done = command(retired, "toy", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Delete toy, its settings versions and 3 campaigns" in done.stdout + done.stderr
    assert (done.returncode, model_names(retired.store)) == (code, left)


def test_an_active_model_is_refused_before_anyone_is_asked(judged_copy):
    done = command(judged_copy, "toy", stdin=subprocess.DEVNULL)
    assert (done.returncode, "toy is active" in done.stderr) == (2, True)

"""What campaigns leave is kept for its time; what is needed stays, whatever its age."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config, RetentionTable
from retuned.daemon.state.campaigns.campaigns import campaigns_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.faults import get_fact
from retuned.daemon.upkeep.retention import Retention, disk_use, empty_trash, prune_step, size_of
from retuned.strategies.records import Outcome


def later(**parts):
    return SystemClock().now() + timedelta(**parts)


def folders(desk):
    return sorted(int(folder.name) for folder in (desk.config.state / "campaigns").iterdir())


def snapshots(desk):
    return sorted(folder.name for folder in (desk.config.state / "snapshots" / "toy").iterdir())


def made_old(desk):
    """Every file as if it had been written long ago."""
    for path in desk.config.state.glob("snapshots/*/*"):
        os.utime(path, (0, 0))


def test_logs_and_reports_of_old_campaigns_go_and_their_record_stays(judged_copy):
    record = results_of(judged_copy.store, 2)
    assert folders(judged_copy) == [1, 2, 3]
    pruned = prune_step(judged_copy.store, judged_copy.config, later(days=91))
    assert (pruned.folders, pruned.is_done) == (1, True)
    assert folders(judged_copy) == [1, 3]  # the baseline of the current settings, and the last verdict
    assert results_of(judged_copy.store, 2) == record


def test_nothing_goes_before_its_time(judged_copy):
    pruned = prune_step(judged_copy.store, judged_copy.config, later(days=89))
    assert (pruned.folders, pruned.snapshots, pruned.curves) == (0, 0, 0)


def test_a_campaign_that_was_opened_again_keeps_its_folder(judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE campaigns SET ended_at = NULL, phase = 'confirm' WHERE id = 2")
    prune_step(judged_copy.store, judged_copy.config, later(days=1000))
    assert folders(judged_copy) == [1, 2, 3]


def test_a_snapshot_is_removed_when_no_one_needs_it(judged_copy):
    judged_copy.register(settings='file = "live.json"')
    judged_copy.write_data(optimum=-1.0)
    judged_copy.retune(seed=2)
    assert len(snapshots(judged_copy)) == 3
    needed = {
        Path(campaign.facts.prepared.snapshot).parent.name
        for campaign in campaigns_of(judged_copy.store, 1)
        if campaign.id in (1, 4)
    }
    made_old(judged_copy)
    pruned = prune_step(judged_copy.store, judged_copy.config, later(days=366))
    assert pruned.snapshots == 1
    assert set(snapshots(judged_copy)) == needed


def test_while_a_campaign_of_the_model_is_open_no_snapshot_of_it_goes(judged_copy):
    made_old(judged_copy)
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE models SET settings_version = 9")
        judged_copy.store.change("UPDATE campaigns SET ended_at = NULL, phase = 'queued' WHERE id = 1")
    before = snapshots(judged_copy)
    prune_step(judged_copy.store, judged_copy.config, later(days=9999))
    assert snapshots(judged_copy) == before


def test_what_died_in_the_middle_is_removed_the_next_time(judged_copy):
    trash = judged_copy.config.state / "trash" / "campaign-7"
    trash.mkdir(parents=True)
    (trash / "half").write_text("left")
    (trash / "data").mkdir(mode=0o555)
    empty_trash(judged_copy.config.state)
    assert not trash.exists()


def test_folders_deeper_than_any_path_are_measured_and_emptied(judged_copy):
    trash = judged_copy.config.state / "trash" / "campaign-7"
    trash.mkdir(parents=True)
    (trash / "file").write_bytes(bytes(10_000))
    here = os.open(trash, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert size_of(trash) >= 10_000
    empty_trash(judged_copy.config.state)
    assert not trash.exists()


def test_a_folder_of_the_same_name_in_the_trash_is_no_trouble(judged_copy):
    trash = judged_copy.config.state / "trash" / "campaign-2"
    trash.mkdir(parents=True)
    (trash / "half").write_text("left")
    assert prune_step(judged_copy.store, judged_copy.config, later(days=91)).folders == 0
    empty_trash(judged_copy.config.state)
    assert prune_step(judged_copy.store, judged_copy.config, later(days=91)).folders == 1


def test_old_curves_go_and_scores_stay(judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE legs SET curve = x'00'")
    pruned = prune_step(judged_copy.store, judged_copy.config, later(days=731))
    left = {
        row["campaign_id"] for row in judged_copy.store.rows("SELECT campaign_id FROM legs WHERE curve IS NOT NULL")
    }
    assert left == {1, 3}
    assert pruned.curves > 10
    assert all(result.score is not None for result in results_of(judged_copy.store, 2))


def test_the_report_of_a_pruned_campaign_can_still_be_written(judged_copy, retuned):
    config = Config(state=judged_copy.config.state, retention=RetentionTable(legs=1.0, snapshots=1.0, curves=1.0))
    made_old(judged_copy)
    prune_step(judged_copy.store, config, later(days=5))
    page = judged_copy.folder / "page.html"
    done = retuned("--state", judged_copy.config.state, "report", "2", "--html", page)
    assert (done.returncode, done.stderr) == (0, "")
    assert Outcome.FRESH.value.upper() in page.read_text()


def test_a_model_can_still_be_re_evaluated_after_everything_old_has_gone(judged_copy):
    config = Config(state=judged_copy.config.state, retention=RetentionTable(legs=1.0, snapshots=1.0, curves=1.0))
    made_old(judged_copy)
    prune_step(judged_copy.store, config, later(days=5))
    assert judged_copy.retune(seed=1).verdict.outcome is Outcome.STALE


def test_what_a_model_takes_up_is_measured(judged_copy):
    used = disk_use(judged_copy.store)
    parts = [size_of(judged_copy.config.state / "campaigns"), size_of(judged_copy.config.state / "snapshots")]
    assert used == {"toy": sum(parts)}
    assert min(parts) > 0


def test_a_file_with_two_names_takes_up_its_space_once(tmp_path):
    (tmp_path / "one").write_bytes(bytes(100_000))
    size = size_of(tmp_path)
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert size_of(tmp_path) == size >= 100_000
    assert size_of(tmp_path / "none") == 0


def test_the_service_looks_once_an_hour_and_keeps_what_it_measured(judged_copy, clock):
    clock.move(seconds=(later(days=91) - clock.now()).total_seconds())
    retention = Retention(judged_copy.store, judged_copy.config)
    retention.step(clock.now())
    assert folders(judged_copy) == [1, 3]
    retention.wait()
    assert list((judged_copy.config.state / "trash").iterdir()) == []
    retention.step(clock.now())
    assert get_fact(judged_copy.store, "disk_use")[0]["models"]["toy"] > 0
    (judged_copy.config.state / "campaigns" / "2").mkdir()
    retention.step(clock.now())
    assert folders(judged_copy) == [1, 2, 3]
    clock.move(hours=1)
    retention.step(clock.now())
    assert folders(judged_copy) == [1, 3]


@pytest.mark.parametrize("count", [39, 40, 95])
def test_much_is_removed_a_little_at_a_time(judged_copy, clock, count):
    with judged_copy.store.transaction():
        for _ in range(count):
            judged_copy.store.change(
                "INSERT INTO campaigns (model_id, model_version, settings_version, kind, trigger, phase, seed, options,"
                " created_at, ended_at) VALUES (1, 1, 1, 'retune', 'x', 'failed', 0, '{}', '2020-01-01', '2020-01-02')"
            )
    for number in range(4, count + 4):
        (judged_copy.config.state / "campaigns" / str(number)).mkdir()
    rounds = 0
    while not prune_step(judged_copy.store, judged_copy.config, clock.now()).is_done:
        rounds += 1
    assert rounds == count // 40
    assert folders(judged_copy) == [1, 2, 3]

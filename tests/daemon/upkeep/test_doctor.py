"""The doctor: each trouble has its finding with a remedy, a check that fails itself is one, and nothing is changed."""

import os
import shutil
import socket
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from retuned.daemon.config.config import AlertsTable, Config
from retuned.daemon.state.faults import set_fact
from retuned.daemon.state.running_service import single_instance
from retuned.daemon.state.store import to_text
from retuned.daemon.upkeep.doctor import examine, examine_case
from retuned.daemon.upkeep.doctor_findings import Case

CANARY = "canary-4711"


@pytest.fixture
def case(judged_copy, clock, tmp_path):
    """A case of a judged model on a machine that the test describes."""
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\n")
    for name in ("etc", "units"):
        (tmp_path / name).mkdir()
    config = Config(state=judged_copy.config.state)
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    return Case(config, home, clock.now(), None, tmp_path / "etc", tmp_path / "units", mounts)


def found(case, part):
    return [(finding.level, finding.sentence) for finding in examine_case(case) if finding.part == part]


def levels(case, part):
    return [level for level, _ in found(case, part)]


def sentences(case, part):
    return " | ".join(sentence for _, sentence in found(case, part))


def test_a_state_folder_in_good_order_has_no_errors_but_the_receiver_that_is_not_there(case):
    findings = examine_case(case)
    assert [finding.part for finding in findings if finding.level == "error"] == ["channels"]
    assert {finding.part for finding in findings if finding.level == "ok"} >= {
        "configuration",
        "state folder",
        "database",
        "models",
    }


def test_every_warning_and_error_says_what_to_do_and_no_finding_has_two_lines(case):
    findings = examine_case(replace(case, user=4711))
    assert [finding for finding in findings if finding.level != "ok" and not finding.remedy] == []
    assert [finding for finding in findings if "\n" in finding.sentence + finding.remedy] == []


def test_before_the_first_command_nothing_is_there_and_nothing_is_made(tmp_path, clock):
    findings = examine(Config(state=tmp_path / "state"), {"HOME": str(tmp_path)}, clock)
    assert {finding.level for finding in findings if finding.part in ("state folder", "database")} == {"warning"}
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_that_is_used_is_named(case):
    assert sentences(case, "configuration") == "no configuration file; the defaults apply"
    file = case.system_folder / "config.toml"
    file.write_text("")
    assert sentences(case, "configuration") == f"{file} is valid"
    file.chmod(0o666)
    assert levels(case, "configuration") == ["ok", "error"]


def test_a_state_folder_that_others_can_read_is_a_warning(case):
    case.config.state.chmod(0o755)
    assert found(case, "state folder") == [("warning", f"{case.config.state} is open to others (mode 755)")]


def test_a_state_folder_of_another_user_is_an_error(case):
    assert "and this is user" in sentences(replace(case, user=case.user + 1), "state folder")


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a folder away")
def test_for_root_it_is_none(case):
    os.chown(case.config.state, 4711, -1)
    assert found(case, "state folder")[0][0] == "ok"


FILE_SYSTEMS = [
    ("/dev/a / ext4 rw 0 0\nserver:/x {state} nfs4 rw 0 0\n", "error"),  # locks of a network are not safe
    ("/dev/a / ext4 rw 0 0\nnone {state} tmpfs rw 0 0\n", "warning"),  # gone after a restart
    ("server:/x / nfs4 rw 0 0\n/dev/a {state} ext4 rw 0 0\n", "ok"),  # the nearest mount counts
    ("server:/x {state}/campaigns nfs4 rw 0 0\n/dev/a / ext4 rw 0 0\n", "ok"),  # one below does not
]


@pytest.mark.parametrize(("mounts", "level"), FILE_SYSTEMS)
def test_a_file_system_that_is_not_local_or_does_not_stay_is_told(case, mounts, level):
    case.mounts.write_text(mounts.format(state=os.path.realpath(case.config.state)))
    assert levels(case, "disk")[0] == level


def test_a_damaged_database_is_an_error_and_the_other_checks_go_on(case):
    with case.database.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(20000))
    Path(f"{case.database}-wal").unlink(missing_ok=True)
    findings = examine_case(case)
    (database,) = [finding for finding in findings if finding.part == "database"]
    assert (database.level, "is damaged" in database.sentence) == ("error", True)
    assert "retuned restore" in database.remedy
    assert {"clock", "machine", "channels"} <= {finding.part for finding in findings}


def test_a_database_of_a_newer_version_is_not_touched(case):
    with sqlite3.connect(case.database) as database:
        database.execute("UPDATE _sqlite_migrations SET name = 'm9999_later' WHERE name = 'm0002_service'")
    assert "written by a newer retuned: m9999_later" in sentences(case, "database")
    assert found(case, "models") == []


def test_a_service_that_does_not_run_is_a_warning(case):
    assert levels(case, "service") == ["warning"]


def beaten(desk, at):
    value = {"pid": os.getpid(), "started_at": to_text(at), "tick": 1, "tick_s": 0.01, "failed": []}
    set_fact(desk.store, "heartbeat", value, at)


def test_a_service_that_ticks_is_well_and_one_that_does_not_is_an_error(case, judged_copy):
    with single_instance(case.config.state):
        assert levels(case, "service") == ["warning"]  # no round yet
        beaten(judged_copy, case.now)
        assert found(case, "service") == [("ok", f"it runs (process {os.getpid()}); a round took 10 ms")]
        late = replace(case, now=case.now + timedelta(hours=1))
        assert levels(late, "service") == ["error"]
        assert "has not recorded its address" in sentences(case, "api")


def test_an_api_that_does_not_answer_is_an_error(case, judged_copy):
    place = '{"url": "http://127.0.0.1:9", "token": "x", "pid": 1}'
    (case.config.state / "api.json").write_text(place)
    with single_instance(case.config.state):
        assert "http://127.0.0.1:9 does not answer: ConnectionError" in sentences(case, "api")


CLOCKS = [
    (timedelta(0), "ok"),
    (timedelta(days=-2), "error"),  # set back: the last round lies in the future
    (timedelta(days=-365 * 56), "error"),  # a machine without a battery starts in 1970
]


@pytest.mark.parametrize(("moved", "level"), CLOCKS)
def test_a_clock_that_cannot_be_right_is_an_error(case, judged_copy, moved, level):
    beaten(judged_copy, case.now)
    assert levels(replace(case, now=case.now + moved), "clock") == [level]


def test_a_model_whose_data_is_gone_is_an_error(desk, case):
    desk.register()
    here = replace(case, config=desk.config)
    assert found(here, "models") == [("ok", "1 model: programs, data and settings exist")]
    (desk.folder / "data.json").unlink()
    assert found(here, "models") == [("error", f"toy: data.path: there is nothing at {desk.folder}/data.json")]


def test_of_a_model_that_cannot_be_read_the_others_are_looked_at(case, judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE model_versions SET body = '{'")
    (finding,) = found(case, "models")[:1]
    assert finding[0] == "error"
    assert "toy cannot be read from the registry" in finding[1]


def test_a_model_that_asks_for_more_than_the_machine_has_is_an_error(desk, case):
    training = desk.training_table(Path(__file__).parents[2] / "toys" / "quadratic.py")
    desk.register(training=f'{training}\nresources = {{memory = "900TiB", gpus = 900}}')
    text = sentences(replace(case, config=desk.config), "machine")
    assert "toy needs 900 GPUs per run, and this machine has" in text
    assert "it will never start" in text


def test_a_receiver_is_asked_for_a_connection_and_nothing_is_sent(case):
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        url = f"http://127.0.0.1:{receiver.getsockname()[1]}/{CANARY}"
        config = case.config.model_copy(update={"alerts": AlertsTable(webhook=url)})
        findings = examine_case(replace(case, config=config))
        assert receiver.accept()[0].recv(100) == b""
    place = url.removesuffix(f"/{CANARY}")
    assert ("ok", f"{place} accepts connections") in [(finding.level, finding.sentence) for finding in findings]
    assert CANARY not in repr(findings)


def test_a_receiver_that_is_not_there_is_an_error(case):
    assert ("error", "http://127.0.0.1:9 cannot be reached: Connection refused") in found(case, "channels")


def test_a_secret_that_cannot_be_read_is_an_error(case):
    alerts = AlertsTable(webhook="http://127.0.0.1:9/", webhook_secret="env:NOT_THERE")
    config = case.config.model_copy(update={"alerts": alerts})
    assert "the environment variable NOT_THERE is not set" in sentences(replace(case, config=config), "channels")


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_abc", "whsec_"])
def test_a_secret_that_cannot_sign_is_an_error(case, secret):
    alerts = AlertsTable(webhook="http://127.0.0.1:9/", webhook_secret="env:HOOK")
    config = case.config.model_copy(update={"alerts": alerts})
    findings = found(replace(case, config=config, environ={**case.environ, "HOOK": secret}), "channels")
    assert [sentence for level, sentence in findings if level == "error" and "not base64" in sentence] != []
    assert secret not in repr(findings) or secret == "whsec_"


def test_backups_are_told_by_age_and_by_whether_they_can_be_read(case, judged_copy, tmp_path):
    assert found(case, "backups") == [("warning", "there is no backup yet")]
    copy = tmp_path / "copy.sqlite3"
    judged_copy.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    shutil.copy(case.database, copy)
    set_fact(judged_copy.store, "last_backup", {"path": str(copy), "bytes": 1}, case.now - timedelta(days=9))
    assert levels(case, "backups") == ["warning", "ok"]
    copy.write_bytes(b"nothing of the kind" * 100)
    assert levels(case, "backups") == ["warning", "error"]


def test_a_unit_that_is_not_enabled_or_starts_nothing_is_told(case):
    unit = case.units / "retuned.service"
    unit.write_text("[Service]\nExecStart=/nowhere/retuned serve\n")
    assert levels(case, "systemd") == ["error"]
    unit.write_text("[Service]\nExecStart=/bin/sh serve\n")
    assert levels(case, "systemd") == ["warning"]
    (case.units / "multi-user.target.wants").mkdir()
    (case.units / "multi-user.target.wants" / "retuned.service").symlink_to(unit)
    assert levels(case, "systemd") == ["ok"]


def test_a_check_that_fails_itself_is_a_finding_and_the_others_go_on(case):
    unit = case.units / "retuned.service"
    unit.mkdir()
    findings = examine_case(case)
    (systemd,) = [finding for finding in findings if finding.part == "systemd"]
    assert (systemd.level, systemd.sentence.startswith("this check failed: IsADirectoryError")) == ("error", True)
    assert "database" in {finding.part for finding in findings}

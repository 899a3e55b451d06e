"""Slurm's parts without a Slurm: what commands are told, and what is made of what they print."""

import os
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config, load_config
from retuned.daemon.config.workers_table import WorkersTable
from retuned.daemon.service.cluster_look import ClusterLook
from retuned.daemon.training.cluster.engines import jobs_from, jobs_of
from retuned.daemon.training.cluster.jobs import Node, Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.slurm_jobs import SlurmJobs
from retuned.daemon.training.cluster.slurm_options import SlurmOptions, sbatch_words
from retuned.daemon.upkeep.doctor import examine
from retuned.strategies.errors import CampaignFailed, ClusterAway, InputError

GIB = 2**30
SPOOL = Path("/mnt/shared/a b|c/1")
ORDER = Order("retuned-a", ("python3", "/p/node", str(SPOOL), "a"), Needs(1.5, 1, 3 * GIB), SPOOL, lifetime_s=3601)
FAILED = "sbatch: error: Batch job submission failed: "
COMMAND = """#!/bin/sh
printf '%s' "${0##*/}" >> {folder}/told; printf ' %s' "$@" >> {folder}/told; echo >> {folder}/told
env | sort > {folder}/${0##*/}.env; cat > {folder}/${0##*/}.read
test -e {folder}/${0##*/}.err && cat {folder}/${0##*/}.err >&2
cat {folder}/${0##*/}.out 2>/dev/null
exit $(cat {folder}/${0##*/}.code 2>/dev/null || echo 0)
"""


class Commands:
    """Commands of Slurm that print what the test puts in."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("sbatch", "squeue", "sacct", "scancel", "sinfo"):
            (folder / name).write_text(COMMAND.replace("{folder}", str(folder)))
            (folder / name).chmod(0o755)

    def print(self, command, out="", err="", code=0):
        (self.folder / f"{command}.out").write_text(out)
        (self.folder / f"{command}.err").write_text(err)
        (self.folder / f"{command}.code").write_text(str(code))

    def told(self, command):
        lines = (self.folder / "told").read_text().splitlines()
        return [line for line in lines if line.partition(" ")[0] == command]


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """They alone, and the few that they need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Commands(folder)


def row(number=7, restarts=0, state="RUNNING", submitted="2026-11-29T21:48:44", reason="None", name="retuned-a",
        comment="/mnt/shared/a%20b%7Cc/1"):  # fmt: skip
    return f"{number:<24}|{restarts:<8}|{state:<24}|{submitted:<24}|{reason:<80}|{name:<80}|{comment:<1001}\n"


def test_a_job_is_told_its_place_its_needs_and_no_secret(commands, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")
    monkeypatch.setenv("SBATCH_PARTITION", "elsewhere")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/other.conf")
    SlurmJobs(SlurmOptions("gpu", "forecasts", "low", None, ("--nice=5",))).submit(ORDER)
    (told,) = commands.told("sbatch")
    assert told == (
        "sbatch --nice=5 --parsable --job-name=retuned-a --comment=/mnt/shared/a%20b%7Cc/1"
        " --output=/mnt/shared/a b|c/1/.retuned-a.log --open-mode=append --chdir=/ --nodes=1 --ntasks=1"
        " --partition=gpu --account=forecasts --qos=low --time=61"
        " --requeue --cpus-per-task=2 --mem=3072M --gres=gpu:1"
    )
    assert (commands.folder / "sbatch.read").read_text() == (
        "#!/bin/sh\nexec python3 /p/node '/mnt/shared/a b|c/1' a\n"
    )
    seen = (commands.folder / "sbatch.env").read_text()
    assert ("hunter2" in seen, "SBATCH" in seen, "SLURM_CONF=/etc/slurm/other.conf" in seen) == (False, False, True)


def test_a_node_is_asked_by_a_small_job_that_sees_its_gpus():
    order = Order("retuned-ask-1-0", ("true",), Needs(8, 2, 64 * GIB), SPOOL, Node("n7", {}), 300)
    words = sbatch_words(SlurmOptions(), order)
    assert {"--nodelist=n7", "--cpus-per-task=1", "--no-requeue", "--gres=gpu:2", "--time=5"} <= set(words)


@pytest.mark.parametrize("custom", [{"gpu:a100": 0.5}, {"gpu:1,license": 1.0}])
def test_resources_that_slurm_cannot_give_are_refused(custom):
    with pytest.raises(CampaignFailed, match=r"whole numbers of generic resources.*resources under"):
        sbatch_words(SlurmOptions(), Order("retuned-a", ("true",), Needs(custom=custom), SPOOL))


@pytest.mark.parametrize(
    ("listed", "status", "waited", "lives"),
    [
        (row(), "RUNNING", False, 0),
        (row(state="PENDING", reason="Priority"), "PENDING", False, 0),
        (row(state="CONFIGURING"), "PENDING", False, 0),  # its node is being started
        (row(state="SUSPENDED"), "SUSPENDED", False, 0),
        (row(state="COMPLETING"), "RUNNING", False, 0),  # what it started may still write
        (row(state="COMPLETING", restarts=1), "RUNNING", False, 0),  # requeued, and the first life is not over
        (row(state="PENDING", restarts=1, reason="BeginTime"), "PENDING", False, 1),
        (row(restarts=2), "RUNNING", False, 2),
        (row(state="COMPLETED"), "SUCCEEDED", False, 0),
        (row(state="FAILED", reason="NonZeroExitCode"), "FAILED", False, 0),
        (row(state="CANCELLED"), "FAILED", True, 0),
        (row(state="NODE_FAIL"), "FAILED", True, 0),
        (row(state="PENDING", reason="PartitionTimeLimit"), "FAILED", False, 0),  # it would wait for ever
        (row(state="PENDING", reason="launch_failed_requeued_held"), "FAILED", False, 0),
        (row(state="A_NEW_ONE"), "RUNNING", False, 0),  # of a later version: not taken for ended
    ],
)
def test_what_squeue_lists_has_one_meaning(commands, listed, status, waited, lives):
    commands.print("squeue", listed)
    (job,) = SlurmJobs(SlurmOptions()).jobs().values()
    assert (job.id, job.spool) == ("retuned-a", str(SPOOL))
    assert (job.status, job.waited_in_vain, job.lives_over) == (status, waited, lives)


def test_other_peoples_jobs_are_none_of_ours_and_of_two_of_a_name_the_later_counts(commands):
    others = row(name="train") + row(name="retuned-b", comment="mine") + row(name="retuned-c", comment="(null)")
    later = row(number=3, submitted="2026-11-30T00:00:00", state="PENDING")  # numbers begin again
    commands.print("squeue", others + later + row(number=70000))
    jobs = SlurmJobs(SlurmOptions())
    assert [(job.id, job.status) for job in jobs.jobs().values()] == [("retuned-a", "PENDING")]
    jobs.stop("retuned-a")
    jobs.kill("retuned-b")
    assert commands.told("scancel") == [f"scancel --user={os.getuid()} --name=retuned-a 3"]


def test_what_is_killed_gets_sigkill_with_all_its_steps_and_leaves_the_queue(commands):
    commands.print("squeue", row())
    SlurmJobs(SlurmOptions()).kill("retuned-a")
    own = f"--user={os.getuid()} --name=retuned-a 7"
    assert commands.told("scancel") == [f"scancel --signal=KILL --full {own}", f"scancel {own}"]


def test_a_job_that_has_just_ended_is_no_complaint(commands):
    commands.print("squeue", row())
    commands.print("scancel", err="scancel: error: Kill job error on job id 7: Invalid job id specified\n", code=1)
    SlurmJobs(SlurmOptions()).stop("retuned-a")


@pytest.mark.parametrize(
    ("out", "code", "waited", "said"),
    [
        ("2026-11-29T21:48:44|FAILED\n", 0, False, "FAILED"),
        ("2026-11-29T21:48:44|CANCELLED by 0\n2026-11-28T21:48:44|FAILED\n", 0, True, "CANCELLED"),  # the later one
        ("", 1, False, "knows nothing of it"),  # Slurm accounting storage is disabled
    ],
)
def test_how_a_job_ended_that_is_listed_no_more_is_asked_once_of_the_accounts(commands, out, code, waited, said):
    jobs = SlurmJobs(SlurmOptions())
    jobs.submit(ORDER)
    commands.print("sacct", out, code=code)
    jobs.jobs()
    job = jobs.jobs()["retuned-a"]
    assert (job.status, job.waited_in_vain, said in job.message) == ("FAILED", waited, True)
    assert len(commands.told("sacct")) == 1
    jobs.delete("retuned-a")
    assert jobs.jobs() == {}


@pytest.mark.parametrize(
    ("err", "error", "said"),
    [
        ("error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid partition name"
         " specified\n", CampaignFailed, "refused a worker: invalid partition specified: nope"),
        (FAILED + "Requested node configuration is not available\n", CampaignFailed, "Requested node configuration"),
        ("sbatch: unrecognized option '--bogus'\nTry \"sbatch --help\" for more\n", CampaignFailed, "bogus'"),
        (FAILED + "Unable to contact slurm controller (connect failure)\n", ClusterAway, "takes no job now"),
        (FAILED + "Job violates accounting/QOS policy (job submit limit, user's size)\n", ClusterAway,
         "QOS policy"),  # others' jobs may end
    ],
)  # fmt: skip
def test_a_refusal_is_told_from_a_trouble_of_the_moment(commands, err, error, said):
    commands.print("sbatch", err=err, code=1)
    with pytest.raises(error, match=said):
        SlurmJobs(SlurmOptions()).submit(ORDER)


def test_a_controller_that_does_not_answer_is_told_in_one_sentence(commands):
    commands.print("squeue", err="slurm_load_jobs error: Unable to contact slurm controller (connect failure)", code=1)
    with pytest.raises(
        ClusterAway, match=r"Slurm controller does not answer \(slurm_load_jobs error: Unable.*wait until"
    ):
        SlurmJobs(SlurmOptions()).jobs()


def test_jobs_are_not_ended_one_by_one_at_a_controller_that_did_not_answer(commands):
    commands.print("squeue", row())
    jobs = SlurmJobs(SlurmOptions())
    jobs.jobs()
    commands.print("squeue", err="Unable to contact slurm controller", code=1)
    with pytest.raises(ClusterAway):
        jobs.jobs()
    with pytest.raises(ClusterAway, match="a moment ago"):
        jobs.stop("retuned-a")
    assert commands.told("scancel") == []


def test_the_services_look_says_that_the_controller_is_away_and_forgets_what_ended(commands, clock, tmp_path):
    look = ClusterLook(WorkersTable(runner="slurm", shared=tmp_path), clock)
    commands.print("sinfo", err="slurm_load_partitions: Unable to contact slurm controller\n", code=1)
    with pytest.raises(ClusterAway, match="campaigns wait until it is back"):
        look.step()
    log = tmp_path / "campaigns" / "1" / ".retuned-a.log"
    log.parent.mkdir(parents=True)
    log.write_text("done")
    commands.print("sinfo", "slurm 22.05.8\n")
    commands.print("squeue", row(state="COMPLETED", comment=str(log.parent)))
    clock.move(seconds=61)
    look.step()
    assert not log.exists()


def test_a_command_that_hangs_counts_as_away(commands):
    (commands.folder / "squeue").write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ClusterAway, match="squeue had no answer within"):
        SlurmJobs(SlurmOptions(), timeout_s=0.2).jobs()


def test_nodes_in_order_are_counted_with_what_they_have(commands):
    commands.print("sinfo", "n1|idle|8|64000|gpu*|gpu:a100:4(S:0-1),shard:8\nn1|idle|8|64000|all|gpu:a100:4(S:0-1)\n"
                            "n2|mixed-|4|32000|gpu*|(null)\nn3|down*|8|64000|gpu*|(null)\nn4|drained|8|64000|gpu*|(null)\n"
                            "n5|idle~|8|64000|gpu*|(null)\n")  # fmt: skip
    first, second, third = SlurmJobs(SlurmOptions()).nodes()
    gpus = {"GPU": 4.0, "gpu": 4.0, "gpu:a100": 4.0, "shard": 8.0}
    assert (first.address, first.is_free, first.resources) == (
        "n1", True, {"CPU": 8.0, "memory": 64000.0 * 2**20, **gpus}
    )  # fmt: skip
    assert (second.address, second.is_free, third.address) == ("n2", False, "n5")  # the last can be powered up
    assert Needs(2, custom={"gpu:a100": 2.0}).fit(first.resources) == 2


def test_a_partition_that_is_not_known_is_told_with_those_that_are(commands):
    commands.print("sinfo", "work\nurgent\n")
    with pytest.raises(InputError, match=r"partition nope is not known.*allowed: work, urgent.*correct partition"):
        SlurmJobs(SlurmOptions(partition="work,nope")).version()


def test_the_doctor_says_which_commands_are_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "shared").mkdir()
    workers = WorkersTable(runner="slurm", shared=tmp_path / "shared")
    config = Config(state=tmp_path / "state", workers=workers)
    (found,) = [each for each in examine(config, {"HOME": str(tmp_path)}, SystemClock()) if each.part == "cluster"]
    assert (found.level, found.sentence) == (
        "error", "sbatch, squeue, sacct, scancel, sinfo of Slurm cannot be run here"
    )  # fmt: skip
    assert "slurm-client" in found.remedy


def test_a_job_may_take_as_long_as_the_longest_training_or_as_the_owner_says():
    assert SlurmJobs(SlurmOptions()).lifetime_s(60.0) == 60.0 + 3600.0
    assert SlurmJobs(SlurmOptions(time_limit_s=600.0)).lifetime_s(60.0) == 600.0
    with pytest.raises(CampaignFailed, match=r"a job may take 600 s, and one training up to 3600 s.*raise time_limit"):
        SlurmJobs(SlurmOptions(time_limit_s=600.0)).lifetime_s(3600.0)


def test_a_spool_tells_which_engine_its_workers_are_on():
    jobs = jobs_of(WorkersTable(runner="slurm", shared="/mnt"))
    assert (jobs.record(), jobs_from(jobs.record()).name) == ({"runner": "slurm"}, "the Slurm cluster")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "workers.shared is missing, which runner = 'slurm' needs"),
        ("partition = 'a b'", "workers.partition is 'a b'.*a name that Slurm knows"),
        ("sbatch = ['-p x']", "workers.sbatch.*'--option=value'"),
        ('sbatch = ["--nice=1\\n#SBATCH -p x"]', "workers.sbatch.*without line breaks"),
        ("sbatch = ['--partition=x']", "retuned sets --partition itself.*write partition under"),
        ("sbatch = ['--job-n=x']", "retuned sets --job-name itself"),  # sbatch takes shortened ones
        ("sbatch = ['--no-requeue']", "retuned sets --no-requeue itself"),
        ("time_limit = 'soon'", "workers.time_limit"),
    ],
)
def test_a_table_that_slurm_cannot_use_is_refused_with_what_is_allowed(tmp_path, text, said):
    (tmp_path / "config.toml").write_text(f"[workers]\nrunner = 'slurm'\n{text}\n")
    with pytest.raises(InputError, match=said):
        load_config(tmp_path / "config.toml", {"HOME": str(tmp_path)})


def test_a_teams_own_options_are_taken(tmp_path):
    words = "['--constraint=a100&ib', '--mem-bind=local', '--exclusive']"
    (tmp_path / "config.toml").write_text(f"[workers]\nrunner = 'slurm'\nshared = '/mnt'\nsbatch = {words}\n")
    config = load_config(tmp_path / "config.toml", {"HOME": str(tmp_path)})
    assert config.workers.sbatch == ("--constraint=a100&ib", "--mem-bind=local", "--exclusive")
    assert config.workers.slots == 4096

"""The stand-in for Slurm prints what the real one prints."""

import os
import re
import subprocess
import time

import pytest
from retuned.daemon.training.cluster.jobs import Order
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.slurm_jobs import _FORMAT
from retuned.daemon.training.cluster.slurm_options import SlurmOptions, sbatch_words

pytestmark = pytest.mark.timeout(300)
CHANGING = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
SCRIPTS = {"cancelled": "exec sleep 60", "completed": "exit 0", "failed": "exit 3"}


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=os.environ, **options)
    return done.stdout, done.stderr, done.returncode


def rows():
    """What squeue says of our jobs, by their names, without numbers and times."""
    out, _, _ = run("squeue", "--states=all", "--noheader", f"--user={os.getuid()}", f"--Format={_FORMAT}")
    ours = [CHANGING.sub("TIME", re.sub(r"^\d+ +", "", line)) for line in out.splitlines() if "retuned-f" in line]
    return sorted(ours, key=lambda row: row.split("|")[5])


def wait_until(*states):
    until = time.monotonic() + 60
    while [row.split("|")[2].strip() for row in rows()] != list(states):
        assert time.monotonic() < until, rows()
        time.sleep(0.1)


def transcript(folder):
    """All that the commands say of three jobs, one of which is cancelled while it runs, and again when it has ended."""
    numbers = {}
    for name, script in SCRIPTS.items():
        order = Order(f"retuned-f-{name}", (), Needs(), folder, lifetime_s=600)
        out, error, code = run("sbatch", *sbatch_words(SlurmOptions(), order), input=f"#!/bin/sh\n{script}\n")
        assert (out.strip().isdecimal(), error, code) == (True, "", 0)
        numbers[name] = out.strip()
    wait_until("RUNNING", "COMPLETED", "FAILED")
    running = rows()
    words = ("scancel", f"--user={os.getuid()}", "--name=retuned-f-cancelled", numbers["cancelled"])
    first = run(*words)
    wait_until("CANCELLED", "COMPLETED", "FAILED")
    versions = run("sinfo", "--version"), run("sacct", "--noheader", "--name=retuned-f", "--format=Submit,State")
    out, complaint, code = run(*words)
    return running, rows(), first, (out, complaint.replace(numbers["cancelled"], "N"), code), versions


def test_it_prints_what_the_real_one_prints(slurm_cluster, tmp_path):
    from .conftest import FakeSlurm

    real = transcript(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        FakeSlurm(tmp_path, patch)
        fake = transcript(tmp_path)
    assert fake == real

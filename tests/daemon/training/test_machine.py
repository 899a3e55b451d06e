"""What the machine has: read from a made-up /proc, cgroup tree and /dev, and once from this machine's own."""

import os
from pathlib import Path

import pytest
from retuned.daemon.config.config import Config, ServiceTable, WorkersTable
from retuned.daemon.training.machine import gpus, machine_of, own_group, usable_cores, usable_memory_bytes

GIB = 1 << 30


@pytest.fixture
def places(tmp_path):
    """A machine with 16 GiB, two GPUs, and this process in a group below two others; no nvidia-smi."""
    proc, cgroups, devices = tmp_path / "proc", tmp_path / "cgroup", tmp_path / "dev"
    group = cgroups / "system.slice" / "retuned.service"
    for folder in (proc / "self", group, devices):
        folder.mkdir(parents=True)
    (proc / "meminfo").write_text("MemFree: 1 kB\nMemTotal:       16777216 kB\n")
    (proc / "self" / "cgroup").write_text("0::/system.slice/retuned.service\n")
    for name in ("nvidia0", "nvidia1", "nvidiactl", "null"):
        (devices / name).touch()
    return {"proc": proc, "cgroups": cgroups, "devices": devices}


@pytest.fixture(autouse=True)
def without_the_driver(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def config(tmp_path, **workers):
    return Config(
        state=tmp_path / "state", service=ServiceTable(max_campaigns=3), workers=WorkersTable.model_validate(workers)
    )


def test_without_limits_all_of_the_machine_may_be_used(places, tmp_path):
    machine = machine_of(config(tmp_path), **places)
    assert machine.slots == len(os.sched_getaffinity(0))
    assert (machine.memory_bytes, machine.gpus, machine.campaigns) == (16 * GIB, (0, 1), 3)


def test_the_configuration_takes_from_it_but_promises_nothing_that_is_not_there(places, tmp_path):
    asked = config(tmp_path, slots=40, memory="64GiB", gpus=(1, 5))
    machine = machine_of(asked, **places)
    assert (machine.slots, machine.memory_bytes, machine.gpus) == (40, 16 * GIB, (1,))
    assert machine_of(config(tmp_path, memory="2GiB", gpus=()), **places).gpus == ()
    assert machine_of(config(tmp_path, memory="2GiB"), **places).memory_bytes == 2 * GIB


@pytest.mark.parametrize(
    ("folder", "quota", "cores"),
    [
        ("system.slice/retuned.service", "100000 100000", 1),  # our own group
        ("system.slice", "150000 100000", 1),  # one above it; a half core trains nothing
        ("system.slice", "20000 100000", 1),  # never none
        ("", "max 100000", len(os.sched_getaffinity(0))),  # no quota
    ],
)
def test_cores_go_by_the_smallest_quota_on_the_way_up(places, folder, quota, cores):
    (places["cgroups"] / folder / "cpu.max").write_text(quota)
    group = own_group(places["proc"], places["cgroups"])
    assert usable_cores(group, places["cgroups"]) == cores


@pytest.mark.parametrize(
    ("name", "limit", "usable"),
    [("memory.max", 4 * GIB, 4 * GIB), ("memory.high", 2 * GIB, 2 * GIB), ("memory.max", "max", 16 * GIB)],
)
def test_memory_goes_by_the_smallest_limit_on_the_way_up(places, name, limit, usable):
    (places["cgroups"] / "system.slice" / name).write_text(f"{limit}\n")
    group = own_group(places["proc"], places["cgroups"])
    assert usable_memory_bytes(places["proc"], group, places["cgroups"]) == usable


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 0; echo 1; echo 3", (0, 1, 3)),
        ("echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9", ()),
        ("echo 'No devices were found'", ()),
    ],
)
def test_gpus_are_those_that_the_driver_names(without_the_driver, script, found):
    tool = without_the_driver / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    assert gpus() == found


def test_a_process_outside_of_any_group_has_the_whole_machine(places):
    (places["proc"] / "self" / "cgroup").write_text("3:cpu:/old\n")
    assert own_group(places["proc"], places["cgroups"]) == places["cgroups"]


def test_this_machine_has_a_core_and_some_memory(tmp_path):
    machine = machine_of(config(tmp_path))
    assert machine.slots >= 1
    assert 0 < machine.memory_bytes <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert Path("/proc/meminfo").exists()

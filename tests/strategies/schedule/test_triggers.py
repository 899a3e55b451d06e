"""Which changes make a model due, and how they are reported."""

import pytest
from retuned.strategies.schedule.triggers import (
    CodeState,
    DataState,
    code_change,
    data_change,
    environment_change,
    watched,
)

OLD = DataState(rows=8760, size_bytes=500_000, content="a")


@pytest.mark.parametrize(
    ("now", "rule", "text"),
    [
        (DataState(10775, 600_000, "b"), "20%", "the data grew by 23% (8,760 -> 10,775 rows)"),
        (DataState(10512, 600_000, "b"), "20%", "the data grew by 20% (8,760 -> 10,512 rows)"),
        (DataState(10511, 600_000, "b"), "20%", ""),
        (DataState(4000, 200_000, "b"), "20%", ""),
        (DataState(10775, 600_000, "b"), "off", ""),
        (DataState(8760, 500_000, "b"), "changed", "the content of the data changed"),
        (DataState(8761, 500_000, "b"), "changed", "the content of the data changed (8,760 -> 8,761 rows)"),
        (DataState(8760, 500_000, "a"), "changed", ""),
        (DataState(None, 700_000, "b"), "20%", "the data grew by 40% (500,000 -> 700,000 bytes)"),
    ],
)
def test_data_counts_by_the_rule(now, rule, text):
    assert data_change(OLD, now, rule) == text


@pytest.mark.parametrize(
    ("before", "now", "rule", "text"),
    [
        ("1000|77", "1300|99", "20%", "the data grew by 30% according to the fingerprint command (1,000 -> 1,300)"),
        ("1000|77", "1100|99", "20%", ""),
        (
            "1000|77",
            "1000|99",
            "changed",
            "the data changed according to the fingerprint command: '1000|77' -> '1000|99'",
        ),
        ("v7", "v8", "20%", "the data changed according to the fingerprint command: 'v7' -> 'v8'"),
        (
            "1a2b",
            "1a2c",
            "20%",
            "the data changed according to the fingerprint command: '1a2b' -> '1a2c'",
        ),  # a hash is no number
        ("v7", "v7", "20%", ""),
        ("0", "12", "20%", "the data grew from nothing to 12 according to the fingerprint command"),
        ("x", "y", "off", ""),
    ],
)
def test_what_the_owners_command_reports_is_a_number_or_a_text(before, now, rule, text):
    assert data_change(DataState(reported=before), DataState(reported=now), rule) == text


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (CodeState({"train.py": "1", "net.py": "2"}, "1a2b3c4d5e"), ""),
        (CodeState({"train.py": "9", "net.py": "2"}, "1a2b3c4d5e"), "train.py changed"),
        (CodeState({"train.py": "9", "net.py": "2"}, "9f8e7d6c5b"), "train.py changed (commit 1a2b3c4 -> 9f8e7d6)"),
        (CodeState({"train.py": "1", "net.py": "2"}, "9f8e7d6c5b"),
         "the code in its folder changed (commit 1a2b3c4 -> 9f8e7d6)"),
        (CodeState({"train.py": "1", "net.py": "2"}, None), ""),  # git is missing today
        (CodeState({"train.py": "1"}, "1a2b3c4d5e"), "net.py changed"),
        (CodeState({"train.py": "1", "net.py": "2", "new.py": "3"}, None), "new.py changed"),
    ],
)  # fmt: skip
def test_an_edited_file_counts_and_so_does_a_commit(now, text):
    assert code_change(CodeState({"train.py": "1", "net.py": "2"}, "1a2b3c4d5e"), now) == text


PARTS = {"Python": "3.11.7", "torch": "2.6.0", "numpy": "2.1", "platform": "Linux 6.1", "CPU": "Xeon", "cores": "8"}
A100 = ("NVIDIA A100, 40960 MiB, 535.104",)


@pytest.mark.parametrize(
    ("changed", "gpus", "text"),
    [
        ({}, A100, ""),
        ({"platform": "Linux 6.8", "cores": "16", "memory": "64 GiB", "Python": "3.11.9", "numpy": "2.2"}, A100, ""),
        ({"torch": "2.13.0"}, ("NVIDIA H100, 81559 MiB, 535.104",),
         "GPU NVIDIA A100 -> NVIDIA H100, torch 2.6.0 -> 2.13.0"),
        ({"Python": "3.12.1"}, A100, "Python 3.11 -> 3.12"),
        ({"CPU": "EPYC"}, A100, "CPU Xeon -> EPYC"),
        ({}, ("NVIDIA A100, 40960 MiB, 550.54",), "driver 535.104 -> 550.54"),
        ({}, A100 * 2, "GPU NVIDIA A100 -> 2 x NVIDIA A100"),
        ({}, (), "GPU NVIDIA A100 -> none"),
        ({"xgboost": "3.0"}, A100, "xgboost 2.1 -> 3.0"),
    ],
)  # fmt: skip
def test_hardware_and_chosen_versions_count_and_the_kernel_does_not(changed, gpus, text):
    before = PARTS | {"xgboost": "2.1"}
    assert environment_change(before, before | changed, A100, gpus, ("xgboost",)) == text


def test_a_package_that_was_not_watched_before_is_no_change():
    assert environment_change(PARTS, PARTS | {"xgboost": "3.0"}, (), (), ("xgboost",)) == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("20%", True, True, True), "data (grown by 20%), code and environment"),
        (("changed", False, True, True), "data (any change) and environment"),
        (("20%", True, False, False), "code"),
        (("off", False, False, True), ""),
    ],
)
def test_what_is_watched_is_listed(arguments, text):
    assert watched(*arguments) == text

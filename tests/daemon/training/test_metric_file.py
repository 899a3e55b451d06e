"""A metric in a file that a training writes: found, and never one that an earlier run left."""

import json
import math
import os

import pytest
from retuned.daemon.training.worker.metric_file import JSON_BYTES, FiledMetric


def read(path, write, key="", column=""):
    """What is reported of a training that does `write`, and what is wrong."""
    lines = []
    reader = FiledMetric(path, (key, column), "loss", 6.0, lines.append, str)
    write()
    end = reader.close()
    return [json.loads(line)["metrics"]["loss"] for line in lines], end.get("metric_fault", "")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "metrics.csv"


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("eval.loss", {"eval": {"loss": 0.31}}),
        ("eval.loss", {"eval.loss": 0.31, "eval": {"loss": 9}}),  # a key that has the dot itself
        ("log.-1.eval/loss", {"log": [{"eval/loss": 9}, {"eval/loss": 0.31}]}),
        ("log.0", {"log": [0.31]}),
        ("loss", {"loss": "0.31"}),
    ],
)
def test_a_json_file_is_read_at_a_dotted_key(tmp_path, key, content):
    path = tmp_path / "metrics.json"
    assert read(path, lambda: path.write_text("\ufeff" + json.dumps(content)), key) == ([0.31], "")


def test_of_json_lines_the_last_that_has_the_key_counts(tmp_path):
    path = tmp_path / "log.jsonl"
    assert read(path, lambda: path.write_text('{"loss": 9}\n{"loss": 0.31}\n{"lr": 1}\n\n'), "loss") == ([0.31], "")


@pytest.mark.parametrize(
    "content",
    [
        "epoch,loss\n1,9\n2,0.31\n",
        "\ufeffepoch,loss\r\n1,9\r\n2,0.31\r\n",
        "epoch;loss\n1;9\n2;0.31",
        "epoch\tloss\n1\t9\n2\t0.31\n",
        '"epoch","loss"\n1,"0.31"\n2,\n\n3\n',  # a logger that leaves cells empty
        "epoch, loss\n1, 0.31\n",
    ],
)
def test_of_a_table_the_columns_last_filled_cell_counts(log, content):
    assert read(log, lambda: log.write_bytes(content.encode()), column="loss") == ([0.31], "")


@pytest.mark.parametrize("text", ["NaN", "null", "1e999"])
def test_what_is_not_finite_is_reported_as_such(tmp_path, text):
    path = tmp_path / "metrics.json"
    (value,), fault = read(path, lambda: path.write_text(f'{{"loss": {text}}}'), "loss")
    assert (math.isfinite(value), fault) == (False, "")


def test_a_file_that_an_earlier_run_left_never_counts(log):
    log.write_text("loss\n0.31\n")
    assert read(log, lambda: None, column="loss") == (
        [],
        "metrics.csv was not written by this training: it is as an earlier run left it",
    )


def test_the_same_content_written_again_counts(log):
    log.write_text("loss\n0.31\n")
    assert read(log, lambda: log.write_text("loss\n0.31\n"), column="loss") == ([0.31], "")


def test_of_a_table_that_each_run_adds_to_only_the_new_rows_count(log):
    log.write_text("loss,acc\n0.1,\n")
    with log.open("a") as file:
        values, fault = read(log, lambda: (file.write(",0.9\n"), file.flush()), column="loss")
    assert (values, fault) == ([], "metrics.csv has no value of this training in the column loss")
    assert read(log, lambda: log.write_text("loss,acc\n0.1,\n,0.9\n0.2,\n"), column="loss") == ([0.2], "")


def test_a_longer_file_in_place_of_the_old_one_counts_as_a_whole(log):
    log.write_text("loss,acc\n0.1,1\n")
    assert read(log, lambda: log.write_text("loss,acc\n0.31,\n,0.9\n,0.9\n"), column="loss") == ([0.31], "")


def test_of_json_lines_that_each_run_adds_to_only_the_new_ones_count(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"loss": 0.1}\n')
    added = '{"loss": 0.1}\n{"lr": 1}\n'
    assert read(path, lambda: path.write_text(added), "loss") == (
        [],
        "log.jsonl has no loss: where loss is looked for stands lr",
    )


@pytest.mark.parametrize(
    ("content", "key", "column", "words"),
    [
        (
            '{"eval": {"acc": 1, "auc": 2}}',
            "eval.loss",
            "",
            "has no eval.loss: where loss is looked for stands acc, auc",
        ),
        ('{"eval": 3}', "eval.loss", "", "where loss is looked for stands 3"),
        ('{"log": [1, 2]}', "log.7", "", "where 7 is looked for stands a list of 2"),
        ("{}", "loss", "", "stands nothing"),
        ("{'loss': 1}", "loss", "", "is no JSON: Expecting property name"),
        ("[" * 100_000, "loss", "", "is no JSON"),
        ('{"loss": true}', "loss", "", "in out, loss is True, which is no number"),
        ('{"loss": "low"}', "loss", "", "in out, loss is 'low', which is no number"),
        ('{"loss": [1]}', "loss", "", "in out, loss is [1], which is no number"),
        (" " * (JSON_BYTES + 1), "loss", "", "the metric cannot be read: out has more than"),
        ("epoch,acc\n1,2\n", "", "loss", "has no column loss: its first line has epoch, acc"),
        ("epoch,loss\n", "", "loss", "has no value of this training in the column loss"),
        ("", "", "loss", "has no column loss: its first line has nothing"),
        ("loss\nlow\n", "", "loss", "in out, column loss is 'low', which is no number"),
        ("loss\n" + "x" * 200_000 + "\n", "", "loss", "is no table: field larger than"),
    ],
)
def test_a_file_without_the_value_is_told_in_a_clause(tmp_path, content, key, column, words):
    path = tmp_path / "out"
    values, fault = read(path, lambda: path.write_text(content), key, column)
    assert values == []
    assert words in fault
    assert len(fault) < 400


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "the training wrote no file"),
        (lambda path: path.mkdir(), "is a folder, not a regular file"),
        (lambda path: path.symlink_to("/etc/passwd"), "is a symbolic link, not a regular file"),
        (os.mkfifo, "is a FIFO, not a regular file"),
    ],
)
def test_what_is_no_file_is_told_without_waiting_or_following(tmp_path, make, words):
    path = tmp_path / "out"
    values, fault = read(path, lambda: make(path), "loss")
    assert values == []
    assert words in fault


def test_a_table_over_the_limit_is_not_read(log):
    def write():
        with log.open("w") as file:
            file.truncate(1 << 40)

    assert read(log, write, column="loss") == ([], "metrics.csv has more than 64 MiB")

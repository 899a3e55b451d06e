"""A metrics file that grows while a training runs: each row is read once, whatever happens to the file."""

import json
import os

import pytest
from retuned.daemon.training.worker.metric_growth import EVERY_S, MOST_BYTES, GrowingMetric


class Bench:
    """A file, and what was reported of it."""

    def __init__(self, path, place, step, start=0):
        self.path, self.now = path, 0.0
        self.growing = GrowingMetric(path, place, step, lambda _file: start, lambda: self.now)

    def look(self):
        self.now += EVERY_S
        return list(self.growing.look())

    def add(self, text):
        with self.path.open("a") as file:
            file.write(text)

    def rest(self):
        return list(self.growing.rest())


@pytest.fixture
def table(tmp_path):
    return Bench(tmp_path / "metrics.csv", ("", "loss"), "epoch")


def test_a_step_is_reported_once_the_next_one_is_there_and_only_once(table):
    assert table.look() == []  # no file yet
    table.add("epoch,loss\n1,0.9\n")
    assert table.look() == []
    table.add("2,0.8\n3,0.7\n")
    assert table.look() == [(1.0, 0.9), (2.0, 0.8)]
    assert table.look() == []
    assert table.rest() == []  # the last step's value is read from the whole


def test_of_two_rows_of_a_step_the_last_counts(table):
    table.add("epoch,loss\n1,0.9\n1,0.85\n1,\n2,0.8\n")
    assert table.look() == [(1.0, 0.85)]


def test_half_a_line_waits_for_its_end(table):
    table.add("epoch,loss\n1,0.9\n2,0.")
    assert table.look() == []
    table.add("75\n3,0.7\n")
    assert table.look() == [(1.0, 0.9), (2.0, 0.75)]


def test_half_a_header_waits_for_its_end(table):
    table.add("epoch,lo")
    assert table.look() == []
    table.add("ss\n1,0.9\n2,0.8\n")
    assert table.look() == [(1.0, 0.9)]


def test_between_two_looks_passes_a_moment(table):
    table.add("epoch,loss\n1,0.9\n2,0.8\n")
    assert list(table.growing.look()) == []
    assert table.look() == [(1.0, 0.9)]


def test_a_file_written_anew_with_one_more_column_goes_on_where_it_was(table):
    table.add("epoch,train\n1,0.9\n")
    assert table.look() == []  # it has no such column yet
    table.path.write_text("epoch,train,loss\n1,0.9,\n1,,0.5\n2,0.8,\n2,,0.4\n")
    assert table.look() == [(1.0, 0.5)]
    table.path.write_text("epoch,train,loss,rate\n1,0.9,,\n1,,0.5,\n2,0.8,,\n2,,0.4,\n3,,0.3,1\n4,,0.2,1\n")
    assert table.look() == [(2.0, 0.4), (3.0, 0.3)]


def test_a_file_replaced_whole_with_the_same_rows_and_more_is_read_on(table, tmp_path):
    table.add("epoch,loss\n1,0.9\n2,0.8\n")
    assert table.look() == [(1.0, 0.9)]
    beside = tmp_path / "new"
    beside.write_text("epoch,loss\n1,0.9\n2,0.8\n3,0.7\n")
    beside.replace(table.path)
    assert table.look() == [(2.0, 0.8)]


def test_a_file_cut_off_and_begun_anew_brings_only_later_steps(table):
    table.add("epoch,loss\n1,0.9\n2,0.8\n3,0.7\n")
    assert table.look() == [(1.0, 0.9), (2.0, 0.8)]
    table.path.write_text("")
    assert table.look() == []
    table.path.write_text("epoch,loss\n2,0.5\n4,0.6\n5,0.5\n")
    assert table.look() == [(4.0, 0.6)]


def test_rows_of_an_earlier_training_are_passed_over_and_a_file_that_lost_them_is_left(tmp_path):
    before = "epoch,loss\n1,0.1\n2,0.1\n"
    table = Bench(tmp_path / "metrics.csv", ("", "loss"), "epoch", len(before))
    table.add(before + "1,0.9\n2,0.8\n")
    assert table.look() == [(1.0, 0.9)]
    table.path.write_text("epoch,loss,x\n1,0.1,\n9,0.1,\n10,0.1,\n")
    assert (table.look(), table.rest()) == ([], [])


def test_json_lines_grow_too_and_lines_without_a_number_are_passed_over(tmp_path):
    log = Bench(tmp_path / "log.jsonl", ("eval.loss", ""), "step")
    entries = [{"step": 1, "eval": {"loss": 0.9}}, {"lr": 1}, {"step": 2, "eval": {"loss": None}}, {"step": "x"}]
    log.add("".join(json.dumps(entry) + "\n" for entry in entries) + "no JSON\n")
    assert log.look() == [(1.0, 0.9)]
    log.add('{"step": 3, "eval": {"loss": 0.7}}\n')
    ((step, value),) = log.look()
    assert (step, value == value) == (2.0, False)  # null is not finite


def test_a_link_is_not_followed(table, tmp_path):
    (tmp_path / "elsewhere").write_text("epoch,loss\n1,0.9\n2,0.8\n")
    table.path.symlink_to(tmp_path / "elsewhere")
    assert (table.look(), table.rest()) == ([], [])


@pytest.mark.parametrize("size", [1 << 30, 32 << 20])
def test_a_hole_of_a_gigabyte_is_not_read(table, size):
    table.add("epoch,loss\n1,0.9\n")
    os.truncate(table.path, size)
    assert [table.look() for _ in range(5)] == [[]] * 5
    assert table.rest() == []
    assert table.growing._read_bytes < 4 << 20


def test_a_file_that_is_written_anew_again_and_again_is_read_up_to_a_bound(table):
    seen = []
    for epoch in range(1, 100):
        rows = [f"{epoch + row},0.5,{str(epoch % 10) * 100_000}" for row in range(8)]
        table.path.write_text("\n".join(["epoch,loss,note", *rows, ""]))
        seen += table.look()
    assert MOST_BYTES / 1e6 < seen[-1][0] < 99
    assert seen == sorted(seen)


def test_a_long_file_comes_in_pieces(table):
    table.add("epoch,loss\n" + "".join(f"{row},0.5{'0' * 80}\n" for row in range(30_000)))
    first = table.look()
    assert 0 < len(first) < 29_999
    assert len(first) + len(table.rest()) == 29_999

"""A report file that grows is read to the same reports as one that is read at once, whenever it is looked at."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.training.report_tail import PIECE_BYTES, ReportTail
from retuned.strategies.legs.reports import ReportReading
from retuned.strategies.records import Report

REPORT = b'{"step": %d, "metrics": {"loss": 0.5}}'
PARTS = st.sampled_from([REPORT % 1, REPORT % 2, b'{"step": 3, "metrics": 7}', b"\n", b"\r\n", b"\r", b"\xff", b"text"])


def read_at_once(path):
    reading = ReportReading()
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            reading.take(line)
    return reading.reports, reading.fault()


@given(st.lists(st.lists(PARTS, max_size=4), max_size=6))
def test_reading_on_gives_what_reading_at_once_gives(pieces):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.jsonl")
        tail = ReportTail(path)
        tail.read_on(is_over=False)
        with path.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(b"".join(piece))
                tail.read_on(is_over=False)
        while tail.read_on(is_over=True):
            pass
        assert (tail.reading.reports, tail.reading.fault()) == read_at_once(path)
        assert tail.is_as_read()


def test_a_line_counts_when_it_is_finished_or_its_leg_has_ended(tmp_path):
    path = tmp_path / "report.jsonl"
    tail = ReportTail(path)
    path.write_bytes(REPORT % 1)
    assert (tail.read_on(is_over=False), tail.reading.reports) == (False, [])
    assert (tail.read_on(is_over=True), tail.reading.reports) == (True, [Report(1.0, {"loss": 0.5})])
    assert not tail.read_on(is_over=True)


def test_a_long_file_is_read_in_pieces(tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_bytes((REPORT % 1 + b"\n") * (3 * PIECE_BYTES // len(REPORT)))
    tail = ReportTail(path)
    assert tail.read_on(is_over=True)
    assert len(tail.reading.reports) < 1.1 * PIECE_BYTES / len(REPORT)
    while tail.read_on(is_over=True):
        pass
    assert len(tail.reading.reports) == 3 * PIECE_BYTES // len(REPORT)


@pytest.mark.parametrize("text", [b"", REPORT % 1, REPORT % 2 + b"\n", None])
def test_a_file_that_was_replaced_is_not_as_it_was_read(tmp_path, text):
    path = tmp_path / "report.jsonl"
    path.write_bytes(REPORT % 1 + b"\n")
    tail = ReportTail(path)
    tail.read_on(is_over=False)
    path.unlink() if text is None else path.write_bytes(text)
    assert not tail.is_as_read()

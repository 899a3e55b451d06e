"""The report lines in a command's output, and what of it looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.training.worker.output import LINE_BYTES, ReportFilter, is_report

REPORT = b'{"step": 4, "metrics": {"loss": 0.5}}'


def filtered(*pieces):
    kept = []
    reports = ReportFilter(kept.append, "loss")
    for piece in pieces:
        reports.write(piece)
    reports.close()
    return b"".join(kept), reports.near


@pytest.mark.parametrize(
    "line",
    [
        REPORT,
        b"\xef\xbb\xbf" + REPORT,  # a byte order mark
        b'{"step": 4, "metrics": {"loss": 0.5}, "note": "caf\xe9"}',  # no UTF-8
        b'{"step": 4, "metrics": {"loss": nan}}',  # as C prints it
    ],
)
def test_a_report_is_known(line):
    assert is_report(line)
    assert filtered(b"hello\n" + line + b"\n") == (line + b"\n", {})


def test_the_line_that_looks_like_a_report_is_named_by_its_number():
    kept, near = filtered(b"a\nb\n\r50%\r100%" + REPORT + b"\n")
    assert kept == b""
    assert near == {"near_line": 3, "near_text": "100%" + REPORT.decode(), "near_is_long": False}


def test_a_report_behind_it_makes_it_forgotten():
    assert filtered(b"INFO " + REPORT + b"\n", REPORT + b"\n") == (REPORT + b"\n", {})


def test_the_first_behind_the_last_report_counts_and_metrics_more_than_a_flat_object():
    kept, near = filtered(REPORT + b'\n{"loss": 1}\nINFO:' + REPORT + b"\n" + b"WARN:" + REPORT + b"\n")
    assert kept == REPORT + b"\n"
    assert (near["near_line"], near["near_text"][:5]) == (3, "INFO:")


def test_a_report_too_long_to_be_read_is_named_so():
    line = b'{"step": 4, "metrics": {"loss": 0.5}, "note": "' + b"x" * (2 * LINE_BYTES) + b'"}\n'
    kept, near = filtered(*(line[start : start + 65536] for start in range(0, len(line), 65536)), b"done\n")
    assert (kept, near["near_line"], near["near_is_long"]) == (b"", 1, True)


@given(st.lists(st.sampled_from([REPORT, b"\n", b"\r", b"INFO ", b"text", b"\xff"]), max_size=12), st.data())
def test_the_pieces_in_which_output_comes_do_not_matter(parts, data):
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    assert filtered(whole[:cut], whole[cut:]) == filtered(whole)

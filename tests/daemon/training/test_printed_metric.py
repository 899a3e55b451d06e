"""A metric found by a pattern in whatever a training prints."""

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.training.worker.metric_readers import STDERR, STDOUT
from retuned.daemon.training.worker.printed_lines import LINE_BYTES, PrintedLines
from retuned.daemon.training.worker.printed_metric import PrintedMetric

LOSS = r"val_loss[=:] *(\S+)"
STEPS = r"epoch (?P<step>\S+?)[:/ ].*loss=(\S+)"


def reported(pattern, *pieces, to_step=6.0, mask=str):
    """The (step, value) of each report, and what is wrong; a piece is of standard output, or (stream, data)."""
    lines = []
    reader = PrintedMetric(pattern, "val_loss", to_step, lines.append, mask)
    for piece in pieces:
        stream, data = piece if isinstance(piece, tuple) else (STDOUT, piece)
        reader.hear(stream, data)
    end = reader.close()
    reports = [json.loads(line) for line in b"".join(lines).splitlines()]
    return [(report["step"], report["metrics"]["val_loss"]) for report in reports], end.get("metric_fault", "")


@pytest.mark.parametrize(
    "output",
    [
        b"val_loss=9\nval_loss=0.31\n",  # the last match counts
        b"val_loss=0.31",  # a last line without an end
        b"\r 50% val_loss=9\r100% val_loss=0.31",  # a progress bar
        b"val_loss=9\x08\x08\x08\x08\x08\x08val_loss=0.31\n",  # one that goes back over itself
        b"\x1b[32mval_loss\x1b[0m=\x1b[1m0.31\x1b[0m\n",  # colours
        b"\x1b]8;;http://x\x07val_loss=0.31\n",  # a link
        b"caf\xe9 \xff\xfe val_loss=0.31\n",  # no UTF-8
        "\nval_loss=0.31\n".encode("utf-16"),
        b"x" * 100_000 + b" val_loss=0.31\n",  # a very long line
        b"x" * (LINE_BYTES - 12) + b" val_loss=0.31 " + b"y" * 100_000,  # cut just there
        b'{"val_loss": 1, "note": "val_loss=0.31"}\n',
    ],
)
def test_the_last_match_counts_whatever_stands_around_it(output):
    assert reported(LOSS, output) == ([(6.0, 0.31)], "")


def test_both_streams_are_searched_and_lines_of_one_do_not_break_those_of_the_other():
    pieces = [(STDERR, b"val_lo"), (STDOUT, b"hello\n"), (STDERR, b"ss=0.31\n")]
    assert reported(LOSS, *pieces) == ([(6.0, 0.31)], "")


def test_the_last_value_of_each_step_is_reported():
    output = b"epoch 1/6 loss=3\repoch 1/6 loss=2\nepoch 2/6 loss=1\nepoch 2/6 loss=0.5\n"
    assert reported(STEPS, output) == ([(1.0, 2.0), (2.0, 0.5)], "")


def test_a_step_is_reported_as_soon_as_the_next_one_begins():
    lines = []
    reader = PrintedMetric(STEPS, "loss", 6.0, lines.append)
    reader.hear(STDOUT, b"epoch 1: loss=2\nepoch 2: loss=1\n")
    assert [json.loads(line)["step"] for line in lines] == [1.0]


def test_a_value_that_is_not_finite_is_reported_as_such():
    ((step, value),), fault = reported(LOSS, b"val_loss=0.3\nval_loss=nan\n")
    assert (step, math.isnan(value), fault) == (6.0, True, "")


@pytest.mark.parametrize(
    ("pattern", "output", "words"),
    [
        (LOSS, b"val_loss=0.3\nval_loss=oops\n", "the last value that the pattern"),
        (LOSS, b"val_loss=1,234.5\n", "'1,234.5', which is no number; print it without a comma"),
        (STEPS, b"epoch x: loss=0.3\n", "the last step that the pattern"),
        (STEPS, b"epoch -1: loss=0.3\n", "'-1', which is no number"),
    ],
)
def test_a_last_match_that_is_no_number_is_named(pattern, output, words):
    reports, fault = reported(pattern, output)
    assert reports == []
    assert words in fault


def test_a_match_that_is_no_number_is_made_good_by_a_later_one_with_another_step():
    assert reported(STEPS, b"epoch 1: loss=oops\nepoch 2: loss=0.3\n") == ([(2.0, 0.3)], "")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", "matched nothing in its output; it printed nothing"),
        (b"start\nepoch 3: val-loss=0.31\ndone\n", "did you mean val-loss=0.31? its pattern: val\\-loss=(\\S+)"),
        (b"Epoch 3 | Val Loss: 0.31 | acc: 0.9\n", "did you mean Val Loss: 0.31? its pattern: Val Loss: (\\S+)"),
        (b"accuracy 0.93 after 12 epochs\n", "words with a number there: accuracy 0.93"),
        (b"hello\nworld\n", "in 2 lines of output; its last lines: hello | world; no word with a number"),
        (b"hello\n", "in 1 line of output"),
    ],
)
def test_a_pattern_that_matches_nothing_shows_the_last_lines_and_what_may_be_meant(output, words):
    reports, fault = reported(LOSS, output)
    assert reports == []
    assert words in fault


def test_the_step_of_a_pattern_is_not_what_was_meant():
    output = b"epoch 3: val_loss=8.01\nepoch 4: val_loss=7.12\n"
    fault = reported(r"epoch (?P<step>\d+): valloss=(\S+)", output)[1]
    assert "did you mean val_loss=7.12? its pattern: val_loss=(\\S+)" in fault


def test_what_is_shown_is_bounded_and_masked():
    output = b"".join(b"password=hunter2 line %d %s\n" % (number, b"z" * 500) for number in range(5000))
    fault = reported(LOSS, output, mask=lambda text: text.replace("hunter2", "***"))[1]
    assert len(fault) < 600
    assert "hunter2" not in fault
    assert "***" in fault


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (r"(a+)+b", b"a" * 40),
        (r"((?:x+x+)+)y", b"x" * 60),
        (r"(?:a|aa)+(!)", b"a" * 60),
        (r"(.*.*.*.*)=x", b"ab" * 8000),
    ],
)
def test_a_catastrophic_pattern_is_given_up_within_a_bound(pattern, line):
    lines = []
    reader = PrintedMetric(pattern, "loss", 6.0, lines.append, match_s=0.1)
    began = time.process_time()
    reader.hear(STDOUT, line + b"\n")
    assert time.process_time() - began < 1
    assert "takes more than 0.1 s for a piece of output" in reader.fault
    reader.hear(STDOUT, line + b"\n")  # no further match is tried
    assert time.process_time() - began < 1
    assert reader.close() == {"metric_fault": reader.fault}


@given(
    st.lists(
        st.sampled_from([b"epoch 1: loss=2\n", b"epoch 2: loss=1\r", b"loss=", b"\xff\xc3", b"\x1b[0m"]), max_size=9
    ),
    st.data(),
)
def test_the_pieces_in_which_output_comes_do_not_matter(parts, data):
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    assert reported(STEPS, whole[:cut], whole[cut:]) == reported(STEPS, whole)


def test_a_line_without_an_end_takes_no_more_than_a_bound_of_memory():
    lines = PrintedLines()
    pieces = [piece for _ in range(50) for piece in lines.write(b"x" * 65536)]
    assert max(len(text) for text, _ in pieces) <= LINE_BYTES
    assert len(lines.close()[0][0]) <= LINE_BYTES

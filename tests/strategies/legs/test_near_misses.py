"""Output that looks like a report is told apart from a report and from ordinary output, with what is wrong with it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.legs.ends import Objective, ProcessEnd, ProcessKind, end_of_leg
from retuned.strategies.legs.near_misses import near_miss
from retuned.strategies.legs.reports import ReportReading, parse_report
from retuned.strategies.records import LegEnd, Report

REPORT = '{"step": 4, "metrics": {"loss": 0.5}}'
LOSS = Objective("loss", lower_is_better=True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"INFO:root:{REPORT}", "'INFO:root:' stands before it"),  # a logger's prefix
        (f"2026-01-31 09:00:00,123 | INFO | {REPORT}", "stands before it"),  # a longer one
        (f"100%|####| 4/4{REPORT}", "'100%|####| 4/4' stands before it"),  # glued to a progress bar
        (f"{REPORT} done", "'done' stands behind it"),  # something behind
        (f"{REPORT}{REPORT}", "stands behind it"),  # two on one line
        (f"\x1b[32m{REPORT}\x1b[0m", "codes for colours"),
        ('{"step": 4, "loss": 0.5}', "has 'loss' but no \"metrics\""),  # flat
        ('INFO {"epoch": 4, "loss": 0.5}', "has 'loss' but no \"metrics\""),  # flat behind a prefix
        ('{"epoch": 4, "metrics": {"loss": 0.5}}', '"epoch" where "step" belongs'),
        ('{"metrics": {"loss": 0.5}}', 'has no "step"'),
        ("{'step': 4, 'metrics': {'loss': 0.5}}", "single quotes"),  # a dict as Python prints it
        ('"metrics": {', "begins and ends on one line"),  # pretty printed
        ('{"step": 4, "metrics": {"loss": 0.5}', "begins and ends on one line"),  # cut off
        ('{"step": 4, "metrics": {"loss": 0.5,}}', "no JSON object"),  # a trailing comma
        (json.dumps({"message": REPORT}), "inside another object"),  # a logger that writes JSON
        ("\0".join(REPORT), "UTF-16"),
    ],
)
def test_a_line_that_looks_like_a_report_is_told_what_is_wrong_with_it(line, said):
    why = near_miss(line, "loss")
    assert why is not None
    assert said in why
    assert "\n" not in why
    assert '{"step": 4, "metrics": {"loss": 0.31}}' in why


@pytest.mark.parametrize(
    "line",
    [
        "epoch 4 loss 0.5",  # ordinary output
        "",
        "all metrics are computed on the CPU",  # only the word
        '{"event": "saved", "path": "model.pt"}',  # somebody else's JSON log
        "loss = {value}",  # a brace is no object
        REPORT,  # a report as it should be
    ],
)
def test_other_output_is_no_near_miss(line):
    assert near_miss(line, "loss") is None


@given(st.text(max_size=200), st.sampled_from([REPORT, '{"loss": 1}', '"metrics"', ""]), st.text(max_size=200))
def test_any_text_around_a_report_is_looked_at_without_a_failure(before, report, behind):
    why = near_miss(before + report + behind, "loss")
    assert why is None or why.isprintable()


def read(*lines, metric="loss"):
    reading = ReportReading(metric)
    for line in lines:
        reading.take(line)
    return reading


@pytest.mark.parametrize("line", ["\ufeff" + REPORT, " \ufeff " + REPORT])
def test_a_byte_order_mark_before_a_report_does_not_matter(line):
    assert parse_report(line) == Report(4.0, {"loss": 0.5})


@pytest.mark.parametrize("other", ['"val"', "true", "[1, 2]", '{"a": 1}', '""'])
def test_a_metric_beside_the_objective_that_is_no_number_is_left_out(other):
    assert read('{"step": 4, "metrics": {"loss": 0.5, "other": ' + other + "}}").reports == [Report(4.0, {"loss": 0.5})]


@pytest.mark.parametrize("value", ['"low"', "true", "[1]", "{}"])
def test_the_objective_must_be_a_number(value):
    reading = read('{"step": 4, "metrics": {"loss": ' + value + ', "other": 1}}')
    assert reading.reports == []
    assert "the metric loss" in reading.malformed


@pytest.mark.parametrize("value", ['"nan"', '"NaN"', '"-inf"', '"Infinity"', "nan", "-nan", "inf", "-inf"])
def test_a_value_that_is_not_finite_is_read_however_it_is_spelt(value):
    (report,) = read('{"step": 4, "metrics": {"loss": ' + value + "}}").reports
    assert math.isnan(report.metrics["loss"])


@pytest.mark.parametrize(
    ("lines", "missed"),
    [
        ([REPORT, f"INFO:{REPORT}"], True),
        ([f"INFO:{REPORT}", REPORT], False),  # what was meant came after all
        ([REPORT, "saved"], False),
    ],
)
def test_a_line_behind_the_last_report_that_looks_like_one_is_remembered(lines, missed):
    assert (read(*lines).missed is not None) is missed


@pytest.mark.parametrize("name", ["x" * 201, "\\ud800"])
def test_a_name_that_nobody_could_show_is_refused(name):
    assert "the metric" in read('{"step": 1, "metrics": {"loss": 1, "' + name + '": 1}}').malformed


def test_more_names_than_anybody_reads_are_refused():
    reading = read(*(json.dumps({"step": 1, "metrics": {f"m{n}": 1}}) for n in range(1001)), REPORT)
    assert "more than 1000 metrics" in reading.malformed
    assert len(reading.reports) == 1000


def exited(**more):
    return ProcessEnd(ProcessKind.EXITED, exit_code=0, **more)


@pytest.mark.parametrize(
    ("steps", "stretch", "end", "said"),
    [
        ([1, 2, 3, 4], (0, 4), LegEnd.COMPLETED, "loss = 0.5"),
        ([1], (0, 4), LegEnd.BAD_REPORT, "is of step 1 of 4"),  # a quarter
        ([1, 2], (0, 4), LegEnd.BAD_REPORT, "is of step 2 of 4"),  # a half
        ([0, 1, 2, 3], (0, 4), LegEnd.COMPLETED, "is of step 3 of 4"),  # counted from 0, or three quarters: said
        ([0], (0, 1), LegEnd.COMPLETED, "is of step 0 of 1"),  # one epoch, counted from 0
        ([900], (0, 1000), LegEnd.COMPLETED, "is of step 900 of 1000"),  # it evaluates now and then
        ([30], (0, 100), LegEnd.BAD_REPORT, "is of step 30 of 100"),
        ([30], (20, 30), LegEnd.COMPLETED, "loss = 0.5"),  # goes on from a checkpoint
        ([21], (20, 30), LegEnd.BAD_REPORT, "is of step 21 of 30"),
        ([5000], (0, 4), LegEnd.COMPLETED, "loss = 0.5"),  # counts in another unit
    ],
)
def test_a_last_report_far_from_the_end_of_the_stretch_gives_no_score(steps, stretch, end, said):
    reports = [Report(float(step), {"loss": 0.5}) for step in steps]
    found = end_of_leg(exited(), reports, None, LOSS, stretch)
    assert (found[0], found[1]) == (end, -0.5 if end is LegEnd.COMPLETED else None)
    assert said in found[2]


def test_a_last_report_that_went_unread_is_no_score_even_near_the_end():
    process = exited(near_line=7, near_text=f"100%|##|{REPORT}")
    end, score, detail = end_of_leg(process, [Report(3.0, {"loss": 0.5})], None, LOSS, (0, 4))
    assert (end, score) == (LegEnd.BAD_REPORT, None)
    assert "step 3 of 4" in detail
    assert "line 7 of the output looks like a report, but '100%|##|' stands before it" in detail


def test_what_looks_like_a_report_costs_nothing_where_the_last_one_was_read():
    process = exited(near_line=7, near_text=f"INFO {REPORT}")
    assert end_of_leg(process, [Report(4.0, {"loss": 0.5})], None, LOSS, (0, 4))[0] is LegEnd.COMPLETED


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (exited(near_line=3, near_text=f"INFO:root:{REPORT}"), "line 3 of the output looks like a report"),
        (exited(near_line=3, near_text="{", near_is_long=True), "longer than 256 KiB"),
        (exited(left_running=1), "1 process was still running when the command ended"),
        (exited(left_running=2), "2 processes were still running when the command ended"),
    ],
)
def test_a_metric_that_was_never_reported_comes_with_the_likely_reason(process, said):
    end, _, detail = end_of_leg(process, [], None, LOSS, (0, 4))
    assert end is LegEnd.NO_METRIC
    assert said in detail

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.legs.command import arguments_for, expand, placeholders, spelt_out
from retuned.strategies.legs.ends import Objective, ProcessEnd, ProcessKind, end_of_leg, is_retried
from retuned.strategies.legs.reports import ReportReading, parse_report
from retuned.strategies.records import LegEnd, Report

LOSS = Objective("loss", lower_is_better=True)
EXITED = ProcessEnd(ProcessKind.EXITED, exit_code=0)


def test_placeholders_are_the_names_between_single_braces():
    assert placeholders(["train", "--lr={lr}", "{seed}/{seed}", "{{print}} {data}"]) == {"lr", "seed", "data"}


@pytest.mark.parametrize(
    ("element", "filled"),
    [
        ("--lr={lr}", "--lr=0.0003"),  # the shortest text that reads back as the same number
        ("{lr}{seed}", "0.00037"),  # several in one element
        ("{name}", "a b; rm -rf /"),  # one element stays one element, whatever is in it
        ("{flag}", "true"),  # a bool as most programs read it
        ("{{lr}}", "{lr}"),  # escaped braces
        ("{{{lr}}}", "{0.0003}"),  # escaped braces around a placeholder
        ("plain", "plain"),  # nothing to fill in
        ("{nested}", "{lr}"),  # a value is not filled in again
    ],
)
def test_a_command_is_filled_in_element_by_element(element, filled):
    values = {"lr": 0.0003, "seed": 7, "name": "a b; rm -rf /", "flag": True, "nested": "{lr}"}
    assert expand([element], values) == (filled,)


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("{momentum}", "momentum"),  # no such value
        ("{print $1}", "lone {"),  # an awk program without escapes
        ("a}", "lone }"),  # a closing brace alone
        ("{}", "lone {"),  # no name
        ("{decay}", "schedule"),  # has no single value
    ],
)
def test_a_command_that_cannot_be_filled_in_is_refused(element, said):
    with pytest.raises(InputError, match=said):
        expand([element], {"lr": 0.1, "decay": ((0, 0.1), (10, 0.01))})


@pytest.mark.parametrize(
    ("argv", "if_true", "if_false"),
    [
        (["a", "{nesterov:--nesterov}", "b"], ("a", "--nesterov", "b"), ("a", "b")),  # a flag, or nothing
        (["{nesterov:--on|--off}"], ("--on",), ("--off",)),
        (["{nesterov:|--no-nesterov}"], (), ("--no-nesterov",)),
        (["--n={nesterov:1|0}"], ("--n=1",), ("--n=0",)),
        (["x={nesterov:yes}"], ("x=yes",), ("x=",)),  # a part of an element is never dropped
        (["{nesterov}"], ("true",), ("false",)),
        (["{{nesterov:1}}"], ("{nesterov:1}",), ("{nesterov:1}",)),
    ],
)
def test_a_placeholder_may_say_how_true_and_false_are_written(argv, if_true, if_false):
    assert expand(argv, {"nesterov": True}) == if_true
    assert expand(argv, {"nesterov": False}) == if_false


@pytest.mark.parametrize("element", ["{x:}", "{x:|}", "{x:a|b|c}"])
def test_a_placeholder_that_does_not_say_it_is_refused(element):
    with pytest.raises(InputError, match="texts for true and false"):
        spelt_out([element])


def test_only_true_and_false_are_written_so():
    with pytest.raises(InputError, match=r"lr is 0\.1; \{name:TRUE|FALSE\} takes true or false"):
        expand(["{lr:--lr}"], {"lr": 0.1})


@given(st.floats(allow_nan=False))
def test_a_float_in_a_command_reads_back_as_itself(value):
    assert float(expand(["{x}"], {"x": value})[0]) == value


@pytest.mark.parametrize(
    "line",
    [
        "epoch 1 loss 0.3",  # ordinary output
        "",  # an empty line
        "[1, 2]",  # JSON, but no object
        '{"step": 1}',  # somebody else's JSON log
        '{"step": 1, "metrics": {"loss"',  # cut off
        "{" * 100_000,  # nested too deeply to be read
        '{"step": ' + "9" * 5000 + ', "metrics": {}}',  # a number that Python will not convert
    ],
)
def test_other_output_is_no_report(line):
    assert parse_report(line) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"step": -1, "metrics": {}}',  # before the start
        '{"step": NaN, "metrics": {}}',  # nowhere
        '{"step": true, "metrics": {}}',  # a bool is not a step
        '{"step": "1", "metrics": {}}',  # nor is a text
        '{"step": 1, "metrics": 0.3}',  # no object
        '{"step": 1, "metrics": {"loss": "0.3"}}',  # a text for a number
        '{"step": 1, "metrics": {"loss": {"dev": 1}}}',  # nested
    ],
)
def test_a_malformed_report_is_refused_in_one_line(line):
    with pytest.raises(InputError, match=r"^[^\n]+$"):
        parse_report(line)


@pytest.mark.parametrize("written", ["null", "NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_a_metric_that_is_not_finite_becomes_nan(written):
    report = parse_report('{"step": 3, "metrics": {"loss": ' + written + "}}")
    assert report is not None
    assert math.isnan(report.metrics["loss"])


def read_reports(lines):
    """The reports in these lines, and what is wrong with them."""
    reading = ReportReading()
    for line in lines:
        reading.take(line)
    return tuple(reading.reports), reading.fault()


def test_a_file_of_lines_without_any_report_is_called_unreadable():
    assert read_reports(["", "loss=0.3"]) == ((), 'line 2 is not a JSON object with "step" and "metrics": \'loss=0.3\'')


def test_other_lines_between_reports_are_passed_over():
    reports, bad = read_reports(["hello", '{"step": 1, "metrics": {"loss": 2}}', '{"event": "saved"}'])
    assert (reports, bad) == ((Report(1.0, {"loss": 2.0}),), None)


def test_nothing_after_a_malformed_report_counts():
    good = '{"step": 1, "metrics": {"loss": 2}}'
    reports, bad = read_reports(["hello", good, '{"step": 2, "metrics": 7}', good, '{"step": 3, "metrics": 7}'])
    assert reports == (Report(1.0, {"loss": 2.0}),)
    assert bad.startswith("line 3: a report has metrics 7;")


def at(step, **metrics):
    return Report(step, metrics)


@pytest.mark.parametrize(
    ("command", "values", "typed"),
    [
        ("python train.py --data {train} --lr {lr} --seed {seed}", {"lr": 0.001}, "--lr 0.001"),
        ("train --lr={lr} {nesterov:--nesterov} -d {depth}", {"lr": 0.5, "nesterov": True, "depth": 3},
         "--lr=0.5 --nesterov -d 3"),
        ("train {nesterov:--nesterov} --lr {lr}", {"lr": 0.5, "nesterov": False}, "--lr 0.5"),
        ("train --fast {nesterov:--nesterov} {lr}", {"lr": 1e-05, "nesterov": False}, "1e-05"),
        ("train opt.lr={lr} --out run_{lr}_{seed} {decay}", {"lr": 0.5}, "opt.lr=0.5"),
        ("train --lr {lr} --depth {depth}", {"lr": ((0.0, 0.1), (5.0, 0.01)), "depth": 3}, "--depth 3"),
        ("train --config {config}", {"lr": 0.1}, ""),
    ],
)  # fmt: skip
def test_the_arguments_that_hand_values_over_are_those_that_a_person_would_type(command, values, typed):
    assert arguments_for(command.split(), values) == tuple(typed.split())


@pytest.mark.parametrize(
    ("process", "reports", "bad", "end", "score"),
    [
        # the last report that has the metric counts, signed so that higher is better
        (EXITED, [at(1, loss=3.0), at(2, loss=0.25), at(3, time=9.0)], None, LegEnd.COMPLETED, -0.25),
        # a metric that is not finite at the end
        (EXITED, [at(1, loss=3.0), at(2, loss=math.nan)], None, LegEnd.DIVERGED, None),
        # one that recovered
        (EXITED, [at(1, loss=math.nan), at(2, loss=1.0)], None, LegEnd.COMPLETED, -1.0),
        # NaN and then an error code: the configuration's fault, not the machine's
        (ProcessEnd(ProcessKind.EXITED, exit_code=1), [at(1, loss=math.nan)], None, LegEnd.DIVERGED, None),
        (ProcessEnd(ProcessKind.EXITED, exit_code=1), [at(1, loss=1.0)], None, LegEnd.CRASHED, None),
        (EXITED, [at(1, accuracy=1.0)], None, LegEnd.NO_METRIC, None),
        (EXITED, [], None, LegEnd.NO_METRIC, None),
        (EXITED, [at(1, loss=1.0)], "line 2: bad", LegEnd.BAD_REPORT, None),
        (ProcessEnd(ProcessKind.DIVERGED), [at(1, loss=1.0)], None, LegEnd.DIVERGED, None),
        (ProcessEnd(ProcessKind.RECIPE_ERROR), [at(1, loss=1.0)], None, LegEnd.CRASHED, None),
        (ProcessEnd(ProcessKind.SIGNALLED, signal=9), [at(1, loss=1.0)], None, LegEnd.SIGNALLED, None),
        (ProcessEnd(ProcessKind.TIMED_OUT), [at(1, loss=1.0)], None, LegEnd.TIMED_OUT, None),
        (ProcessEnd(ProcessKind.REPORT_LIMIT), [at(1, loss=1.0)], None, LegEnd.BAD_REPORT, None),
        (ProcessEnd(ProcessKind.LOST), [at(1, loss=1.0)], None, LegEnd.LOST, None),
    ],
)
def test_every_end_of_a_process_becomes_the_end_of_its_leg_with_a_reason(process, reports, bad, end, score):
    result = end_of_leg(process, reports, bad, LOSS)
    assert result[:2] == (end, score)
    assert result[2]


def test_a_metric_to_maximise_is_its_own_score():
    assert Objective("auc", lower_is_better=False).score(0.9) == 0.9


@pytest.mark.parametrize(
    ("ends", "again"),
    [
        ([], True),  # never tried
        ([LegEnd.COMPLETED], False),
        ([LegEnd.DIVERGED], False),  # a finding
        ([LegEnd.TIMED_OUT], False),  # would be so again, at full price
        ([LegEnd.CRASHED], True),
        ([LegEnd.CRASHED, LegEnd.SIGNALLED], False),  # one retry for both together
        ([LegEnd.LOST] * 3, True),
        ([LegEnd.LOST] * 4, False),
        ([LegEnd.LOST, LegEnd.CRASHED], True),  # a lost attempt says nothing about the program
        ([LegEnd.LOST, LegEnd.CRASHED, LegEnd.COMPLETED], False),
    ],
)
def test_lost_legs_are_retried_three_times_and_crashed_ones_once(ends, again):
    assert is_retried(ends) is again


def test_metrics_without_a_step_are_a_malformed_report_and_no_chatter():
    with pytest.raises(InputError, match="metrics, but no step"):
        parse_report('{"epoch": 1, "metrics": {"loss": 0.5}}')

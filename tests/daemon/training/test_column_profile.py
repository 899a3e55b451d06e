"""Absurd values in CSV and TSV data are found where they stand, and a verdict waits for the owner to look at them."""

import csv
import importlib.util
import random
from io import StringIO
from pathlib import Path

import pytest
from retuned.daemon.cli.verdict_panel import verdict_panel
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.training.column_profile import MOST_COLUMNS, check_data, read_profile
from retuned.strategies.drift.outliers import DataRanges
from retuned.strategies.records import Outcome
from retuned.strategies.verdict.verdict_records import Reason
from rich.console import Console

FLIGHTS = Path(__file__).resolve().parents[3] / "examples" / "flights" / "flights.csv"
TABLE = Path(__file__).parents[2] / "toys" / "table.py"


def write(path, header, rows, separator=","):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows([header, *rows] if header else rows)
    return path


def weather(n=300, seed=1):
    generator = random.Random(seed)
    return [[f"2011-01-{1 + at % 28:02}", f"{generator.gauss(14, 5):.1f}", f"{at % 24}"] for at in range(n)]


HEADER = ["day", "temp", "hour"]


def test_an_absurd_value_is_found_at_its_line_and_with_its_own_text(tmp_path):
    rows = weather()
    rows[100][1] = "9e9"
    (sentence,) = check_data(write(tmp_path / "w.csv", HEADER, rows), None)[1]
    assert sentence.startswith("column temp, line 102: 9e9 (usual range ")


def test_lines_are_counted_as_an_editor_shows_them(tmp_path):
    rows = [["two\nlines", *row[1:]] for row in weather()]
    rows[100][1] = "9e9"
    assert "line 203: 9e9" in check_data(write(tmp_path / "w.csv", HEADER, rows), None)[1][0]


FORMS = [
    ("w.csv", HEADER, ",", "temp"),
    ("w.csv", HEADER, ";", "temp"),
    ("w.TSV", HEADER, "\t", "temp"),
    ("w.csv", None, ",", "column 2"),  # no header: the first row is data
]


@pytest.mark.parametrize(("name", "header", "separator", "column"), FORMS)
def test_separators_and_missing_headers_are_understood(tmp_path, name, header, separator, column):
    rows = weather()
    numbers = [row if header else ["1", *row[1:]] for row in rows]
    profile = read_profile(write(tmp_path / name, header, numbers, separator))
    assert profile.columns[column].numbers == 300
    assert profile.note == ""


def test_files_with_the_same_header_are_one_table_and_the_file_is_named(tmp_path):
    rows = weather(seed=2)
    rows[7][1] = "-9999"
    write(tmp_path / "a.csv", HEADER, weather())
    write(tmp_path / "b.csv", HEADER, rows)
    kept, (sentence,) = check_data(tmp_path, None)
    assert kept.columns["temp"].numbers == 600
    assert sentence.startswith("column temp, b.csv line 9: -9999 (")


def test_tables_with_different_headers_are_kept_apart(tmp_path):
    write(tmp_path / "a.csv", HEADER, weather())
    write(tmp_path / "b.csv", ["temp", "x"], [["1000", "2"]] * 100)
    kept, sentences = check_data(tmp_path, None)
    assert sorted(kept.columns) == ["day|temp|hour: hour", "day|temp|hour: temp", "temp|x: temp", "temp|x: x"]
    assert sentences == ()


def test_rows_that_are_too_short_or_too_long_are_read_as_far_as_they_go(tmp_path):
    profile = read_profile(write(tmp_path / "w.csv", HEADER, [*weather(), ["2011-02-01"], ["d", "1", "2", "3"]]))
    assert (profile.columns["temp"].numbers, profile.columns["temp"].missing) == (301, 1)


SPELLINGS = [
    "",
    "NaN",
    "nan",
    "-nan",
    "NaT",
    "NA",
    "N/A",
    "<NA>",
    "#N/A",
    "null",
    "NULL",
    "None",
    "nil",
    "-",
    "--",
    ".",
    "?",
    "\\N",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_missing_value_is_one_however_it_is_spelt(tmp_path, text):
    rows = weather()
    rows[250][1] = text
    profile = read_profile(write(tmp_path / "w.csv", HEADER, rows))
    assert (profile.columns["temp"].numbers, profile.columns["temp"].missing, profile.columns["temp"].bad) == (
        299,
        1,
        0,
    )


@pytest.mark.parametrize("text", ["inf", "-inf", "1e999", "12,5", "error", "0x10"])
def test_what_is_no_number_and_not_missing_is_a_glitch(tmp_path, text):
    rows = weather()
    rows[250][1] = text
    profile = read_profile(write(tmp_path / "w.tsv", HEADER, rows, "\t"))
    assert (profile.columns["temp"].missing, profile.columns["temp"].bad) == (0, 1)


@pytest.mark.parametrize("name", ["w.parquet", "w.json", "w.csv.gz"])
def test_other_formats_are_not_looked_into_and_that_is_noted(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\x01")
    assert check_data(tmp_path / name, None) == (
        DataRanges({}, "the data has no CSV or TSV file, so its values were not looked at"), ()
    )  # fmt: skip


def test_too_much_data_is_not_looked_into(tmp_path):
    kept, sentences = check_data(write(tmp_path / "w.csv", HEADER, weather()), None, limit_bytes=1000)
    assert (kept.columns, sentences) == ({}, ())
    assert "over 0 MiB" in kept.note


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"a,b\n", b"\xff\xfe\x00,1\n", b'a,"b\n1,2\n'])
def test_odd_files_are_no_error(tmp_path, content):
    (tmp_path / "w.csv").write_bytes(content)
    assert check_data(tmp_path / "w.csv", None)[1] == ()


def test_a_field_without_end_is_noted(tmp_path):
    (tmp_path / "w.csv").write_text('a,b\n1,"' + "x" * 200_000)
    assert "could not be read to its end" in read_profile(tmp_path / "w.csv").note


def test_only_the_first_columns_of_a_wide_table_are_kept(tmp_path):
    width = MOST_COLUMNS + 5
    profile = read_profile(write(tmp_path / "w.csv", [f"c{at}" for at in range(width)], [["1"] * width] * 70))
    assert len(profile.columns) == MOST_COLUMNS
    assert "only the first" in profile.note


def test_a_large_table_is_sampled_but_its_extremes_and_counts_are_exact(tmp_path):
    rows = [[f"{at % 1000}"] for at in range(20_000)]
    rows[12_345][0] = "1e7"
    path = write(tmp_path / "w.csv", ["x"], rows)
    one, again = (read_profile(path, most_sampled=3000).columns["x"] for _ in range(2))
    assert one == again
    assert 1000 <= len(one.sample) <= 3000
    assert one.numbers == 20_000
    assert (one.highest[0].line, one.highest[0].value) == (12_347, 1e7)
    assert one.quantile(0.5) == pytest.approx(500, abs=60)


def test_many_findings_are_cut_to_a_few(tmp_path):
    rows = [[f"{at % 9}"] * 8 for at in range(300)]
    rows[5] = ["1e9"] * 8
    sentences = check_data(write(tmp_path / "w.csv", [f"c{at}" for at in range(8)], rows), None)[1]
    assert len(sentences) == 6
    assert sentences[-1] == "3 more such findings in other columns"


def flights_of(month):
    spec = importlib.util.spec_from_file_location("flights_prepare", FLIGHTS.with_name("prepare.py"))
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    return prepare, prepare.window_rows((month,))


@pytest.fixture(scope="module")
def january(tmp_path_factory):
    prepare, rows = flights_of(1)
    path = tmp_path_factory.mktemp("january") / "window.csv"
    prepare.write_rows(rows, path)
    return check_data(path, None)


@pytest.mark.parametrize("month", [4, 7, 9])  # with delays that are two to three times all others of the month
def test_no_month_of_flights_is_suspect(january, tmp_path, month):
    prepare, rows = flights_of(month)
    prepare.write_rows(rows, tmp_path / "window.csv")
    assert january[1] == ()
    assert check_data(tmp_path / "window.csv", january[0])[1] == ()
    assert check_data(tmp_path / "window.csv", None)[1] == ()


@pytest.mark.parametrize(
    ("column", "value"),
    [("dep_delay", "100500"), ("distance", "-9999"), ("hour", "2300"), ("arr_delay", "1e6"), ("dep_delay", "inf")],
)
def test_one_planted_value_in_the_flights_is_found(january, tmp_path, column, value):
    prepare, rows = flights_of(7)
    window = [{**row} for row in rows]
    window[1000][column] = value
    prepare.write_rows(window, tmp_path / "window.csv")
    for before in (january[0], None):
        (sentence,) = check_data(tmp_path / "window.csv", before)[1]
        assert f"column {column}, line 1,002: " in sentence


def test_inputs_thirty_times_too_large_are_no_glitch(january, tmp_path):
    prepare, rows = flights_of(7)
    prepare.write_rows([{**row, "dep_delay": str(30 * int(row["dep_delay"]))} for row in rows], tmp_path / "w.csv", 30)
    assert check_data(tmp_path / "w.csv", january[0])[1] == ()


@pytest.fixture(scope="module")
def told(new_desk, tmp_path_factory):
    """A desk on a CSV file, and campaigns that followed each other on it by what was in the file. Only to be read."""
    made = new_desk(tmp_path_factory.mktemp("table"))

    def retune(rows):
        write(made.folder / "w.csv", HEADER, rows)
        return made.retune(seed=1)

    write(made.folder / "w.csv", HEADER, weather())
    tables = {"training": made.training_table(TABLE), "search": "challengers = 4"}
    made.register(**tables, data='path = "w.csv"')
    campaigns = {
        "baseline": made.baseline(),
        "glitch": retune(with_temp("1e6")),
        "text": retune(with_temp("abc")),
        "times 30": retune([[day, f"{30 * float(temp):.1f}", hour] for day, temp, hour in weather(seed=2)]),
        "clean": retune(weather(seed=2)),
    }
    made.register(**tables, data='path = "w.csv"\naccept_outliers = true')
    return made, campaigns | {"accepted": retune(with_temp("1e6"))}


def with_temp(value):
    return [row if at != 100 else [row[0], value, row[2]] for at, row in enumerate(weather(seed=2))]


def test_the_baseline_keeps_what_is_usual_in_the_data(told):
    facts = told[1]["baseline"].facts
    assert facts.suspicions == ()
    assert facts.prepared.ranges.columns["temp"].median == pytest.approx(14, abs=1)


@pytest.mark.parametrize(("glitch", "text"), [("glitch", "1e6 (usual range"), ("text", "'abc' (usually a number)")])
def test_one_absurd_value_asks_to_look_at_the_data_and_recommends_nothing(told, glitch, text):
    campaign = told[1][glitch]
    verdict = campaign.verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.LOOK_AT_DATA)
    assert f"column temp, line 102: {text}" in verdict.sentence
    assert not verdict.challenger_confirmed
    assert campaign.facts.ended.recommended is None


def test_the_owner_is_told_to_look_at_the_data_with_no_values_to_adopt(told):
    desk, campaigns = told
    (alert,) = [one for one in list_alerts(desk.store) if one.kind == "data"]  # one, which was seen twice
    assert (alert.severity, alert.title, alert.raised) == ("alert", "toy: look at your data", 2)
    assert alert.campaign_id == campaigns["text"].id
    assert "column temp, line 102: 'abc'" in alert.text
    assert "retuned adopt" not in alert.text
    assert "accept_outliers = true" in alert.text


def test_the_same_data_without_it_is_fresh_and_tells_nobody(told):
    desk, campaigns = told
    assert campaigns["clean"].verdict.outcome is Outcome.FRESH
    assert [one for one in list_alerts(desk.store) if one.campaign_id == campaigns["clean"].id] == []


def test_a_column_that_moved_as_a_whole_is_stale(told):
    assert told[1]["times 30"].verdict.outcome is Outcome.STALE
    assert told[1]["times 30"].facts.suspicions == ()


def test_an_owner_who_accepts_outliers_gets_the_verdict(told):
    assert told[1]["accepted"].verdict.outcome is Outcome.STALE
    assert told[1]["accepted"].facts.suspicions == ()


def test_the_terminal_says_it_once(told):
    desk, campaigns = told
    console = Console(width=300, file=StringIO())
    model = find_model(desk.store, "toy")
    console.print(verdict_panel(model, campaigns["glitch"], model.configuration))
    assert console.file.getvalue().count("column temp") == 1


def test_a_glitch_at_birth_fails_the_baseline_with_a_word_on_the_data(desk):
    write(desk.folder / "w.csv", HEADER, with_temp("abc"))
    desk.register(training=desk.training_table(TABLE), data='path = "w.csv"')
    assert "look at your data: column temp, line 102: 'abc'" in desk.baseline().failure


BROKEN = {
    "header only": lambda path, rows: write(path, HEADER, []),
    "empty": lambda path, rows: path.write_text(""),
    "error page": lambda path, rows: path.write_text("<html><body>\n<h1>502 Bad Gateway</h1>\n</body></html>\n"),
    "decimal commas": lambda path, rows: write(
        path, HEADER, [[day, temp.replace(".", ","), hour] for day, temp, hour in rows], ";"
    ),
    "quoted commas": lambda path, rows: write(
        path, HEADER, [[day, temp.replace(".", ","), hour] for day, temp, hour in rows]
    ),
    "a column gone": lambda path, rows: write(path, ["day", "hour"], [[day, hour] for day, _, hour in rows]),
    "cut off": lambda path, rows: path.write_text("".join(path.read_text().splitlines(True)[:9])),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_data_that_is_broken_as_a_whole_is_suspect(tmp_path, kind):
    path = write(tmp_path / "w.csv", HEADER, weather())
    usual, _ = check_data(path, None)
    BROKEN[kind](path, weather(seed=2))
    _, sentences = check_data(path, usual)
    assert any(word in sentence for sentence in sentences for word in ("left where there were", "gone", "hardly any"))


def test_a_next_month_of_another_length_is_not_suspect(tmp_path):
    path = write(tmp_path / "w.csv", HEADER, weather())
    usual, _ = check_data(path, None)
    write(path, HEADER, weather(n=90, seed=5))
    assert check_data(path, usual)[1] == ()

"""Data that cannot be cut: one line each, and nothing half-written."""

import gzip
import os
from pathlib import Path

import pytest
from retuned.daemon.api.user_paths import check_paths_for
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.training.splits.check import check_split
from retuned.strategies.errors import CampaignFailed, InputError

GOOD = "id,user,day\n" + "".join(f"{row},u{row % 60},2026-01-{1 + row // 20:02d}\n" for row in range(500))
ROWS, GROUPS, TIME = {}, {"by": "groups", "column": "user"}, {"by": "time", "column": "day"}

# name of the file, its content, the split, what the line says
BAD = [
    ("empty file", "rows.csv", b"", ROWS, "rows.csv has no row"),
    ("blank lines alone", "rows.csv", b"\n\n\n", ROWS, "rows.csv has no row"),
    ("a header alone", "rows.csv", b"id,user,day\n", ROWS, "rows.csv has no row"),
    ("one cell more", "rows.csv", GOOD.replace("7,u7,2026-01-01", "7,u7,1,2").encode(), ROWS,
     "rows.csv: row 8 has 4 cells, the first row has 3"),
    ("one cell fewer, quoted", "rows.csv", GOOD.replace("7,u7,2026-01-01", '"7",u7').encode(), ROWS,
     "rows.csv: row 8 has 2 cells, the first row has 3"),
    ("an open quote", "rows.csv", GOOD.replace("7,u7,2026-01-01", '7,"u7,2026-01-01').encode(), ROWS,
     "rows.csv: row 8 opens a quote that is never closed"),
    ("binary junk", "rows.csv", bytes(range(256)) * 40, ROWS, "rows.csv holds bytes that no text has"),
    ("UTF-16", "rows.csv", GOOD.encode("utf-16"), ROWS, "rows.csv is UTF-16 text; allowed: UTF-8"),
    ("one endless line", "rows.csv", b"x" * (17 << 20), ROWS, "rows.csv has a line of more than 16 MiB"),
    ("no gzip", "rows.csv.gz", GOOD.encode(), ROWS, "rows.csv.gz is no whole gzip file"),
    ("half a gzip", "rows.csv.gz", gzip.compress(GOOD.encode())[:400], ROWS, "rows.csv.gz is no whole gzip file"),
    ("another format", "rows.xlsx", b"PK", ROWS, "cannot cut rows.xlsx; allowed: a folder of files, or .csv"),
    ("too few rows", "rows.csv", b"a,b\n1,2\n3,4\n", ROWS, "2 rows leave 0 held out: too little for any verdict"),
    ("not JSON", "rows.jsonl", b'{"a": 1}\n{"a": \n', ROWS, "rows.jsonl: row 2 is not JSON"),
    ("no object", "rows.jsonl", b'{"a": 1}\n[1]\n', ROWS, "rows.jsonl: row 2 is no object"),
    ("a key that a row lacks", "rows.jsonl", b'{"user": 1}\n{"usr": 1}\n', GROUPS, "row 2 has no 'user'; it has usr"),
    ("no such column", "rows.csv", GOOD.encode(), {"by": "groups", "column": "usr"}, "did you mean 'user'?"),
    ("no header", "rows.csv", b"1,2\n" * 400, GROUPS, "rows.csv has no header"),
    ("all of one group", "rows.csv", b"user,y\n" + b"me,1\n" * 400, GROUPS, "all rows are of one group"),
    ("too few groups", "rows.csv", b"".join([b"user,y\n", *(b"u%d,1\n" % (row % 7) for row in range(700))]), GROUPS,
     "7 groups leave 2 held out"),
    ("a row without a group", "rows.csv", GOOD.replace(",u7,", ",,", 1).encode(), GROUPS,
     "row 8 has nothing in 'user'"),
    ("no time", "rows.csv", GOOD.replace("2026-01-01", "", 1).encode(), TIME,
     "row 1 has nothing in the time column 'day'"),
    ("times without order", "rows.csv", GOOD.replace("2026-01-09", "2026-01-02", 1).encode(), TIME,
     "row 161 is earlier than the row before it in 'day'"),
    ("times that do not sort", "rows.csv", GOOD.replace("2026-01-", "1/1/").encode(), TIME, "'1/1/01' is no moment"),
    ("numbers among dates", "rows.csv", GOOD.replace("2026-01-09", "17", 1).encode(), TIME,
     "row 161 has a plain number in the time column"),
    ("one moment", "rows.csv", b"day,y\n" + b"1,1\n" * 400, TIME, "400 rows in the order of time are too few"),
    ("a gap of another unit", "rows.csv", GOOD.encode(), TIME | {"gap": 3},
     "data.split.gap is 3, and 'day' holds dates"),
    ("a gap longer than the data", "rows.csv", GOOD.encode(), TIME | {"gap": "90 days"}, "with the gap between parts"),
    ("a list where there is no folder", "rows.csv", GOOD.encode(), {"list": "a.csv"}, "rows.csv is no folder"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "split", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_data_that_cannot_be_cut_end_the_campaign_in_one_line(cut, tmp_path, name, content, split, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CampaignFailed) as caught:
        cut(tmp_path / name, **split)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert len(message) < 700
    assert caught.value.remedy
    assert os.listdir(tmp_path / "campaign/splits") == []


def model(folder: Path, split: str, data: str = 'path = "rows.csv"', pairs: int = 4):
    path = folder / "model.toml"
    path.write_text(
        f'name = "rides"\nowner = "team"\n[training]\ncommand = ["sh", "{{train}}"]\nbudget = {{epochs = 1}}\n'
        f'[data]\n{data}\nsplit = {split}\n[objective]\nmetric = "m"\ndirection = "minimize"\n'
        f'[hyperparameters.lr]\ntype = "float"\nlow = 0.1\nhigh = 1.0\nvalue = 0.2\n[search]\nmax_pairs = {pairs}\n'
    )
    return load_model_file(path)


def test_registration_looks_through_the_data(tmp_path):
    (tmp_path / "rows.csv").write_text(GOOD)
    check_split(model(tmp_path, '{by = "groups", column = "user"}'))
    with pytest.raises(InputError, match="did you mean 'user'"):
        check_split(model(tmp_path, '{by = "groups", column = "users"}'))
    with pytest.raises(InputError, match=r"60 groups leave \d+ held out.* write max_pairs = 2\d under"):
        check_split(model(tmp_path, '{by = "groups", column = "user"}', pairs=64))


def test_registration_says_nothing_about_data_that_is_fetched_later(tmp_path):
    check_split(model(tmp_path, '{by = "rows"}', 'path = "later.csv"\nprepare = ["sh", "fetch.sh"]'))


def test_registration_of_a_pattern_reads_what_it_names(tmp_path):
    for month in "ab":
        (tmp_path / f"{month}.csv").write_text(GOOD if month == "a" else GOOD.replace("user", "usr"))
    with pytest.raises(InputError, match=r"b.csv has no such column|b.csv has other columns"):
        check_split(model(tmp_path, '{by = "groups", column = "user"}', 'glob = "*.csv"'))


def test_of_large_data_registration_reads_the_first_rows(tmp_path):
    (tmp_path / "rows.csv").write_text(GOOD)
    check_split(model(tmp_path, '{by = "rows"}', pairs=256), whole_bytes=10)  # too few rows: only the whole shows it
    with pytest.raises(InputError, match="no such column"):
        check_split(model(tmp_path, '{by = "time", column = "days since"}'), whole_bytes=10)


def test_register_refuses_in_one_line_and_makes_no_state_folder(tmp_path, retuned):
    (tmp_path / "rows.csv").write_text(GOOD.replace("7,u7,2026-01-01", "7,u7", 1))
    model(tmp_path, '{by = "rows"}')
    done = retuned("register", tmp_path / "model.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "row 8 has 2 cells, the first row has 3" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_service_that_is_asked_to_register_says_the_same(tmp_path):
    (tmp_path / "rows.csv").write_text("id,user,day\n")
    with pytest.raises(InputError, match=r"rows\.csv has no row.*the service runs as user 'somebody'"):
        check_paths_for("somebody", model(tmp_path, '{by = "rows"}'))

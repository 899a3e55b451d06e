"""The files that trainings get, read as trainings read them."""

import csv
import gzip
import io
import itertools
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retuned.daemon.training.splits.text_table import TextTable
from retuned.strategies.errors import CampaignFailed
from retuned.strategies.records import Purpose

from .conftest import leg


def rows_of(path: Path) -> list[list[str]]:
    """The records of a CSV file after its header, as Python's reader sees them."""
    text = (gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()).decode("utf-8-sig")
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]


def table(path: Path, rows: int = 400, end: str = "\n", mark: bytes = b"") -> Path:
    """A table whose texts have quoted line ends, separators and quotes in them."""
    texts = ["plain", '"two\nlines"', '"a, b"', '"say ""yes"""', "", "ä€"]
    lines = ["id,text,y", *(f"{row},{texts[row % 6]},{row % 10}" for row in range(rows))]
    path.write_bytes(mark + "".join(line + end for line in lines).encode())
    return path


def everything(files, slices=4):
    """The development rows, and the rows of each slice."""
    scored = [files.files_for(leg(4096 + number)).eval for number in range(slices)]
    return [files.files_for(leg(4096, Purpose.SEARCH)).eval, *scored]


def test_every_row_is_used_once_or_is_for_training(cut, tmp_path):
    files = cut(table(tmp_path / "rows.csv"))
    parts = [[int(row[0]) for row in rows_of(path)] for path in everything(files)]
    assert [len(part) for part in parts] == [40, 40, 40, 40, 40]
    held = [row for part in parts for row in part]
    assert len(held) == len(set(held))
    train = [int(row[0]) for row in rows_of(files.files_for(leg(4096)).train)]
    assert len(train) == 200
    assert not set(train) & set(held)
    assert train == sorted(train)  # in the order of the source
    assert max(Counter(train).values()) > 1  # a bootstrap


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.CSV.gz"])
def test_rows_are_copied_to_the_byte(cut, tmp_path, end, mark, name):
    source = table(tmp_path / "plain.csv", end=end, mark=mark)
    path = tmp_path / name
    path.write_bytes(gzip.compress(source.read_bytes()) if name.endswith(".gz") else source.read_bytes())
    files = cut(path, draw=1.0)
    scored = everything(files)
    train = files.files_for(leg(1)).train
    assert {file.name.partition(".")[2] for file in [train, *scored]} == {name.partition(".")[2].lower()}
    read = gzip.open if name.endswith(".gz") else open
    contents = []
    for file in [train, *scored]:
        with read(file, "rb") as stream:
            contents.append(stream.read())
    head = mark + f"id,text,y{end}".encode()
    assert all(content.startswith(head) for content in contents)
    assert sum(len(content) - len(head) for content in contents) == len(source.read_bytes()) - len(head)
    assert sorted(row for file in [train, *scored] for row in rows_of(file)) == sorted(rows_of(source))


def test_equal_split_seeds_share_files_and_others_draw_others(cut, tmp_path):
    files = cut(table(tmp_path / "rows.csv"))
    one, again, other = (files.files_for(leg(seed)) for seed in (4096, 4096, 4097))
    assert one == again
    assert one.train.read_bytes() != other.train.read_bytes()
    assert one.eval != other.eval
    assert files.files_for(leg(4096, Purpose.SEARCH)).train == one.train
    assert files.files_for(leg(4100)).eval == one.eval  # slice number 4100 % 4
    assert files.files_for(leg(4097, Purpose.REPLICATE)).eval == other.eval


def test_a_trainings_files_are_the_same_in_every_campaign_on_the_same_data(cut, tmp_path):
    path = table(tmp_path / "rows.csv")
    contents = [
        [file.read_bytes() for file in (made.train, made.eval)]
        for made in (cut(path, folder=folder).files_for(leg(77)) for folder in ("one", "two"))
    ]
    assert contents[0] == contents[1]


def test_a_training_cannot_write_to_what_others_read(cut, tmp_path):
    made = cut(table(tmp_path / "rows.csv")).files_for(leg(1))
    assert [path.stat().st_mode & 0o222 for path in (made.train, made.eval)] == [0, 0]


def test_a_second_process_uses_the_cut_that_is_there(cut, tmp_path):
    path = table(tmp_path / "rows.csv")
    made = cut(path).files_for(leg(1))
    written = [os.stat(file).st_ino for file in (made.train, made.eval, tmp_path / "campaign/splits/cut/cut.json")]
    again = cut(path).files_for(leg(1))
    assert [
        os.stat(file).st_ino for file in (again.train, again.eval, tmp_path / "campaign/splits/cut/cut.json")
    ] == written


def test_what_a_killed_process_was_writing_is_swept(cut, tmp_path):
    path = table(tmp_path / "rows.csv")
    cut(path)
    left = tmp_path / "campaign/splits/.train-9.csv.999999999.part"
    left.write_text("half a")
    cut(path)
    assert not left.exists()


@pytest.mark.parametrize("line", ["{}", '{"id": %d, "user": "u%d"}'])
def test_json_lines_keep_their_lines(cut, tmp_path, line):
    path = tmp_path / "rows.jsonl"
    lines = [line % (row, row) if "%" in line else json.dumps({"id": row}) for row in range(100)]
    path.write_text("\n".join(lines) + "\n\n")
    files = cut(path, draw=1.0)
    taken = [file.read_text().split("\n") for file in [files.files_for(leg(0)).train, *everything(files)]]
    assert sorted(row for part in taken for row in part if row) == sorted(lines)


def test_the_last_row_gets_its_end_where_another_follows(cut, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "".join(f"{row},1\n" for row in range(99)) + "99,1")
    files = cut(path)
    rows = [row for seed in range(40) for row in rows_of(files.files_for(leg(seed)).train)]
    rows += [row for file in everything(files) for row in rows_of(file)]
    assert {len(row) for row in rows} == {2}
    assert {row[0] for row in rows} == {str(row) for row in range(100)}


def test_a_table_of_numbers_alone_has_no_header(cut, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{row},1\n" for row in range(100)))
    files = cut(path, draw=1.0)
    parts = [file.read_text().splitlines() for file in [files.files_for(leg(0)).train, *everything(files)]]
    assert sorted(int(row.split(",")[0]) for part in parts for row in part) == list(range(100))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_groups_stay_whole_whatever_separates_the_columns(cut, tmp_path, separator):
    path = tmp_path / ("rows.tsv" if separator == "\t" else "rows.csv")
    lines = [separator.join(["user", "y"]), *(separator.join([f'"u{row % 60}"', str(row)]) for row in range(600))]
    path.write_text("\n".join(lines) + "\n")
    files = cut(path, by="groups", column="user")
    users = [
        {line.split(separator)[0] for line in file.read_text().splitlines()[1:]}
        for file in [files.files_for(leg(0)).train, *everything(files)]
    ]
    assert sum(map(len, users)) == len(set().union(*users))
    trained = Counter(line.split(separator)[0] for line in files.files_for(leg(0)).train.read_text().splitlines()[1:])
    assert {count % 10 for count in trained.values()} == {0}  # whole groups, some of them more than once


def test_in_time_each_part_is_later_than_the_one_before_by_the_gap(cut, tmp_path):
    path = tmp_path / "rows.csv"
    days = [f"2026-{1 + day // 28:02d}-{1 + day % 28:02d}" for day in range(250)]
    path.write_text("day,y\n" + "".join(f"{day},{number}\n" for number, day in enumerate(days) for _ in range(3)))
    files = cut(path, by="time", column="day", gap="2d")
    parts = [
        sorted(int(row[1]) for row in rows_of(file)) for file in [files.files_for(leg(0)).train, *everything(files)]
    ]
    assert all(later[0] >= earlier[-1] + 2 for earlier, later in itertools.pairwise(parts))
    assert len(set(parts[0])) == parts[0][-1] - parts[0][0] + 1  # a window of days without holes


def test_files_that_a_pattern_names_are_one_table(cut, tmp_path):
    folder = tmp_path / "months"
    folder.mkdir()
    for month in range(3):
        text = "id,y\n" + "".join(f"{month * 100 + row},1\n" for row in range(100))
        (folder / f"{month}.csv").write_text(text.removesuffix("\n") if month == 1 else text)
    files = cut(folder / "*.csv", draw=1.0)
    rows = [row for file in [files.files_for(leg(0)).train, *everything(files)] for row in rows_of(file)]
    assert sorted(int(row[0]) for row in rows) == list(range(300))


CELLS = st.text(st.sampled_from('ab,;"\n\r\t é0'), max_size=6)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=40),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    piece_bytes=st.sampled_from([7, 64, 1 << 20]),
    counts=st.binary(min_size=40, max_size=40).map(lambda text: bytes(byte % 3 for byte in text)),
)
def test_any_rows_are_copied_as_pythons_reader_sees_them(tmp_path, rows, quoting, end, piece_bytes, counts):
    if (quoting, end) == (csv.QUOTE_MINIMAL, "\n"):  # then the writer leaves a lone \r bare, which ends a row
        rows = [tuple(cell.replace("\r", "") for cell in row) for row in rows]
    source, target, lengths = (tmp_path / name for name in ("rows.csv", "part.csv", "lengths"))
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator=end)
        writer.writerow(["id", "first", "second"])
        writer.writerows([number, *row] for number, row in enumerate(rows))
    scanned = TextTable([source], piece_bytes)
    pieces = list(scanned.scan("first"))
    lengths.write_bytes(b"".join(piece.lengths.tobytes() for piece in pieces))
    assert [cell for piece in pieces for cell in piece.cells] == [row[1] for row in rows_of(source)]
    target.unlink(missing_ok=True)
    given_to = iter(counts)
    scanned.write(target, lambda number: bytes(next(given_to) for _ in range(number)), lengths)
    wanted = [row for row, count in zip(rows_of(source), counts, strict=False) for _ in range(count)]
    assert rows_of(target) == wanted


def test_files_that_no_open_leg_needs_are_dropped_when_they_take_too_much(cut, tmp_path):
    files = cut(table(tmp_path / "rows.csv"), limits={"kept_bytes": 12_000})  # about four of them
    made = [files.files_for(leg(seed, Purpose.SEARCH), [leg(0, Purpose.SEARCH)]) for seed in range(12)]
    there = [number for number, each in enumerate(made) if each.train.exists()]
    assert {0, 11} <= set(there)
    assert len(there) < 8
    before = made[0].train.read_bytes()
    made[0].train.unlink()
    assert files.files_for(leg(0, Purpose.SEARCH)).train.read_bytes() == before  # and made again


def test_a_disk_without_room_leaves_nothing_half_written(cut, tmp_path):
    files = cut(table(tmp_path / "rows.csv"), limits={"least_free_bytes": 1 << 60})
    with pytest.raises(OSError, match="No space left"):
        files.files_for(leg(1))
    assert sorted(os.listdir(tmp_path / "campaign/splits")) == ["cut"]


def vanish(path: Path) -> None:
    path.unlink()


def grow(path: Path) -> None:
    with path.open("a") as file:
        file.write("400,new,1\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("happens", [vanish, grow, empty])
def test_data_that_change_while_the_campaign_runs_end_it_in_one_line(cut, tmp_path, happens):
    path = table(tmp_path / "rows.csv")
    files = cut(path)
    files.files_for(leg(1))
    happens(path)
    with pytest.raises(CampaignFailed, match=r"rows\.csv changed while the campaign ran") as caught:
        files.files_for(leg(2))
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path / "campaign/splits")) == ["cut", "slice-01.csv", "train-1.csv"]


def test_what_a_training_removes_of_the_cut_ends_the_campaign_in_one_line(cut, tmp_path):
    files = cut(table(tmp_path / "rows.csv"))
    shutil.rmtree(tmp_path / "campaign/splits")
    with pytest.raises(CampaignFailed, match="was removed or changed while the campaign ran") as caught:
        files.files_for(leg(1))
    assert "\n" not in str(caught.value)

"""Parts of data: every second row or file, nothing guessed, nothing endless."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.training import data_part
from retuned.daemon.training.data_part import NotDivisible, write_part

CELL = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n', exclude_categories=["Cs"]), max_size=5)
QUOTED = st.text(st.sampled_from('a,\n"'), max_size=6).map(lambda text: '"' + text.replace('"', '""') + '"')
ROWS = st.lists(st.tuples(CELL | QUOTED, CELL | QUOTED).map(",".join), min_size=2, max_size=9)


@given(ROWS)
def test_a_table_keeps_its_header_and_every_second_row_whatever_is_quoted(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("t")
    (folder / "a.csv").write_text("\n".join(["one,two", *rows]) + "\n", newline="")
    part = write_part(folder / "a.csv", folder / "part" / "a.csv")
    assert part.read_bytes().decode() == "\n".join(["one,two", *rows[::2]]) + "\n"


def test_records_have_no_header(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": "\\""}\n{"a": 2}\n{"a": 3}')
    assert write_part(tmp_path / "a.jsonl", tmp_path / "part.jsonl").read_text() == '{"a": "\\""}\n{"a": 3}'


def test_of_a_folder_every_second_file_is_linked_where_it_was(tmp_path):
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/2.png", "dogs/3.png"):
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).write_text(name)
    part = write_part(tmp_path / "all", tmp_path / "part")
    kept = {str(path.relative_to(part)): path.read_text() for path in part.rglob("*") if path.is_file()}
    assert kept == {name: name for name in ("cats/1.png", "dogs/1.png", "dogs/3.png")}


def test_a_folder_with_one_table_has_that_one_cut(tmp_path):
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.tsv").write_text("h\n1\n2\n3\n")
    part = write_part(tmp_path / "all", tmp_path / "part")
    assert (part / "a.tsv").read_text() == "h\n1\n3\n"


def test_names_that_are_no_utf_8_are_kept(tmp_path):
    (tmp_path / "all").mkdir()
    for name in (b"\xff1.bin", b"\xff2.bin"):
        (tmp_path / "all" / os.fsdecode(name)).write_bytes(name)
    part = write_part(tmp_path / "all", tmp_path / "part")
    assert [os.fsencode(path.name) for path in part.iterdir()] == [b"\xff1.bin"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("model.bin", "1\n2\n3\n", r"model.bin is one file that cannot be cut; .csv, .tsv"),
        ("data.json", "[1, 2]", "data.json is one file that cannot be cut"),
        ("a.csv", "header\n1\n", "a.csv has fewer than two rows"),
        ("a.csv", "", "a.csv has fewer than two rows"),
    ],
)
def test_what_cannot_be_cut_is_said(tmp_path, name, text, why):
    (tmp_path / name).write_text(text)
    with pytest.raises(NotDivisible, match=why):
        write_part(tmp_path / name, tmp_path / "part" / name)


def test_an_empty_folder_and_a_missing_path_are_said(tmp_path):
    (tmp_path / "all").mkdir()
    with pytest.raises(NotDivisible, match="there is no file in all"):
        write_part(tmp_path / "all", tmp_path / "part")
    with pytest.raises(NotDivisible, match="there is no file in gone"):
        write_part(tmp_path / "gone", tmp_path / "part")


def test_a_part_and_a_row_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(data_part, "MOST_BYTES", 100)
    monkeypatch.setattr(data_part, "LONGEST_ROW_BYTES", 1000)
    (tmp_path / "long.csv").write_text("h\n" + "0123456789\n" * 1000)
    assert write_part(tmp_path / "long.csv", tmp_path / "part.csv").stat().st_size <= 120
    (tmp_path / "wide.csv").write_text("h\n" + "0" * 5000)
    with pytest.raises(NotDivisible, match="a row of it is longer than"):
        write_part(tmp_path / "wide.csv", tmp_path / "part2.csv")

"""Parquet tables, with the real library."""

import itertools
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from retuned.strategies.errors import CampaignFailed
from retuned.strategies.records import Purpose

from .conftest import leg

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def table(path: Path, first: int = 0, rows: int = 300, **columns: object) -> Path:
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - as pandas writes it
    content = {
        "id": list(range(first, first + rows)),
        "user": [f"u{row % 60}" for row in range(rows)],
        "at": [start + timedelta(hours=row) for row in range(rows)],
        "x": pa.array([row / 3 for row in range(rows)], type=pa.float32()),
        **columns,
    }
    pq.write_table(pa.table(content), path, row_group_size=77, compression="zstd")
    return path


def made_by(files):
    parts = [files.files_for(leg(0)).train, files.files_for(leg(0, Purpose.SEARCH)).eval]
    return parts + [files.files_for(leg(number)).eval for number in range(4)]


def test_rows_come_apart_with_their_types_and_compression(cut, tmp_path):
    source = table(tmp_path / "rows.parquet")
    parts = made_by(cut(source, draw=1.0))
    read = [pq.read_table(part) for part in parts]
    assert {part.schema.to_string() for part in read} == {pq.read_table(source).schema.to_string()}
    assert {pq.ParquetFile(part).metadata.row_group(0).column(0).compression for part in parts} == {"ZSTD"}
    whole = pa.concat_tables(read).sort_by("id")
    assert whole.equals(pq.read_table(source))


def test_groups_and_times_of_parquet_columns(cut, tmp_path):
    source = table(tmp_path / "rows.parquet")
    users = [set(pq.read_table(part)["user"].to_pylist()) for part in made_by(cut(source, by="groups", column="user"))]
    assert sum(map(len, users)) == len(set().union(*users))
    files = cut(source, by="time", column="at", gap="5h", folder="times")
    spans = [sorted(pq.read_table(part)["at"].to_pylist()) for part in made_by(files)]
    assert all(b[0] - a[-1] >= timedelta(hours=5) for a, b in itertools.pairwise(spans))


def test_several_files_are_one_table_and_a_bootstrap_repeats_rows(cut, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(2):
        table(folder / f"{number}.parquet", first=1000 * number)
    drawn = pq.read_table(cut(folder / "*.parquet").files_for(leg(0)).train)["id"].to_pylist()
    assert len(drawn) == 300
    assert len(set(drawn)) < 300
    assert min(drawn) < 300 < 1000 <= max(drawn)


def test_equal_seeds_give_equal_bytes(cut, tmp_path):
    source = table(tmp_path / "rows.parquet")
    one, two = (cut(source, folder=name).files_for(leg(5)).train.read_bytes() for name in ("one", "two"))
    assert one == two


def other_columns(path: Path) -> None:
    table(path.with_name("2.parquet"), other=list(range(300)))


def junk(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(range(256)) * 20 + b"PAR1")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def without_rows(path: Path) -> None:
    table(path, rows=0)


def without_groups(path: Path) -> None:
    table(path, g=[float("nan") if row == 7 else float(row % 60) for row in range(300)])


@pytest.mark.parametrize(
    ("spoil", "split", "says"),
    [
        (other_columns, {}, "2.parquet has other columns than 1.parquet"),
        (junk, {}, "1.parquet cannot be read as Parquet"),
        (empty, {}, "1.parquet cannot be read as Parquet"),
        (without_rows, {}, "1.parquet has no row"),
        (without_groups, {"by": "groups", "column": "g"}, "row 8 has nothing in 'g'"),
        (lambda path: None, {"by": "groups", "column": "usr"}, "did you mean 'user'?"),
        (lambda path: None, {"by": "time", "column": "user"}, "is no moment that sorts"),
    ],
)
def test_a_parquet_file_that_cannot_be_cut_is_refused_in_one_line(cut, tmp_path, spoil, split, says):
    folder = tmp_path / "parts"
    folder.mkdir()
    spoil(table(folder / "1.parquet"))
    with pytest.raises(CampaignFailed) as caught:
        cut(folder / "*.parquet", **split)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_pyarrow_one_line_says_what_to_install(cut, tmp_path, monkeypatch):
    source = table(tmp_path / "rows.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(CampaignFailed, match=r"pip install 'retuned\[parquet\]'"):
        cut(source)

"""A folder of files, cut into folders of links."""

import csv
import errno
import os
from collections import Counter
from pathlib import Path

import pytest
from retuned.daemon.training.splits import file_folder
from retuned.strategies.errors import CampaignFailed
from retuned.strategies.records import Purpose

from .conftest import leg


def classes(folder: Path, of_each: int = 40) -> Path:
    """Files in one sub-folder a class."""
    for name in ("cat", "dog", "owl"):
        (folder / name).mkdir(parents=True)
        for number in range(of_each):
            (folder / name / f"{number:03d}.png").write_text(f"{name} {number}")
    (folder / ".DS_Store").write_text("not data")
    return folder


def listed(folder: Path, rows: int = 100) -> Path:
    """Files in no order, and a list that says what each of them shows."""
    (folder / "img").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "file", "patient"])
        for row in range(rows):
            (folder / "img" / f"{row}.png").write_text(str(row))
            writer.writerow([row % 3, f"img/{row}.png", f"p{row % 50}"])
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_part_has_its_share_of_every_class_and_no_file_is_in_two(cut, tmp_path):
    files = cut(classes(tmp_path / "images"))
    made = [files.files_for(leg(0)).train, files.files_for(leg(0, Purpose.SEARCH)).eval]
    made += [files.files_for(leg(number)).eval for number in range(4)]
    names = [names_in(folder) for folder in made]
    assert [len(part) for part in names] == [30, 12, 12, 12, 12, 12]  # half of the 60 training files
    assert len({name for part in names for name in part}) == 90
    assert [sorted(os.listdir(folder)) for folder in made] == [["cat", "dog", "owl"]] * 6
    assert {Counter(name.partition("/")[0] for name in part)["cat"] for part in names[1:]} == {4}
    assert (made[0] / "dog").is_dir()


def test_the_files_of_a_part_are_links_and_take_no_room(cut, tmp_path):
    source = classes(tmp_path / "images")
    folder = cut(source).files_for(leg(0)).train
    name = names_in(folder)[0]
    assert (folder / name).stat().st_ino == (source / name).stat().st_ino


def test_symbolic_links_serve_where_the_file_system_allows_no_others(cut, tmp_path, monkeypatch):
    def no_link(source, place):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    source = classes(tmp_path / "images")
    monkeypatch.setattr(file_folder.os, "link", no_link)
    folder = cut(source).files_for(leg(0)).train
    name = names_in(folder)[0]
    assert (folder / name).is_symlink()
    assert (folder / name).read_text() == (source / name).read_text()


def test_a_file_that_a_bootstrap_draws_twice_has_a_second_name(cut, tmp_path):
    folder = cut(classes(tmp_path / "images"), draw="bootstrap").files_for(leg(0)).train
    names = names_in(folder)
    assert len(names) == 60
    twice = next(name for name in names if "~2" in name)
    assert (folder / twice).read_text() == (folder / twice.replace("~2", "")).read_text()


def test_a_list_is_cut_with_the_files_that_it_names(cut, tmp_path):
    files = cut(listed(tmp_path / "scans"), by="groups", column="patient", list="labels.csv", file_column="file")
    made = [files.files_for(leg(0)).train, *(files.files_for(leg(number)).eval for number in range(4))]
    patients = []
    for folder in made:
        with (folder / "labels.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert sorted({row["file"] for row in rows} | {"labels.csv"}) == names_in(folder)
        patients.append({row["patient"] for row in rows})
    assert sum(map(len, patients)) == len(set().union(*patients))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.txt", "".join(f"img/{row}.png\t{row % 3}\n" for row in range(100))),
        ("metadata.jsonl", "".join(f'{{"file_name": "img/{row}.png", "y": 1}}\n' for row in range(100))),
        ("list.tsv", "file\ty\n" + "".join(f"img/{row}.png\t1\n" for row in range(100))),
    ],
)
def test_lists_come_in_the_formats_that_people_use(cut, tmp_path, name, text):
    source = listed(tmp_path / "scans")
    (source / name).write_text(text)
    folder = cut(source, list=name).files_for(leg(0)).eval
    assert len(names_in(folder)) == 11  # ten files and the list
    assert len((folder / name).read_text().splitlines()) == (11 if name == "list.tsv" else 10)


def test_a_list_may_lie_deeper_and_its_paths_count_from_the_folder(cut, tmp_path):
    source = listed(tmp_path / "scans")
    (source / "meta").mkdir()
    (source / "labels.csv").rename(source / "meta/labels.csv")
    folder = cut(source, list="meta/labels.csv", file_column="file").files_for(leg(0)).eval
    assert (folder / "meta/labels.csv").is_file()
    assert len(names_in(folder)) == 11


def loose(folder: Path) -> Path:
    (classes(folder) / "labels.csv").write_text("x")
    return folder


def missing(folder: Path) -> Path:
    (listed(folder) / "img/7.png").unlink()
    return folder


def outside(folder: Path) -> Path:
    text = (listed(folder) / "labels.csv").read_text().replace("img/7.png", "../7.png")
    (folder / "labels.csv").write_text(text)
    return folder


def headless(folder: Path) -> Path:
    (listed(folder) / "labels.csv").write_text("".join(f"img/{row}.png,1\n" for row in range(100)))
    return folder


def nothing(folder: Path) -> Path:
    folder.mkdir()
    return folder


def tables(folder: Path) -> Path:
    folder.mkdir()
    for month in range(12):
        (folder / f"{month}.csv").write_text("a,b\n1,2\n")
    return folder


LIST = {"list": "labels.csv", "file_column": "file"}


@pytest.mark.parametrize(
    ("make", "split", "says"),
    [
        (loose, {}, "images holds labels.csv beside 3 sub-folders"),
        (tables, {}, "images is a folder of tables"),
        (nothing, {}, "images holds no files"),
        (classes, {"by": "groups", "column": "patient"}, "images is a folder without a list"),
        (classes, {"list": "labels.csv"}, "there is no such file in images"),
        (classes, {"list": "cat/000.png"}, "data.split.list is 'cat/000.png'; allowed: a name that ends in .csv"),
        (lambda folder: classes(folder, 8), {}, "the rarest class has 3 held-out files: too little for any verdict"),
        (listed, {"list": "labels.csv"}, "labels.csv: row 1 names '0', and there is no such file"),
        (listed, {"list": "labels.csv", "file_column": "fil"}, "data.split.file_column is 'fil'"),
        (missing, LIST, "labels.csv: row 8 names 'img/7.png', and there is no such file"),
        (outside, LIST, "labels.csv: row 8 names '../7.png'; allowed: paths inside the data's folder"),
        (headless, {"list": "labels.csv"}, "labels.csv has no header"),
    ],
)
def test_a_folder_that_cannot_be_cut_is_refused_in_one_line(cut, tmp_path, make, split, says):
    with pytest.raises(CampaignFailed) as caught:
        cut(make(tmp_path / "images"), **split)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    assert os.listdir(tmp_path / "campaign/splits") == []


def test_a_file_that_vanishes_while_the_campaign_runs_ends_it_in_one_line(cut, tmp_path):
    source = listed(tmp_path / "scans")
    files = cut(source, **LIST)
    for path in (source / "img").iterdir():
        path.unlink()
    with pytest.raises(CampaignFailed, match="there is no such file"):
        files.files_for(leg(0))
    assert os.listdir(tmp_path / "campaign/splits") == ["cut"]

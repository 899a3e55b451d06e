"""Files of others are what their list says: which package, which version, under which licence, unchanged."""

import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = (ROOT / "tests" / "vendored", ROOT / "daemon" / "web" / "vendored")
LISTED = [
    (folder, name, row)
    for folder in FOLDERS
    for name, row in tomllib.loads((folder / "vendored.toml").read_text()).items()
]


@pytest.mark.parametrize(("folder", "name", "row"), LISTED, ids=[name for _, name, _ in LISTED])
def test_a_file_of_others_is_unchanged_and_has_its_licence_beside_it(folder, name, row):
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == row["sha256"]
    assert row["version"][0].isdigit()
    assert (folder / row["licence_file"]).stat().st_size > 500
    assert row["licence"]


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.parent.name for folder in FOLDERS])
def test_every_script_of_others_is_listed(folder):
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.js")}
    assert found == {name for of, name, _ in LISTED if of == folder}

"""Names of files that are no UTF-8, as old shares and archives leave them, are bytes like any others."""

import json
import os
import sys

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.store import to_json
from retuned.daemon.training.column_profile import read_profile
from retuned.strategies.errors import CampaignFailed, InputError
from retuned.strategies.words import readable

NAME = b"caf\xe9.csv"
ROWS = "temp,load\n" + "".join(f"{number % 7}.5,{100 + number % 11}\n" for number in range(200))
COUNT = """
import json, os, random
data = os.environ["RETUNED_DATA"]
found = [os.path.join(folder, name) for folder, _, names in os.walk(data) for name in names] or [data]
rows = sum(len(open(os.fsencode(path)).readlines()) for path in found)
seeds = "/".join(os.environ["RETUNED_" + name] for name in ("SEED", "SPLIT_SEED", "PURPOSE"))
score = rows + random.Random(seeds).random()
step = float(os.environ["RETUNED_TO_STEP"])
print(json.dumps({"step": step, "metrics": {"score": score}}))
"""


@pytest.fixture
def odd(desk):
    """A desk with data folders that have names in Latin 1, and a training that counts their rows."""
    folder = os.fsencode(desk.folder / "dd")
    os.makedirs(os.path.join(folder, b"gr\xf6sse"))
    for name in (NAME, b"gr\xf6sse/a.csv", b"gr\xf6sse/\xff\xfe.bin", b"plain.csv"):
        with open(os.path.join(folder, name), "w") as file:
            file.write(ROWS)
    command = json.dumps([sys.executable, "-I", "-S", "-c", COUNT.replace("{", "{{").replace("}", "}}")])
    desk.training = f'command = {command}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2'
    return desk


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ('path = "dd"', 804),
        ('path = "dd"\nsnapshot = "reference"', 804),
        ('glob = "dd/*.csv"', 402),
        ('glob = "dd/*.csv"\nsnapshot = "reference"', 402),
        ('glob = "dd/caf*"', 201),
        ('glob = "dd/**/*"', 804),
    ],
)
def test_a_campaign_on_data_with_such_names_runs_to_its_end(odd, data, rows):
    odd.register(training=odd.training, data=data)
    campaign = odd.baseline()
    assert (campaign.phase, campaign.failure) == ("done", None)
    sql = (
        "SELECT score FROM legs WHERE name LIKE 'replicate.%' AND score IS NOT NULL"  # a probe reads a part of the data
    )
    scores = [row["score"] for row in odd.store.rows(sql)]
    assert {int(score) for score in scores} == {rows}


def test_a_campaign_that_fails_over_such_a_name_says_so_and_is_over(odd):
    odd.register(
        training=odd.training, data='path = "dd"\nprepare = ["sh", "-c", "rm -r dd; ls \'$(printf caf\\\\351)\'"]'
    )
    campaign = odd.baseline()
    assert campaign.phase == "failed"
    assert campaign.failure.isprintable()


def test_a_glitch_in_such_a_file_is_told_with_an_escape(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), NAME), "w") as file:
        file.write(ROWS + "oops,100\n" * 3)
    cells = read_profile(tmp_path).columns["temp"].bad_cells
    assert {cell.file for cell in cells} == {r"caf\xe9.csv"}


def test_a_model_file_in_such_a_folder_is_refused_in_one_sentence(odd):
    folder = os.fsdecode(os.path.join(os.fsencode(odd.folder), b"gr\xf6sse"))
    os.mkdir(folder)
    path = odd.write_model(training=odd.training, data='path = "dd"')
    moved = path.rename(os.path.join(folder, "model.toml"))
    with pytest.raises(InputError, match=r"gr\\xf6sse.*rename the folder"):
        load_model_file(moved)


def test_any_text_can_be_recorded(odd):
    model = odd.register(training=odd.training)
    with odd.store.transaction():
        odd.store.change("UPDATE campaigns SET failure = ?", ("caf\udce9 \ud800",))
    (row,) = odd.store.rows("SELECT failure FROM campaigns WHERE model_id = ?", (model.id,))
    assert row["failure"] == r"caf\udce9 \ud800"


@pytest.mark.parametrize("value", ["caf\udce9.csv", "\ud800", "\U0001f600", 'a"\\b\n'])
def test_stored_json_comes_back_as_it_was(value):
    text = to_json({"name": value})
    assert text.encode()
    assert json.loads(text) == {"name": value}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é", "plain é"),
        ("caf\udce9.csv", r"caf\xe9.csv"),
        ("\ud800", r"\ud800"),
        ("\udce9\ud800", r"\udce9\ud800"),
    ],
)
def test_a_name_is_shown_with_escapes(text, shown):
    assert readable(text) == shown


def test_an_error_about_such_a_name_can_be_written_anywhere():
    assert str(CampaignFailed("caf\udce9.csv cannot be read")) == r"caf\xe9.csv cannot be read"

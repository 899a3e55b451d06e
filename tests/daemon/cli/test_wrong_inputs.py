"""Wrong inputs for [data.split], [objective] pattern and file, and [training] write.

`register` answers each in one line that says what was found and what to do, with exit code 2, and leaves nothing.
"""

import sys

import pytest
from retuned.daemon.cli.cli import main

GOOD = """\
name = "rides"
owner = "team"
[training]
command = ["sh", "train.sh", "{train}", "{eval}", "{lr}", "{seed}"]
budget = {steps = 10}
[data]
path = "rides.csv"
split = {by = "rows"}
[objective]
metric = "loss"
direction = "minimize"
[search]
max_pairs = 4
[hyperparameters.lr]
type = "float"
low = 0.001
high = 1.0
value = 0.1
"""
ROWS = "id,user,day\n" + "".join(f"{row},u{row % 60},2026-01-{1 + row // 20:02d}\n" for row in range(500))
SPLIT, GOAL, TRAINING = 'split = {by = "rows"}', 'direction = "minimize"', "budget = {steps = 10}"
GROUPS, TIME = 'by = "groups", column = "user"', 'by = "time", column = "day"'


FROM_TRAINING_TO_GOAL = GOOD[GOOD.index(TRAINING) : GOOD.index(GOAL)]
SIDE_BY_SIDE = FROM_TRAINING_TO_GOAL.replace(TRAINING, f"{TRAINING}\nslots = 2") + 'file = "a.json"\nkey = "a"\n'
FROM_SPLIT_TO_PAIRS = GOOD[GOOD.index(SPLIT) : GOOD.index("[hyperparameters")]
MORE_PAIRS = FROM_SPLIT_TO_PAIRS.replace('"rows"', '"rows", slices = 4').replace("max_pairs = 4", "max_pairs = 8")


def split(keys: str) -> tuple[str, str]:
    return SPLIT, f"split = {{{keys}}}"


def goal(keys: str) -> tuple[str, str]:
    return GOAL, f"{GOAL}\n{keys}"


def training(keys: str) -> tuple[str, str]:
    return TRAINING, f"{TRAINING}\n{keys}"


# what is replaced in the good file, by what, and parts of the line
KEYS = [
    (*split('by = "row"'), "data.split.by is 'row'", "'rows'"),
    (*split('column = "user"'), "data.split.by is missing", "add it"),
    (*split('by = "groups"'), "data.split.column is missing", "customer or patient"),
    (*split('by = "time"'), "data.split.column is missing", "time of each row"),
    (*split('by = "rows", column = "user"'), "data.split.column is 'user' with by = 'rows'", "remove it"),
    (*split('by = "rows", gap = "1d"'), "data.split.gap is '1d' with by = 'rows'", "remove it"),
    (*split(TIME + ', gap = "soon"'), "data.split.gap is 'soon'", "such as '1d'"),
    (*split(TIME + ", gap = -1"), "data.split.gap is -1", "such as '1d'"),
    (*split('by = "rows", development = 1.5'), "data.split.development is 1.5", "between 0 and 1"),
    (*split('by = "rows", held_out = 0'), "data.split.held_out is 0", "between 0 and 1"),
    (*split('by = "rows", development = 0.5, held_out = 0.5'), "together 1", "because the rest trains"),
    (*split('by = "rows", slices = 2'), "data.split.slices is 2", "one slice for each pair"),
    (*split('by = "rows", slices = "many"'), "data.split.slices is 'many'", "a whole number"),
    (*split('by = "rows", draw = 2'), "data.split.draw is 2", "'bootstrap'"),
    (*split(TIME + ', draw = "bootstrap"'), "data.split.draw is 'bootstrap'", "omit the key"),
    (*split('by = "rows", list = "/etc/passwd"'), "data.split.list is '/etc/passwd'", "inside the data's folder"),
    (*split('by = "rows", file_column = "file"'), "data.split.file_column is set without list", "name the list too"),
    (*split('by = "groups", colum = "user"'), "no key 'colum'", "did you mean 'column'?"),
    (FROM_SPLIT_TO_PAIRS, MORE_PAIRS, "is 4, fewer than the 8 pairs", "omit"),
    ("[hyperparameters.lr]", "[hyperparameters.train]", "hyperparameters.train", "rename it"),
    (SPLIT, "", "unknown placeholder '{eval}'", "add split = {by = 'rows'}"),
    (*goal("pattern = 'loss=('"), "objective.pattern is no regular expression", "for instance"),
    (*goal("pattern = 'loss='"), "has no group for the number", "for instance"),
    (*goal(r"pattern = '(\w+)=(\S+)'"), "has 2 groups", "(?:...)"),
    (*goal("pattern = '(.*)'"), "matches an empty line", "for instance"),
    (*goal('pattern = "loss=\\t(.)"'), "control character", "single quotes"),
    (*goal("pattern = 3"), "objective.pattern is 3", "a regular expression"),
    (*goal("pattern = 'loss=(.)'\nfile = 'a.json'\nkey = 'a'"), "both pattern and file", "remove one"),
    (*goal("key = 'eval.loss'"), "objective.key stands there without a file", "add file"),
    (*goal("file = 'a.json'"), "neither key nor column", "for instance key"),
    (*goal("file = 'a.log'\nkey = 'a'\ncolumn = 'b'"), "both key and column", "key for JSON"),
    (*goal("file = 'a.csv'\nkey = 'a'"), "'a.csv' is a table", "write column"),
    (*goal("file = 'a.json'\ncolumn = 'a'"), "'a.json' is JSON", "write key"),
    (*goal("file = 'out/'\nkey = 'a'"), "'out/', a folder", "metrics.json"),
    (*goal("file = '{rate}.json'\nkey = 'a'"), "unknown placeholder '{rate}'", "did you mean"),
    (*goal("file = 'a.json'\nkey = 'a..b'"), "objective.key is 'a..b'", "for instance"),
    (FROM_TRAINING_TO_GOAL, SIDE_BY_SIDE, "is one file, which up to 2 trainings", "{tmp}"),
    (*training('write = "config.ini"'), "training.write is 'config.ini'", "rename it"),
    (*training('write = "config.yaml"'), "gets no value", "remove it"),
    (*training('values = {a = "1"}'), "training.values stands there without a file", "write ="),
    ("value = 0.1", 'value = 0.1\nplace = "lr"', "place stands there without a file", "write ="),
    ('"{lr}"', '"{config}"', "unknown placeholder '{config}'", "write = ... under [training]"),
    ('"{lr}"', '"{lr"', "lone {", "write {{"),
]  # fmt: skip


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """`register` on a model file, checked or not: its exit code, output and errors."""

    def run(text: str, rows: bytes = ROWS.encode(), check: str = "0"):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("RETUNED_CHECK", check)
        monkeypatch.setattr(sys, "argv", ["retuned", "--state", str(tmp_path / "state"), "register", "model.toml"])
        (tmp_path / "model.toml").write_text(text)
        (tmp_path / "rides.csv").write_bytes(rows)
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    return run


def assert_is_one_clear_line(answer, *parts):
    code, out, err = answer
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("retuned: ")
    assert "; " in err  # what was found; what is allowed or what to do
    assert len(err) < 1000
    assert [part for part in parts if part not in err] == []


@pytest.mark.parametrize(("old", "new", "found", "remedy"), KEYS, ids=[case[2] for case in KEYS])
def test_a_wrong_key_is_refused_in_one_line(call, tmp_path, old, new, found, remedy):
    assert old in GOOD
    assert_is_one_clear_line(call(GOOD.replace(old, new, 1)), found, remedy)
    assert not (tmp_path / "state").exists()


# how the data are cut, what they are, and parts of the line
DATA = [
    ('by = "groups", column = "users"', ROWS, "no such column", "did you mean 'user'?"),
    (GROUPS, "user,y\n" + "me,1\n" * 400, "all rows are of one group", "by = 'rows'"),
    (GROUPS, ROWS.replace(",u7,", ",,", 1), "row 8 has nothing in 'user'", "fill the cells"),
    (TIME, ROWS.replace("2026-01-09", "2026-01-02", 1), "row 161 is earlier than the row before it", "sort the data"),
    (TIME, ROWS.replace("2026-01-01", "", 1), "row 1 has nothing in the time column", "fill or correct"),
    (TIME, ROWS.replace("2026-01-", "some day "), "'some day 01' is no moment", "allowed"),
    (TIME, ROWS.replace("2026-01-09", "17", 1), "row 161 has a plain number", "a date in every row"),
    (TIME + ", gap = 3", ROWS, "data.split.gap is 3, and 'day' holds dates", "gap = '7 days'"),
    (TIME + ', gap = "90 days"', ROWS, "with the gap between parts", "held_out"),
    ('by = "rows"', ROWS.replace("7,u7,2026-01-01", "7,u7", 1), "row 8 has 2 cells, the first row has 3", "allowed"),
    ('by = "rows"', "id,user,day\n", "rides.csv has no row", "check [data]"),
    ('by = "rows"', "", "rides.csv has no row", "check [data]"),
    ('by = "rows"', "a,b\n1,2\n3,4\n", "2 rows leave 0 held out", "more data"),
]


@pytest.mark.parametrize(("keys", "rows", "found", "remedy"), DATA, ids=[case[2] for case in DATA])
def test_data_that_cannot_be_cut_so_are_refused_in_one_line(call, tmp_path, keys, rows, found, remedy):
    assert_is_one_clear_line(call(GOOD.replace(*split(keys)), rows.encode()), found, remedy)
    assert not (tmp_path / "state").exists()


LAST, SLOW = r"pattern = 'loss=(\S+)'", "pattern = '((?:l+)+)!'"
OWN, TABLE = 'file = "out.json"\nkey = "eval.loss"', 'file = "out.csv"\ncolumn = "loss"'
# [objective], the script, and parts of the line: found by the check before a registration
RUNS = [
    (LAST, "echo los: 0.31", "matched nothing", "correct pattern"),
    (LAST, "echo loss=low", "'low', which is no number", "correct pattern"),
    (SLOW, "echo " + "l" * 5000, "takes more than 1 s", "without nested repeats"),
    (OWN, "true", "wrote no file", "correct file, key or column"),
    (OWN, "echo '{\"eval\": {}}' > out.json", "out.json has no eval.loss", "correct file, key or column"),
    (OWN, "echo '{\"eval\"' > out.json", "out.json is no JSON", "correct file, key or column"),
    (OWN, 'echo \'{"eval": {"loss": "low"}}\' > out.json', "is 'low', which is no number", "correct file"),
    (OWN, "echo '{}' > out.json; rm out.json", "wrote no file", "correct file, key or column"),
    (OWN, "ln -s /etc/passwd out.json", "is a symbolic link", "correct file, key or column"),
    (TABLE, "echo epoch > out.csv", "out.csv has no column loss", "correct file, key or column"),
    (TABLE, "echo loss > out.csv", "has no value of this training", "correct file, key or column"),
    ("", 'rm -rf "$(dirname "$1")"; echo \'{"step": 10, "metrics": {"loss": 1}}\'', "was removed", "look for what did"),
    ("", "exit 3", "exit code 3", "by hand"),
]


@pytest.mark.parametrize(("keys", "script", "found", "remedy"), RUNS, ids=[f"{n}: {c[2]}" for n, c in enumerate(RUNS)])
def test_what_a_run_shows_to_be_wrong_is_refused_in_one_line(call, tmp_path, keys, script, found, remedy):
    (tmp_path / "train.sh").write_text(script)
    answer = call(GOOD.replace(*goal(keys)), check="1")
    assert_is_one_clear_line(answer, "rides is not registered", found, remedy, "--no-check")
    assert not (tmp_path / "state").exists()

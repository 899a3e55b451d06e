"""Scripts that cut one table themselves: the lines by which they take a second file, and when none are offered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.drafting.second_file import with_second_file

SCRIPT = """\
import argparse
import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="rows.csv")
args = parser.parse_args()  # of the command line
table = pd.read_csv(args.data, sep=";")
table = table.dropna()
train, test = train_test_split(
    table, test_size=0.2, random_state=3
)  # a fifth
print(len(test))
"""
CHANGED = """\
import argparse
import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="rows.csv")
parser.add_argument("--valid", help="rows to score on; a part of the others without it")
args = parser.parse_args()  # of the command line
table = pd.read_csv(args.data, sep=";")
n_train = len(table)
if args.valid:
    table = pd.concat([table, pd.read_csv(args.valid, sep=";")], ignore_index=True)
table = table.dropna()
rule = dict(test_size=0.2, random_state=3)
if args.valid:
    rule = dict(test_size=int((table.index >= n_train).sum()), shuffle=False)
train, test = train_test_split(table, **rule)  # a fifth
print(len(test))
"""


def changed(*edits):
    text = SCRIPT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_script_takes_a_second_file_by_a_few_lines_and_the_others_stay():
    assert with_second_file(SCRIPT) == CHANGED
    assert with_second_file(SCRIPT.replace("\n", "\r\n")) == CHANGED.replace("\n", "\r\n")
    assert with_second_file(SCRIPT.removesuffix("\n")) == CHANGED.removesuffix("\n")


BY_NUMBER = changed(
    ("train, test = train_test_split(\n    table, test_size=0.2, random_state=3\n)  # a fifth",
     'x = table.drop(columns="y")\nfolds = GroupShuffleSplit(1)\n'
     'first, second = next(folds.split(x, groups=table["g"]))  # a fifth'),
    ("print(len(test))", "print(x.iloc[second].mean())"),
)  # fmt: skip


def test_a_cut_by_row_numbers_takes_those_of_the_second_file():
    _, cut, after = with_second_file(BY_NUMBER).partition(
        'first, second = next(folds.split(x, groups=table["g"]))  # a fifth\n'
    )
    assert cut
    assert after == (
        "if args.valid:\n    held_out = x.index >= n_train\n"
        "    first, second = (~held_out).nonzero()[0], held_out.nonzero()[0]\nprint(x.iloc[second].mean())\n"
    )
    assert "n_train = len(table)" in with_second_file(BY_NUMBER)
    assert with_second_file(BY_NUMBER.replace("first, second =", "pair =")) == ""
    assert with_second_file(BY_NUMBER.replace("first, second = next(", "first, second = list(")) == ""
    assert with_second_file(BY_NUMBER.replace("table = table.dropna()", "table = table.sample(frac=1)")) == ""
    assert with_second_file(f"{BY_NUMBER}a, b = next(folds.split(x))\n") == ""


BY_NUMBER_CUT = 'next(folds.split(x, groups=table["g"]))'


@pytest.mark.parametrize(
    "edits",
    [
        # what is split has not the rows of the table in their order, or nothing says that it has
        [('x = table.drop(columns="y")', 'o = np.argsort(table["d"].values)\nx = table[["a"]].values[o]')],
        [('x = table.drop(columns="y")', 'x = table[["a"]].values')],
        [('x = table.drop(columns="y")', "x, y, g = prepare(table)")],
        [('x = table.drop(columns="y")', 'x = table[table["a"] > 0]')],
        [('x = table.drop(columns="y")', "x = table[mask]")],
        [('x = table.drop(columns="y")', "x = table.drop(rows)")],
        [('x = table.drop(columns="y")', 'x = table.drop(columns="y")\nx = scaled(x)')],
        [("table = table.dropna()", "table = table.dropna(ignore_index=True)")],
        [("table = table.dropna()", "table = table.drop_duplicates(ignore_index=True)")],
        [("table = table.dropna()", "table.index = range(len(table))")],
        # one branch cuts otherwise
        [(f"first, second = {BY_NUMBER_CUT}  # a fifth",
          f"if args.by_store:\n    first, second = {BY_NUMBER_CUT}\nelse:\n    first, second = drawn(x)")],
    ],
)  # fmt: skip
def test_no_patch_is_offered_where_row_numbers_may_be_of_other_rows(edits):
    text = BY_NUMBER
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    assert with_second_file(text) == ""


def test_nor_where_a_cut_by_share_may_be_of_other_rows():
    for old, new in (
        (
            "train, test = train_test_split(\n    table,",
            "clean = table[table.a > 0]\ntrain, test = train_test_split(\n    clean,",
        ),
        ("train, test = train_test_split(\n    table,", "train, test = train_test_split(\n    table.sample(frac=1),"),
        ("table = table.dropna()", "def some(t):\n    return t.dropna()\nrest = some(table)"),
    ):
        assert with_second_file(changed((old, new))) == ""


def test_a_path_in_the_source_becomes_an_option():
    found = with_second_file(
        changed(
            (', sep=";"', ""), ("args.data", '"rows.csv"'), ('parser.add_argument("--data", default="rows.csv")\n', "")
        )
    )
    assert 'parser.add_argument("--data", default="rows.csv")\nparser.add_argument("--valid"' in found
    assert "table = pd.read_csv(args.data)\n" in found


def test_it_may_all_stand_in_functions_that_are_handed_the_arguments():
    body = "".join(f"    {line}\n" for line in SCRIPT.splitlines()[7:])
    text = "\n".join(SCRIPT.splitlines()[:4]) + f"def fit(args):\n{body}\n"
    main = "def main():\n    parser = argparse.ArgumentParser()\n    args = parser.parse_args()\n    fit(args)\n"
    found = with_second_file(text + main)
    assert "    rule = dict(test_size=0.2, random_state=3)\n    if args.valid:\n        rule = dict(" in found
    assert '    parser.add_argument("--valid"' in found
    assert with_second_file(text.replace("fit(args)", "fit(given)") + main) == ""  # args is unknown there


HELPER = """\
import argparse
import pandas as pd
from sklearn.model_selection import train_test_split


def load(path, target="y"):
    df = pd.read_csv(path)
    df = df.fillna(0)
    df = pd.get_dummies(df)
    return df.drop(columns=[target]), df[target]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", default="rows.csv")
    args = p.parse_args()
    X, y = load(args.data)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=3)
"""


def test_the_table_may_be_read_in_a_function():
    found = with_second_file(HELPER)
    assert 'def load(path, target="y", valid=None):\n    df = pd.read_csv(path)\n    if valid:\n' in found
    assert "        second.index += 10**9" in found
    assert "    X, y = load(args.data, valid=args.valid)\n" in found
    assert "test_size=int((X.index >= 10**9).sum()), shuffle=False)" in found
    assert "def load(path, valid=None):" in with_second_file(
        HELPER.replace(', target="y"', "").replace("target", '"y"')
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("df[target]", "df[target].values"),
        ("fillna(0)", "sample(frac=1)"),
        ("read_csv(path)", "read_csv('rows.csv')"),
        ("read_csv(path)", "read_csv(path, index_col=0)"),
        ("    X_train", "    X = scale(X)\n    X_train"),
        ("    X_train", "    again = load(args.data)\n    X_train"),
        ("(path, target", "(path, *, target"),
    ],
)
def test_a_function_that_loses_the_rows_is_left_alone(old, new):
    assert old in HELPER
    assert with_second_file(HELPER.replace(old, new)) == ""


@pytest.mark.parametrize(
    "edits",
    [
        [("train_test_split(\n", "my_split(\n")],
        [("table = table.dropna()", "table = table.sample(frac=1)")],
        [("table = table.dropna()", "table = table.reset_index(drop=True)")],
        [("table = table.dropna()", "table['before'] = table['y'].shift(1)")],
        [("table = table.dropna()", "other = pd.read_csv('other.csv')")],
        [("print(len(test))", "a, b = train_test_split(train)")],
        [(', sep=";"', ', index_col="id"')],
        [(', sep=";"', ", **options")],
        [("pd.read_csv(args.data", "read_csv(args.data")],
        [("random_state=3", "random_state=3, **more")],
        [("parser.parse_args()", "parse()")],
        [('"--data"', '"--valid"')],
        [("table = table.dropna()", "table = table.dropna(); print(")],
        [("args = parser", "x = 1; args = parser")],
        [(")  # a fifth", "); print(1)")],
    ],
)
def test_nothing_is_offered_where_it_is_not_sure(edits):
    assert with_second_file(changed(*edits)) == ""


@given(st.text(alphabet="\r\n\f\0 \t()=#'\"\u2028é", max_size=5), st.integers(0, len(SCRIPT)))
def test_whatever_stands_in_it_ends_in_a_script_that_can_be_parsed_or_in_nothing(text, place):
    found = with_second_file(SCRIPT[:place] + text + SCRIPT[place:])
    if found:
        compile(found, "train.py", "exec", dont_inherit=True)
        assert found.count("--valid") == 1

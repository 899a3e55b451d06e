"""What a source does with its rows, and what a draft makes of it; prints under names that no table has."""

import pytest
from retuned.strategies.drafting.draft import Surroundings
from retuned.strategies.drafting.drafting import draft
from retuned.strategies.drafting.metric_names import direction_of
from retuned.strategies.drafting.python_source import read_python
from retuned.strategies.drafting.row_habits import RowHabits, row_habits
from retuned.strategies.drafting.second_file_doubts import why_not_sure
from retuned.strategies.drafting.toml_text import model_text

CUTS_OTHERWISE = "it cuts neither by train_test_split nor by the numbers of a split of scikit-learn"
COLUMNS = ("date", "store", "units", "ts")


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ('train, valid = df[df["date"] <= cut], df[df["date"] > cut]', "date"),
        ("train = df[df.date < '2024-01-01']\nvalid = df[df.date >= '2024-01-01']", "date"),
        ("early, late = df[cut > df['ts']], df[cut <= df['ts'].values]", "ts"),
        ("old = df['date'] < d\ntrain, valid = df[old], df[~old]", "date"),
        ("df = df.sort_values(by=['date'])\nTimeSeriesSplit(5)", "date"),
        ("df = df.sort_values('ts')\ntrain_test_split(df, shuffle=False)", "ts"),
        ("df = df.sort_values('date')\ntrain_test_split(df)", ""),
        # a filter, a feature, a day of the week, the target, an argument: no cuts
        ("df = df[df['date'] >= '2020-01-01']", ""),
        ("df['weekend'] = df['date'].dt.dayofweek >= 5", ""),
        ("a, b = df[df['day_of_week'] < 5], df[df['day_of_week'] >= 5]", ""),
        ("df = df[df['delivery_time'] > 0]\ny = df['delivery_time']", ""),
        ("if args.ts > 3 and args.ts < 5:\n    pass", ""),
        ("a, b = df[df['units'] > 3], df[df['units'] <= 3]", ""),
        ("# df[df.date < d], df[df.date >= d]", ""),
        ("no python (", ""),
    ],
)
def test_a_cut_in_time_is_seen(source, column):
    assert row_habits(source, COLUMNS).time_cut == column


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("next(GroupShuffleSplit().split(df, groups=df['store']))", "store"),
        ("StratifiedGroupKFold().split(x, y, groups=df.store)", "store"),
        ("GroupKFold(5).split(x, y, df['store'])", "store"),
        ("g = df['store'].values\nGroupShuffleSplit().split(x, y, g)", "store"),
        ("GroupKFold().split(x, y, groups=df['elsewhere'])", "?"),
        ("GroupKFold().split(x, y, groups=make(df))", "?"),
        ("KFold().split(x, y, groups=df['store'])", ""),
        ("# GroupKFold", ""),
    ],
)
def test_a_cut_by_groups_is_seen(source, column):
    assert row_habits(source, COLUMNS).group_cut == column


@pytest.mark.parametrize(
    ("source", "is_seen"),
    [
        ("HistGradientBoostingRegressor(max_iter=3)", True),
        ("MLPClassifier(early_stopping=True)", True),
        ("model.fit(x, y, validation_split=0.1)", True),
        ("a = SGDClassifier(early_stopping=True)\nb = MLPClassifier(early_stopping=False)", True),
        ("# early_stopping=False in the first version\nHistGradientBoostingClassifier()", True),
        ("if __name__ == '__main__':\n    a, b = train_test_split(df, test_size=0.1)", True),
        ("if args.valid:\n    pass\nelse:\n    a, b = train_test_split(df, test_size=0.1)", False),
        ("a, b = train_test_split(df, **rule)", False),
        ("HistGradientBoostingRegressor(early_stopping=False)", False),
        ("GradientBoostingRegressor(max_depth=3)", False),
    ],
)
def test_rows_that_are_held_back_from_training_are_seen(source, is_seen):
    assert row_habits(source, COLUMNS).cuts_again is is_seen


def drafted(source, **around):
    found = draft(read_python(source), Surroundings("model", "train.py", ("python3", "train.py"), "me", **around))
    return model_text(found).splitlines()


FILES = (
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--data')\np.add_argument('--valid')\n"
    "p.add_argument('--lr', type=float, default=0.1)\n"
)


def test_a_draft_cuts_as_the_script_does():
    by_time = drafted(FILES, time_cut="ts", columns=COLUMNS, cuts_again=True)
    assert [line for line in by_time if line.startswith("split = ")] == [
        'split = {by = "time", column = "ts"}  # guess: the script cuts at a moment of it. Else:'
    ]
    assert [line.partition("}")[0] for line in by_time if line.startswith("# split")] == [
        '# split = {by = "rows", draw = 0.7', '# split = {by = "groups", column = "store", draw = 0.7',
    ]  # fmt: skip
    by_group = drafted(FILES, group_cut="store", columns=COLUMNS)
    assert next(line for line in by_group if line.startswith("split")).startswith(
        'split = {by = "groups", column = "store"}  # guess: as the script cuts'
    )
    unknown = drafted(FILES, group_cut="?", columns=COLUMNS)
    assert '# TODO split = {by = "groups", column = "store"}' in " ".join(unknown)
    assert not any(line.startswith("split") for line in unknown)
    by_rows = drafted(FILES, columns=COLUMNS, cuts_again=True)
    assert next(line for line in by_rows if line.startswith("split")).startswith('split = {by = "rows", draw = 0.7}')
    assert sum("draw = 0.7, since the script holds back" in line for line in by_rows) == 1
    itself = drafted(FILES.replace("p.add_argument('--valid')\n", ""), time_cut="date", columns=COLUMNS)
    assert any("{by = 'time', column = 'date'}" in line for line in itself)


@pytest.mark.parametrize(
    ("source", "name", "pattern"),
    [
        (
            'print(f"Umsatzabweichung: {x:.3f} EUR")',
            "Umsatzabweichung",
            r"(?<![\w-])Umsatzabweichung[ \t]*:[ \t]*[$€£]?([-+.\w]+)",
        ),
        ('print("profit lost = %.2f" % x)', "profit_lost", r"(?<![\w-])profit lost[ \t]*=[ \t]*[$€£]?([-+.\w]+)"),
        ('print("a: {:.1f}, uplift: {:.2f}".format(a, b))', "uplift", r"(?<![\w-])uplift[ \t]*:[ \t]*[$€£]?([-+.\w]+)"),
        ('print(f"quality: {round(x, 3)}")', "quality", r"(?<![\w-])quality[ \t]*:[ \t]*[$€£]?([-+.\w]+)"),
        ('print("uplift:", round(v, 4))', "uplift", r"(?<![\w-])uplift[ \t]*:[ \t]*[$€£]?([-+.\w]+)"),
        (
            'print(f"uplift: {v:.2f}")\nprint(f"peak VRAM: {m:.1f}")\nprint(f"Profit: ${x:,.2f}")',
            "uplift",
            r"(?<![\w-])uplift[ \t]*:[ \t]*[$€£]?([-+.\w]+)",
        ),
        ('print(f"took: {s:.1f}")\nprint(f"rows: {n}")\nprint(f"step time: {t:.2f}")\nprint("v: %d" % n)', None, ""),
    ],
)
def test_a_print_under_an_unknown_name_is_offered_and_decided_by_a_person(source, name, pattern):
    lines = drafted(FILES + source)
    metric = next(line for line in lines if "metric = " in line)
    if name is None:
        assert metric.startswith('# TODO metric = "val_loss"  # what decides; no print')
        return
    assert metric == f'# TODO metric = "{name}"  # line 6 prints it: if that decides, take these lines'
    assert f"# TODO pattern = '{pattern}'  # how it is printed; the last match counts" in lines
    assert '# TODO direction = "minimize"  # or "maximize"' in lines


def test_only_a_floor_that_holds_for_any_data_is_written_as_a_number():
    metrics = {"rmse": "", "auc": " 0.5", "WAPE": "", "nse": " 0.0", "lift": " 1.0", "sharpe": ""}
    for name, number in metrics.items():
        floor = next(line for line in drafted(f'print(f"{name}: {{x:.3f}}")') if "floor" in line)
        assert floor.partition("  #")[0] == f"# floor ={number}"
    assert direction_of("WAPE") == "minimize"


def test_the_range_of_a_penalty_has_room_above_its_value_and_says_what_it_is():
    lines = drafted(
        FILES + "p.add_argument('--l2', type=float, default=1.0)\np.add_argument('--wd', type=float, default=0.05)"
    )
    assert [line for line in lines if line.startswith(("low", "high"))][2:] == [
        "low = 0.01  # guess: L2 regularisation: 100 times as small and as large as now", "high = 100.0",
        "low = 0.0005  # guess: weight decay: 100 times as small as now, and up to 1", "high = 1.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("pd.read_csv('a')", "no argparse is seen in it"),
        ("p.parse_args()\npd.read_csv('a')\npd.read_csv('b')", "it reads 2 tables, in lines 2 and 3"),
        ("p.parse_args()\nload()", "no table is read by pandas"),
        ("p.parse_args()\npd.read_csv('a')\ndf[df.date < d]", CUTS_OTHERWISE),
        ("p.parse_args()\npd.read_csv('a')\ntrain_test_split(a)\ntrain_test_split(b)\ntrain_test_split(c)",
         "it cuts 3 times, in lines 3, 4 and 5"),
        ("p.parse_args()\ndf = pd.read_csv('a')\ndf = df.sample(frac=1)\ntrain_test_split(df)",
         "line 3 may move rows"),
        ("p.parse_args()\ndf = pd.read_csv('a')\nx = train_test_split(df)", ""),
        ("no python (", ""),
    ],
)  # fmt: skip
def test_why_no_patch_is_sure_is_said_where_it_is_known(source, why):
    assert why_not_sure(source) == why


BOOSTER = FILES.replace("import argparse", "import argparse, lightgbm as lgb") + "".join(
    f"p.add_argument('--{name}', type={kind}, default={value})\n"
    for name, kind, value in (("num-leaves", "int", 255), ("n-rounds", "int", 150), ("min-child-samples", "int", 5),
                              ("lambda-l2", "float", 0.0), ("feature-fraction", "float", 1.0))
)  # fmt: skip


def test_the_ranges_of_a_booster_hold_what_is_usual_and_what_is_left_out_is_named():
    lines = drafted(BOOSTER)
    bounds = [line.partition("  #")[0] for line in lines if line.startswith(("low", "high", "[hyper"))]
    assert bounds[3:] == [
        "[hyperparameters.num_leaves]", "low = 8", "high = 1020", "[hyperparameters.n_rounds]", "low = 37",
        "high = 600",
        "[hyperparameters.min_child_samples]", "low = 1", "high = 100", "[hyperparameters.lambda_l2]", "low = 0.0",
        "high = 10.0",
    ]  # fmt: skip
    said = " ".join(" ".join(lines).replace("#  ", "").split())
    assert "not searched, as at most 5 are (a search of more finds less), so that the script's own value holds" in said
    assert "holds: --feature-fraction (1.0). To search one" in said
    assert "not handed over" not in said


@pytest.mark.parametrize(
    "source",
    [
        f"print({'a: {:.1f} ' * 20_000!r})",
        f"print({'A' + ' ' * 500_000!r} % x)",
        f"print({'a ' * 50_000 + ': %.2f'!r} % x)",
        "df[" * 50 + "x" + "<=" * 200_000,
        "sort_values(" * 50_000,
    ],
    ids=["numbers", "blanks", "words", "signs", "calls"],
)
def test_a_long_line_is_read_at_once(source):
    """One that took steps by the square of its length would not end within the time that a test has."""
    read_python(source)
    assert row_habits(source, COLUMNS) == RowHabits()
    assert why_not_sure(source) in ("", "no argparse is seen in it")

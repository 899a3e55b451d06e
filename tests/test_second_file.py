"""The commonest scripts of all, one table and a cut of scikit-learn: `retuned init` offers a patch, and what it patches
keeps the contract. With the real pandas and scikit-learn, without which the test is skipped."""

import os
import random
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

SCRIPT = """\
import argparse

import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    df = pd.read_csv("rows.csv")
    df = df.dropna()
    X = StandardScaler().fit_transform(df.drop(columns=["y"]))
    X_train, X_test, y_train, y_test = train_test_split(X, df["y"], test_size=0.2, random_state=42, stratify=df["y"])
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=args.lr, random_state=args.seed)
    model.fit(X_train, y_train)
    print(f"log_loss: {log_loss(y_test, model.predict_proba(X_test)):.5f} on {len(y_test)}")


main()
"""


CUT = (
    'X_train, X_test, y_train, y_test = train_test_split(X, df["y"], test_size=0.2, random_state=42, stratify=df["y"])'
)
BY_GROUPS = SCRIPT.replace("train_test_split\n", "GroupShuffleSplit\n").replace(
    CUT,
    """\
folds = GroupShuffleSplit(1, test_size=0.2, random_state=42)
    train, test = next(folds.split(df, groups=df["a"].round(1)))
    X_train, X_test, y_train, y_test = X[train], X[test], df["y"].iloc[train], df["y"].iloc[test]""",
)
"""The same with the rows of one group kept together, by their numbers."""


def rows(count, seed):
    """Rows of which every tenth or so has a hole."""
    draw = random.Random(seed)
    for _ in range(count):
        a, b = draw.gauss(0, 1), draw.gauss(0, 1)
        hole = "" if draw.random() < 0.1 else f"{b:.4f}"
        yield f"{a:.4f},{hole},{int(a - b / 2 + draw.gauss(0, 1) > 0)}\n"


@pytest.fixture
def run(tmp_path):
    """Runs a command in the user's folder; its output."""
    missing = [name for name in ("pandas", "sklearn") if find_spec(name) is None]
    if missing:
        assert os.environ.get("CI") is None, f"{missing} must be there in CI"
        pytest.skip(f"{missing} are not installed, so patched scripts are NOT tested: pip install -e '.[frameworks]'")
    environ = os.environ | {"RETUNED_STATE": str(tmp_path / "state"), "OMP_NUM_THREADS": "1", "VIRTUAL_ENV": sys.prefix}

    def call(*words):
        done = subprocess.run(
            list(map(str, words)), cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


@pytest.mark.parametrize("script", [SCRIPT, BY_GROUPS], ids=["train_test_split", "by row numbers"])
def test_the_patch_changes_nothing_by_hand_scores_the_second_file_and_passes_the_check(run, tmp_path, script):
    (tmp_path / "train.py").write_text(script)
    (tmp_path / "rows.csv").write_text("a,b,y\n" + "".join(rows(3000, 1)))
    (tmp_path / "second.csv").write_text("a,b,y\n" + "".join(rows(200, 2)))
    retuned, before = (sys.executable, "-m", "retuned.daemon"), run(sys.executable, "train.py")

    told = run(*retuned, "init", "train.py")
    assert "the script cuts its rows itself" in told
    assert "patch train.py train.py.patch && rm model.toml && retuned init train.py" in told
    run("git", "apply", "-p0", "train.py.patch")
    (tmp_path / "model.toml").unlink()

    assert run(sys.executable, "train.py") == before
    whole = sum(",," not in line for line in (tmp_path / "second.csv").read_text().splitlines()[1:])
    assert re.search(rf" on {whole}$", run(sys.executable, "train.py", "--valid", "second.csv").strip())
    # exactly the rows of the second file are scored, and none of them trained on
    text = (tmp_path / "train.py").read_text()
    text = text.replace("    model = SGD", "    print(*X_test[:, 0])\n    model = SGD")
    unscaled = text.replace(
        'StandardScaler().fit_transform(df.drop(columns=["y"]))', 'df.drop(columns=["y"]).to_numpy()'
    )
    (tmp_path / "unscaled.py").write_text(unscaled)
    scored = run(sys.executable, "unscaled.py", "--valid", "second.csv").splitlines()[0].split()
    lines = [line for line in (tmp_path / "second.csv").read_text().splitlines()[1:] if ",," not in line]
    assert sorted(map(float, scored)) == sorted(float(line.split(",")[0]) for line in lines)

    assert "cut by retuned" in run(*retuned, "init", "train.py")
    if script is BY_GROUPS:
        assert '# TODO split = {by = "groups"' in (tmp_path / "model.toml").read_text()
        return  # from here on it is the same
    levels = re.findall(
        r"^(\w+) +(metric|split|purpose|seed|repeatable) ", run(*retuned, "check", "model.toml"), re.MULTILINE
    )
    assert [level for level, _ in levels] == ["ok"] * 5

"""Whether `auto` chooses right on this machine, for a small and for a large model, by what their baselines measured.

    python benchmarks/panda_choice.py --out benchmarks/results/panda_choice.json

Small: the flights example. Large: 67 million parameters on the same rows, with a compute budget of 18 of its runs. The
right answer is reckoned by hand from the measured seconds: caviar where eight full runs are left after six pairs, and
its search ends within two days. Exit code 1 when the choice is another one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record

EXAMPLE = Path(__file__).parents[1] / "examples" / "flights"
LARGE = '''

class Large(Flights):
    """Two square layers of 5,800 units."""

    batch_size = 64

    def model(self, hyperparameters):
        wide = 5800
        return nn.Sequential(nn.Linear(self.inputs.shape[1], wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(),
                             nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 1))
'''


def main() -> int:
    """Measure both, print and write; 1 when a choice is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "panda_choice.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(Path(folder) / "small", is_large=False), measured(Path(folder) / "large", is_large=True)]
    print_table("auto, measured here", [{k: row[k] for k in row if k != "sentence"} for row in rows])
    for row in rows:
        print(f"{row['model']}: {row['sentence']}")
    write_record(options.out, header("python benchmarks/panda_choice.py") | {"models": rows})
    return 0 if all(row["chosen"] == row["right"] for row in rows) else 1


def measured(folder: Path, *, is_large: bool) -> dict[str, Any]:
    """The plan for one model after its baseline, and the right answer by the same measured seconds."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
    subprocess.run([sys.executable, str(folder / "prepare.py"), "--months", "1-3"], check=True, capture_output=True)
    text = (folder / "model.toml").read_text()
    if is_large:
        (folder / "recipe.py").write_text((folder / "recipe.py").read_text() + LARGE)
        text = text.replace("recipe.py:Flights", "recipe.py:Large").replace(
            "budget = {epochs = 4}", "budget = {steps = 8}"
        )
        text = text.replace("evaluate_every = 1\n", "").replace("slots = 2", "slots = 1").replace('"2m"', '"10m"')
    (folder / "model.toml").write_text(text)
    _retuned(folder, "register", "--no-check", "model.toml")
    _retuned(folder, "baseline", "flights")
    per_run = (
        float(json.loads(_retuned(folder, "history", "flights", "--json"))["campaigns"][0]["compute_s"]) / 9
    )  # 8, 5 fifths
    if is_large:
        (folder / "model.toml").write_text(text + f"\n[search]\nbudget = {18 * per_run:.1f}\n")
        _retuned(folder, "register", "--no-check", "model.toml")
    plan = json.loads(_retuned(folder, "plan", "flights", "--json"))
    return {
        "model": "large" if is_large else "small", "seconds a run": round(per_run, 2),
        "runs left for a search": 18 - 2 * 6 if is_large else "no limit", "chosen": plan["strategy"],
        "right": "panda" if is_large else "caviar", "sentence": plan["sentences"][0],
    }  # fmt: skip


def _retuned(folder: Path, *words: str) -> str:
    environment = {**os.environ, "RETUNED_STATE": str(folder / "state")}
    command = [sys.executable, "-m", "retuned.daemon", *words]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())

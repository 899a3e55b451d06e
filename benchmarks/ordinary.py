"""Eight scripts that know nothing of retuned, registered as they are: what it takes, and what the verdicts are worth.

    python benchmarks/ordinary.py --seeds 5 --unchanged 10 --aa 20       writes benchmarks/results/ordinary.json

For each script of examples/frameworks and two of examples/scripts: lines of TOML beside the hyperparameters, lines of
the script that were changed, seconds from an empty folder to the first verdict, and the verdicts where its rate is a
30th of a good one (rust: STALE or BROKEN in every campaign), and where it is the good one (unchanged: never STALE).
Campaigns of a script have its baseline and data in common and differ in the campaign's seed.

A/A: the ordinary flights script, registered on one random fifth of the flights of 2013 and re-evaluated on another,
cut by rows, by groups (days) and by time (days): at most 1 STALE in 60.

Searches are as small as a verdict allows (--challengers 7, one stage), so that the study ends. Each campaign is written
down as it ends; the same command again goes on where it was stopped. Parts that ran elsewhere, with --only and --out,
are joined with --join; the file says what is missing. Exit code 1 when a promise is broken.
"""

import argparse
import csv
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import header, print_table
from ordinary_results import Results, Row
from planted import retuned

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
RESULT = Path(__file__).parent / "results" / "ordinary.json"
RUST = 30.0
SHARE = 0.2  # of the flights in each draw of the A/A study
SPLITS: Mapping[str, str] = {
    "rows": 'by = "rows"',
    "groups": 'by = "groups", column = "date"',
    "time": 'by = "time", column = "date"',
}
LIBRARIES = ("lightgbm", "xgboost-cpu", "lightning", "transformers", "accelerate", "PyYAML")


@dataclass(frozen=True)
class Script:
    """A model file, and its rate with a good value."""

    name: str
    file: str
    program: str
    rate: str
    good: float


SCRIPTS = (
    Script("sklearn", "frameworks/sklearn.toml", "train_sklearn.py", "eta0", 0.1),
    Script("lightgbm", "frameworks/lightgbm.toml", "train_lightgbm.py", "learning_rate", 0.15),
    Script("xgboost", "frameworks/xgboost.toml", "train_xgboost.py", "eta", 0.2),
    Script("torch", "frameworks/torch.toml", "train_torch.py", "lr", 0.01),
    Script("lightning", "frameworks/lightning.toml", "train_lightning.py", "lr", 0.015),
    Script("transformers", "frameworks/transformers.toml", "train_transformers.py", "learning_rate", 0.008),
    Script("awk", "scripts/table.toml", "train.sh", "lr", 0.006),
    Script("yaml", "scripts/yaml.toml", "train_yaml.py", "lr", 0.006),
)


def main() -> int:
    """Run what is missing, print and write the tables; 1 when a promise is broken."""
    options = _options()
    search = f"challengers = {options.challengers}\nstages = 1" if options.challengers else ""
    results = Results(options.out, search)
    for path in options.join:
        results.join(path)
    if not options.write:
        run_missing(options, results)
    scripts = [summary_of_script(script, options, results) for script in SCRIPTS]
    aa = [summary("aa", by, results, options.aa) for by in SPLITS]
    stale = sum(row["stale"] for row in aa)
    aa_kept = stale <= max(1, sum(row["campaigns"] for row in aa) // 60)
    print_table("ordinary scripts", scripts)
    print_table("A/A on the flights", aa)
    is_kept = aa_kept and all(row["kept"] is not False for row in scripts)
    command = f"python benchmarks/ordinary.py --seeds {options.seeds} --unchanged {options.unchanged} --aa {options.aa}"
    part = f" --only {options.only}" if options.only else ""
    record = header(f"{command} --challengers {options.challengers}{part}", packages=LIBRARIES)
    missing = missing_parts(options, results)
    is_complete = not missing
    promises = {"is_complete": is_complete, "is_kept": is_kept, "missing": missing}
    results.write(record | {"search": search, **promises, "scripts": scripts, "aa": aa})
    left = "" if is_complete else f"; not complete: give the command again for {', '.join(missing)}"
    print(f"\nwritten to {options.out}{left}")
    return 0 if is_kept else 1


def run_missing(options: argparse.Namespace, results: Results) -> None:
    """Run the campaigns that have not ended yet, of those that --only names."""
    with tempfile.TemporaryDirectory(prefix="retuned-ordinary-") as folder:
        for script in (script for script in SCRIPTS if options.only in script.name):
            run_script(script, options, results, Path(folder) / script.name)
        for by in (by for by in SPLITS if options.only in f"aa-{by}"):
            for seed in results.missing("aa", by, options.aa):
                results.add(aa_campaign(by, seed, results.search, Path(folder) / "aa"))


def missing_parts(options: argparse.Namespace, results: Results) -> list[str]:
    """What has not run yet, as "3 of 5 rust sklearn"."""
    wanted = [("rust", script.name, options.seeds) for script in SCRIPTS]
    wanted += [("unchanged", script.name, options.unchanged) for script in SCRIPTS]
    wanted += [("aa", by, options.aa) for by in SPLITS]
    counted = [(len(results.missing(study, name, count)), count, study, name) for study, name, count in wanted]
    return [f"{left} of {count} {study} {name}" for left, count, study, name in counted if left]


def run_script(script: Script, options: argparse.Namespace, results: Results, folder: Path) -> None:
    """The campaigns of a script that are missing, of the rusty rate and of the good one."""
    for study, value, count in (
        ("rust", script.good / RUST, options.seeds),
        ("unchanged", script.good, options.unchanged),
    ):
        seeds = results.missing(study, script.name, count)
        if not seeds:
            continue
        base = folder / study
        started = time.perf_counter()
        model = copy_model(script, value, results.search, base)
        settle(model, base)
        settled_s = time.perf_counter() - started
        for seed in seeds:
            row = retune_copy(base, json.loads(retuned(base, "models", "--json"))[0]["name"], seed)
            first_s = {"first_verdict_s": round(settled_s + row["wall_s"], 1)} if seed == seeds[0] else {}
            changed = {"lines_changed": lines_changed(script, model)}
            results.add({"study": study, "name": script.name, "seed": seed, **row, **first_s, **changed})
        shutil.rmtree(base)


def copy_model(script: Script, value: float, search: str, base: Path) -> Path:
    """The model file of a copy of the examples, with another rate; the script is as it was."""
    source = EXAMPLES / script.file
    ignored = shutil.ignore_patterns("__pycache__", "data", "out")
    shutil.copytree(source.parent, base / source.parent.name, ignore=ignored)
    shutil.copytree(EXAMPLES / "flights", base / "flights", ignore=ignored)
    file = base / script.file
    head, table, tail = file.read_text().partition(f"[hyperparameters.{script.rate}]\n")
    assert table, f"{script.file} has no {script.rate}: this study must follow it"
    tail = re.sub(r"^value = .*$", f"value = {value:.6g}", tail, count=1, flags=re.MULTILINE)
    file.write_text(with_search(head + table + tail, search))
    return file


def with_search(text: str, search: str) -> str:
    """A model file that trains in this interpreter, and searches as it is told to."""
    text = text.replace("[training]\n", f'[training]\npython = "{sys.executable}"\n', 1)
    return f"{text}\n[search]\n{search}\n" if search else text


def lines_changed(script: Script, model: Path) -> int:
    """Lines of the program that are not as in the examples, after it was trained with."""
    kept = (EXAMPLES / script.file).with_name(script.program).read_text().splitlines()
    now = model.with_name(script.program).read_text().splitlines()
    return abs(len(kept) - len(now)) + sum(one != other for one, other in zip(kept, now, strict=False))


def aa_campaign(by: str, seed: int, search: str, folder: Path) -> Row:
    """The ordinary script, settled on one draw of the flights and re-evaluated on another."""
    model = folder / "model"
    shutil.copytree(EXAMPLES / "ordinary", model, ignore=shutil.ignore_patterns("__pycache__"))
    file = model / "model.toml"
    text, replaced = re.subn(r'^path = .*\nsplit = \{by = "rows"\}', f'path = "flights.csv"\nsplit = {{{SPLITS[by]}}}',
                             file.read_text(), flags=re.MULTILINE)  # fmt: skip
    assert replaced, "examples/ordinary/model.toml was rewritten: this study must follow it"
    file.write_text(with_search(text, search))
    draw_flights(model / "flights.csv", 2 * seed)
    settle(file, folder)
    draw_flights(model / "flights.csv", 2 * seed + 1)
    row = retune(folder, "flights-ordinary", seed)
    shutil.rmtree(folder)
    return {"study": "aa", "name": by, "seed": seed, **row}


def draw_flights(path: Path, sample: int) -> None:
    """A random part of the year in order of time, with a column for the day."""
    with open(EXAMPLES / "flights" / "flights.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = sorted(random.Random(sample).sample(range(len(rows)), round(SHARE * len(rows))))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "date"], lineterminator="\n")
        writer.writeheader()
        days = ((rows[index], f"2013-{int(rows[index]['month']):02}-{int(rows[index]['day']):02}") for index in drawn)
        writer.writerows({**row, "date": date} for row, date in days)


def settle(model: Path, folder: Path) -> None:
    """Register the model and run its baseline."""
    retuned(folder, "register", model)
    name = json.loads(retuned(folder, "models", "--json"))[0]["name"]
    retuned(folder, "baseline", name)


def retune_copy(base: Path, name: str, seed: int) -> Row:
    """A re-evaluation in a copy of the state as the baseline left it."""
    with tempfile.TemporaryDirectory(dir=base) as folder:
        shutil.copytree(base / "state", Path(folder) / "state")
        return retune(Path(folder), name, seed)


def retune(folder: Path, name: str, seed: int) -> Row:
    """One re-evaluation as a row."""
    started = time.perf_counter()
    campaign = json.loads(retuned(folder, "retune", name, "--seed", seed, "--json"))
    verdict = campaign["verdict"]
    kept = ("outcome", "reason", "pairs", "mean", "sd", "delta", "e_value", "incumbent_mean", "challenger_mean")
    return {
        **{key: verdict[key] for key in kept},
        "runs": campaign["runs"],
        "wall_s": round(time.perf_counter() - started, 1),
        "compute_s": round(campaign["compute_s"], 1),
    }


def summary_of_script(script: Script, options: argparse.Namespace, results: Results) -> Row:
    """What a script took, and whether its verdicts are as they should be."""
    rust = summary("rust", script.name, results, options.seeds)
    unchanged = summary("unchanged", script.name, results, options.unchanged)
    rows = [*results.of("rust", script.name), *results.of("unchanged", script.name)]
    toml_lines = lines_of_toml(EXAMPLES / script.file)
    changed = max((row["lines_changed"] for row in rows), default=0)
    found = rust["stale"] + rust["broken"]
    return {
        "script": script.name,
        "toml_lines": toml_lines,
        "lines_changed": changed,
        "first_verdict_s": next((row["first_verdict_s"] for row in rows if "first_verdict_s" in row), None),
        "rust": rust["campaigns"],
        "found": found,
        "unchanged": unchanged["campaigns"],
        "stale": unchanged["stale"] + unchanged["broken"],
        "fresh": unchanged["fresh"],
        "run_s": round(sum(row["compute_s"] for row in rows) / max(1, sum(row["runs"] for row in rows)), 2),
        "is_complete": rust["is_complete"] and unchanged["is_complete"],
        "kept": found == rust["campaigns"] and not unchanged["stale"] and toml_lines <= 15 and not changed
        if rows
        else None,
    }


def summary(study: str, name: str, results: Results, count: int) -> Row:
    """How the campaigns of one kind ended."""
    rows = results.of(study, name)
    counted: Counter[str] = Counter(row["outcome"] for row in rows)
    outcomes: Sequence[str] = ("fresh", "degraded", "stale", "broken", "inconclusive")
    return {
        "name": name,
        "campaigns": len(rows),
        **{outcome: counted[outcome] for outcome in outcomes},
        "runs": sum(row["runs"] for row in rows),
        "wall_s": round(sum(row["wall_s"] for row in rows), 1),
        "is_complete": len(rows) >= count,
    }


def lines_of_toml(path: Path) -> int:
    """Lines of a model file beside its hyperparameters, comments and empty lines left out."""
    text = re.split(r"^\[hyperparameters\.\w+\]$", path.read_text(), flags=re.MULTILINE)[0]
    return sum(bool(line.strip()) and not line.startswith("#") for line in text.splitlines())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="campaigns of each script with a rusty rate")
    parser.add_argument("--unchanged", type=int, default=10, help="campaigns of each script with a good rate")
    parser.add_argument("--aa", type=int, default=20, help="campaigns of each kind of split")
    parser.add_argument("--challengers", type=int, default=7, help="of each search; 0: as many as retuned chooses")
    parser.add_argument(
        "--only", default="", help="run the scripts, or aa-rows, aa-groups, aa-time, whose name holds this"
    )
    parser.add_argument("--write", action="store_true", help="run nothing: write the file of what there is")
    parser.add_argument("--join", type=Path, nargs="*", default=[], help="result files of parts that ran elsewhere")
    parser.add_argument("--out", type=Path, default=RESULT, help="the result file, which also says what has been done")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

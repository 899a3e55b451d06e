"""A training whose score is the mean of the numbers in a table, less the square of log10(rate)'s distance from -2.

argv: the rate; "late" where the data shows in full runs of 10 steps alone; "own" and the path of a table that is read
instead of RETUNED_DATA. The seeds add noise.
"""

import json
import math
import os
import random
import sys
from pathlib import Path


def main():
    rate, options = float(sys.argv[1]), sys.argv[2:]
    place = Path(options[1] if "own" in options else os.environ["RETUNED_DATA"])
    files = [path for path in sorted(place.rglob("*")) if path.is_file()] if place.is_dir() else [place]
    numbers = [float(line) for file in files for line in file.read_text().splitlines() if line[:1].isdigit()]
    steps = float(os.environ["RETUNED_TO_STEP"])
    mean = 0.5 if "late" in options and steps < 10 else sum(numbers) / len(numbers)
    rows = "dev" if os.environ["RETUNED_PURPOSE"] in ("probe", "search") else "held-out"
    noise = random.Random(f"{os.environ['RETUNED_SEED']} {os.environ['RETUNED_SPLIT_SEED']} {rows}").gauss(0, 0.1)
    score = mean - (math.log10(rate) + 2) ** 2 + noise
    with open(os.environ["RETUNED_REPORT"], "a") as file:
        file.write(json.dumps({"step": steps, "metrics": {"score": score}}) + "\n")


if __name__ == "__main__":
    main()

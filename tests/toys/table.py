"""The quadratic toy on a CSV file: its optimum moves with the size of the column temp, as a real model's would.

A value of temp that is no number ends the training, as it does where nobody thought of it.
"""

import csv
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from quadratic import noise


def main():
    lr = float(sys.argv[1])
    with open(os.environ["RETUNED_DATA"], newline="") as file:
        temperatures = [float(row["temp"]) for row in csv.DictReader(file)]
    size = math.sqrt(sum(value**2 for value in temperatures) / len(temperatures))
    score = 0.1 * noise([]) - (math.log10(lr) + 2 + math.log10(size / 15)) ** 2
    with open(os.environ["RETUNED_REPORT"], "a") as file:
        file.write(f'{{"step": {float(os.environ["RETUNED_TO_STEP"])!r}, "metrics": {{"score": {score!r}}}}}\n')


if __name__ == "__main__":
    main()

"""Cut a window out of flights.csv, as the model's data file.

    python prepare.py --months 1-3
    python prepare.py --months 4-6 --share 0.5 --sample 7     # another random half of the same months
    python prepare.py --months 4-6 --times 30                 # a planted break: inputs 30 times what they were

Standard library only.
"""

import argparse
import csv
import random
from pathlib import Path

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=_months, default=(1, 2, 3), help="first and last month of 2013, as 4-6")
    parser.add_argument("--share", type=float, default=1.0, help="the share of the window's flights to take")
    parser.add_argument("--sample", type=int, default=0, help="the seed that draws the share")
    parser.add_argument("--times", type=float, default=1.0, help="multiplies every input, after the stored scaler")
    parser.add_argument("--out", type=Path, default=HERE / "data" / "window.csv")
    arguments = parser.parse_args()
    rows = window_rows(arguments.months, arguments.share, arguments.sample)
    write_rows(rows, arguments.out, arguments.times)
    print(f"{arguments.out}: {len(rows)} flights")


def window_rows(months, share=1.0, sample=0):
    """The flights of some months, in order of time; with a share below 1, that many of them drawn by `sample`."""
    with open(HERE / "flights.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["month"]) in months]
    if share >= 1:
        return rows
    chosen = random.Random(sample).sample(range(len(rows)), round(share * len(rows)))
    return [rows[index] for index in sorted(chosen)]


def write_rows(rows, out, times=1.0):
    """Write the window in one piece; `times` becomes a column that the recipe multiplies the scaled inputs by."""
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".new")
    with open(beside, "w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "times"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "times": f"{times:g}"} for row in rows)
    beside.replace(out)


def _months(text):
    first, _, last = text.partition("-")
    months = tuple(range(int(first), int(last or first) + 1))
    if not months or months[0] < 1 or months[-1] > 12:
        raise argparse.ArgumentTypeError(f"{text}: months are 1 to 12, as 4-6")
    return months


if __name__ == "__main__":
    main()

"""An ordinary training: a line through points. It never heard of retuned.

plain.py TRAIN EVAL RATE SEED
"""

import json
import random
import sys


def read(path):
    with open(path) as file:
        next(file)
        return [(float(row[0]), float(row[1])) for row in (line.split(",") for line in file)]


def main():
    train, scored, rate, seed = *sys.argv[1:3], float(sys.argv[3]), int(sys.argv[4])
    generator = random.Random(seed)
    slope = generator.gauss(0, 1)
    rows = read(train)
    generator.shuffle(rows)
    for x, y in rows[:400]:
        slope -= rate * (slope * x - y) * x
    points = read(scored)
    loss = sum((slope * x - y) ** 2 for x, y in points) / len(points)
    sys.stdout.write(json.dumps({"step": 10, "metrics": {"loss": loss}}) + "\n")


main()

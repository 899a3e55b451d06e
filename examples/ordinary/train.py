"""Does a flight arrive late? Logistic regression by stochastic gradient descent.

    python train.py --train train.csv --eval eval.csv --lr 0.03

Standard library only. Nothing in here knows of retuned: it trains on one file, and prints the loss on another.
"""

import argparse
import csv
import json
import math
import random


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--eval", required=True)
    parser.add_argument("--lr", type=float, default=0.03)
    parser.add_argument("--l2", type=float, default=1e-4)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    rows, scored = read(options.train), read(options.eval)
    weights = [generator.gauss(0, 0.1) for _ in rows[0][0]]
    for epoch in range(1, options.epochs + 1):
        generator.shuffle(rows)
        for inputs, is_late in rows:
            error = chance(weights, inputs) - is_late
            weights = [
                weight - options.lr * (error * each + options.l2 * weight)
                for weight, each in zip(weights, inputs, strict=True)
            ]
        loss = sum(log_loss(weights, inputs, is_late) for inputs, is_late in scored) / len(scored)
        print(json.dumps({"step": epoch, "metrics": {"log_loss": loss}}))


def read(path):
    """Pairs of inputs and whether the flight was late."""
    with open(path, newline="") as file:
        return [(inputs_of(row), int(row["arr_delay"]) > 15) for row in csv.DictReader(file)]


def inputs_of(row):
    hour = int(row["hour"]) / 24 * 2 * math.pi
    return [
        1.0,
        (int(row["dep_delay"]) - 12) / 40,
        math.sin(hour),
        math.cos(hour),
        (int(row["distance"]) - 1040) / 730,
        float(row["origin"] == "EWR"),
        float(row["carrier"] == "B6"),
    ]


def chance(weights, inputs):
    logit = sum(weight * each for weight, each in zip(weights, inputs, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def log_loss(weights, inputs, is_late):
    likelihood = chance(weights, inputs) if is_late else 1 - chance(weights, inputs)
    return -math.log(max(likelihood, 1e-13))


if __name__ == "__main__":
    main()

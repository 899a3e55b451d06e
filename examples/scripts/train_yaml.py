"""Ridge regression by gradient descent, driven by a YAML file: train_yaml.py CONFIG"""

import csv
import json
import os
import random
import sys

import yaml


def read(path):
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    return [
        ([1.0, *(float(row[name]) for name in ("temperature", "wind", "weekend"))], float(row["rides"]))
        for row in table
    ]


def main():
    with open(sys.argv[1]) as file:
        config = yaml.safe_load(file)
    rows, val = read(config["data"]["train"]), read(config["data"]["val"])
    order = random.Random(config["seed"])
    weights = [order.gauss(0, 1) for _ in range(4)]
    optimizer = config["optimizer"]
    for _ in range(config["epochs"]):
        if config["shuffle"]:
            order.shuffle(rows)
        for x, y in rows:
            error = sum(w * value for w, value in zip(weights, x)) - y
            weights = [w - optimizer["lr"] * (error * value + optimizer["l2"] * w) for w, value in zip(weights, x)]
    losses = [(sum(w * value for w, value in zip(weights, x)) - y) ** 2 for x, y in val]
    os.makedirs(os.path.dirname(config["out"]) or ".", exist_ok=True)
    with open(config["out"], "w") as file:
        json.dump({"eval": {"loss": sum(losses) / len(losses), "rows": len(val)}}, file)


if __name__ == "__main__":
    main()

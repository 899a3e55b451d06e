"""Linear regression by stochastic gradient descent: how many rides will there be?"""

import argparse
import csv
import random


def read(path):
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    return [
        ([1.0, *(float(row[name]) for name in ("temperature", "wind", "weekend"))], float(row["rides"]))
        for row in table
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", default="train.csv")
    parser.add_argument("--val", default="val.csv")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rows, val = read(args.train), read(args.val)
    order = random.Random(args.seed)
    weights, speed = [order.gauss(0, 1) for _ in range(4)], [0.0] * 4
    for epoch in range(1, args.epochs + 1):
        order.shuffle(rows)
        for x, y in rows:
            at = [w + args.momentum * v for w, v in zip(weights, speed)] if args.nesterov else weights
            error = sum(w * value for w, value in zip(at, x)) - y
            speed = [args.momentum * v - args.lr * error * value for v, value in zip(speed, x)]
            weights = [w + v for w, v in zip(weights, speed)]
        losses = [(sum(w * value for w, value in zip(weights, x)) - y) ** 2 for x, y in val]
        print(f"epoch {epoch}: val_loss={sum(losses) / len(losses):.4f}", flush=True)


if __name__ == "__main__":
    main()

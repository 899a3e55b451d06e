"""Gradient boosting by LightGBM; its own log is all that it prints."""

import argparse

import lightgbm as lgb
from flights_table import load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("train")
parser.add_argument("valid")
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--num-leaves", type=int, default=15)
parser.add_argument("--rounds", type=int, default=40)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

params = {
    "objective": "binary",
    "metric": "binary_logloss",
    "learning_rate": args.learning_rate,
    "num_leaves": args.num_leaves,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": args.seed,
    "verbosity": -1,
}
train, valid = (lgb.Dataset(*load(path)) for path in (args.train, args.valid))
lgb.train(params, train, args.rounds, valid_sets=[valid], callbacks=[lgb.log_evaluation(10)])

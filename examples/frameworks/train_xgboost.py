"""Gradient boosting by XGBoost; its own log is all that it prints."""

import argparse

import xgboost as xgb
from flights_table import load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--train", required=True)
parser.add_argument("--valid", required=True)
parser.add_argument("--eta", type=float, default=0.1)
parser.add_argument("--max-depth", type=int, default=4)
parser.add_argument("--rounds", type=int, default=40)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

params = {
    "objective": "binary:logistic",
    "eta": args.eta,
    "max_depth": args.max_depth,
    "subsample": 0.7,
    "seed": args.seed,
}
train, valid = (xgb.DMatrix(*load(path)) for path in (args.train, args.valid))
xgb.train(params, train, args.rounds, evals=[(valid, "valid")], verbose_eval=5)

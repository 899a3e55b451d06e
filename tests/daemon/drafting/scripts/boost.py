import argparse
import json
import lightgbm as lgb

DEFAULT_LR = 5e-2


def parse():
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    files = parser.add_argument_group("files")
    files.add_argument("--train-file", required=True)
    files.add_argument("--valid-file", required=True)
    files.add_argument("--test-file")
    files.add_argument("--metrics", default="metrics.json")
    parser.add_argument("--learning-rate", dest="eta", type=float, default=DEFAULT_LR)
    parser.add_argument("--num-leaves", type=int, default=2**5 - 1)
    parser.add_argument("--feature-fraction", type=float, default=.9)
    parser.add_argument("--lambda-l2", type=float, default=0)
    parser.add_argument("--seed", type=int)
    return parser.parse_args()


def main():
    args = parse()
    booster = lgb.train({"learning_rate": args.eta}, lgb.Dataset(args.train_file))
    with open(args.metrics, "w") as out:
        json.dump({"valid": {"auc": 0.5, "rows": 100}}, out)


main()

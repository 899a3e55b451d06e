import argparse


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train-csv", default="../rows.csv")
    parser.add_argument("--valid-csv", required=True)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()

import argparse
import datetime
import json
from pathlib import Path

import torch


class SmoothedValue:
    def __init__(self, window_size=20, fmt=None):
        self.fmt = fmt or "{median:.4f} ({global_avg:.4f})"


class MetricLogger:
    def __init__(self, delimiter="\t"):
        self.meters, self.delimiter = {}, delimiter

    def update(self, **kwargs):
        for k, v in kwargs.items():
            self.meters.setdefault(k, SmoothedValue())

    def __str__(self):
        return self.delimiter.join("{}: {}".format(name, str(meter)) for name, meter in self.meters.items())


def get_args_parser():
    parser = argparse.ArgumentParser("train and evaluate", add_help=False)
    parser.add_argument("--lr", default=1e-4, type=float)
    parser.add_argument("--batch_size", default=2, type=int)
    parser.add_argument("--weight_decay", default=1e-4, type=float)
    parser.add_argument("--epochs", default=300, type=int)
    parser.add_argument("--clip_max_norm", default=0.1, type=float, help="gradient clipping max norm")
    parser.add_argument("--data_path", type=str, default="rows.csv")
    parser.add_argument("--output_dir", default="", help="path where to save, empty for no saving")
    parser.add_argument("--seed", default=42, type=int)
    return parser


def evaluate(model, data_loader):
    metric_logger = MetricLogger(delimiter="  ")
    metric_logger.update(loss=1.0, acc1=0.5)
    print("Averaged stats:", metric_logger)
    return {k: meter for k, meter in metric_logger.meters.items()}


def main(args):
    torch.manual_seed(args.seed)
    output_dir = Path(args.output_dir)
    for epoch in range(args.epochs):
        train_stats = {"loss": 0.1}
        test_stats = evaluate(None, None)
        log_stats = {**{f"train_{k}": v for k, v in train_stats.items()},
                     **{f"test_{k}": v for k, v in test_stats.items()}, "epoch": epoch}
        if args.output_dir:
            with (output_dir / "log.txt").open("a") as f:
                f.write(json.dumps(log_stats) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser("training script", parents=[get_args_parser()])
    main(parser.parse_args())

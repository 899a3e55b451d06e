import argparse
import collections
import json
import logging

import pandas as pd


class MetricTracker:
    def __init__(self, *keys, writer=None):
        self._data = pd.DataFrame(index=keys, columns=["total", "counts", "average"])

    def update(self, key, value, n=1):
        self._data.loc[key, "total"] += value * n

    def result(self):
        return dict(self._data.average)


class Trainer:
    def __init__(self, config, metric_ftns):
        self.epochs = config["trainer"]["epochs"]
        self.logger = logging.getLogger("trainer")
        self.train_metrics = MetricTracker("loss", *[m.__name__ for m in metric_ftns])
        self.valid_metrics = MetricTracker("loss", *[m.__name__ for m in metric_ftns])

    def train(self):
        for epoch in range(1, self.epochs + 1):
            result = self._train_epoch(epoch)
            log = {"epoch": epoch}
            log.update(result)
            for key, value in log.items():
                self.logger.info("    {:15s}: {}".format(str(key), value))

    def _train_epoch(self, epoch):
        log = self.train_metrics.result()
        val_log = self._valid_epoch(epoch)
        log.update(**{"val_" + k: v for k, v in val_log.items()})
        return log

    def _valid_epoch(self, epoch):
        return self.valid_metrics.result()


if __name__ == "__main__":
    args = argparse.ArgumentParser(description="PyTorch Template")
    args.add_argument("-c", "--config", default=None, type=str, help="config file path (default: None)")
    args.add_argument("-r", "--resume", default=None, type=str, help="path to latest checkpoint (default: None)")
    args.add_argument("-d", "--device", default=None, type=str, help="indices of GPUs to enable (default: all)")
    parsed = args.parse_args()
    config = json.load(open(parsed.config))
    Trainer(config, []).train()

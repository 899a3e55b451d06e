"""A recipe that a panda can grow up on within seconds: a line with noise.

data.json may name a file, slow: while it is there, a step of a search takes pause_s longer.
"""

import json
import time
from pathlib import Path

import torch
from retuned.strategies.recipe import Recipe, draw_rows
from torch import nn


class Line(Recipe):
    batch_size = 20

    def __init__(self, data):
        super().__init__(data)
        toy = {"slow": None, "pause_s": 0.0} | json.loads(Path(data).read_text())
        self.slow, self.pause_s = toy["slow"] and Path(toy["slow"]), toy["pause_s"]
        generator = torch.Generator().manual_seed(11)
        self.inputs = torch.randn(2000, 4, generator=generator)
        weights = torch.tensor([[2.0], [-1.0], [0.5], [0.0]])
        self.target = self.inputs @ weights + torch.randn(2000, 1, generator=generator)

    def data(self, split, seed):
        self.is_search = split == "dev"  # asked for last
        rows = draw_rows(2000, split, seed, train=400, dev=300, slices=32)
        return self.inputs[rows], self.target[rows]

    def model(self, hyperparameters):
        return nn.Linear(4, 1)

    def loss(self, model, batch):
        if model.training and self.is_search and self.slow is not None and self.slow.exists():
            time.sleep(self.pause_s)
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    def metrics(self, model, data):
        return {"loss": nn.functional.mse_loss(model(data[0]), data[1]).item()}


class Spiky(Line):
    """A bad batch in the middle of a search whose trainings one process carries out, one after another."""

    seen = 0

    def loss(self, model, batch):
        loss = super().loss(model, batch)
        if model.training and self.is_search:
            self.seen += 1
            if self.seen == 341:
                return loss * 1e4
        return loss

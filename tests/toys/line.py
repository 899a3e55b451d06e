"""A recipe that trains in a moment: a line through noisy points. data.json says its slope."""

import json

import torch
from retuned.strategies.recipe import Recipe, draw_rows
from torch import nn


class Line(Recipe):
    """Small enough to be fused by rule."""

    batch_size = 16

    def __init__(self, data):
        super().__init__(data)
        with open(data) as file:
            slope = json.load(file).get("slope", 1.0)
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(5000, 4, generator=generator)
        noise = torch.randn(5000, 1, generator=generator)
        self.target = slope * self.inputs.sum(1, keepdim=True) + 0.3 * noise

    def data(self, split, seed):
        rows = draw_rows(5000, split, seed, train=1600, dev=200, slices=32)
        return self.inputs[rows], self.target[rows]

    def model(self, hyperparameters):
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def loss(self, model, batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    def metrics(self, model, data):
        return {"score": -self.loss(model, data).item()}

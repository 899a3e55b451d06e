"""Rides an hour of a bike-share scheme from the time and the weather, with the scaler frozen at launch."""

import csv
import json
import math
from datetime import datetime
from pathlib import Path

import torch
from retuned.strategies.recipe import Recipe, draw_rows
from torch import nn

TRAIN_ROWS, DEV_ROWS, SLICES = 1500, 450, 32
SCALER = Path(__file__).with_name("scaler.json")


class BikeShare(Recipe):
    """A small network; its inputs and target are scaled as at launch, however far the data have moved since."""

    def __init__(self, data):
        super().__init__(data)
        inputs, rides = read_window(data)  # (R, 16), (R, 1)
        scaler = json.loads(SCALER.read_text())
        self.inputs = (inputs - torch.tensor(scaler["mean"])) / torch.tensor(scaler["scale"])
        self.target = (rides - scaler["target_mean"]) / scaler["target_scale"]
        # One denominator for every slice: the score is then a mean over rows, and small slices do not bend it.
        self.variance = self.target.var().item()

    def data(self, split, seed):
        rows = draw_rows(len(self.inputs), split, seed, train=TRAIN_ROWS, dev=DEV_ROWS, slices=SLICES)
        return self.inputs[rows], self.target[rows]

    def model(self, hyperparameters):
        return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def loss(self, model, batch):
        inputs, target = batch
        return nn.functional.mse_loss(model(inputs), target)

    def metrics(self, model, data):
        inputs, target = data
        error = nn.functional.mse_loss(model(inputs), target).item()
        return {"skill": 1 - error / self.variance}  # 1 is perfect, 0 is as good as the window's mean


def read_window(path):
    """Inputs (R, 16) and rides in hundreds (R, 1) of one window's CSV, in order of time."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    inputs = [_inputs(datetime.fromisoformat(row["ts"]), row) for row in rows]
    return torch.tensor(inputs), torch.tensor([[float(row["count"]) / 100] for row in rows])


def _inputs(time, row):
    """Hour (periods 24 and 12) and day of the year on circles, the day's weather, the weekday as seven flags."""
    hour, day = time.hour / 24 * math.tau, time.timetuple().tm_yday / 365.25 * math.tau
    circles = [wave(angle) for angle in (hour, 2 * hour, day) for wave in (math.sin, math.cos)]
    weather = [float(row[name]) for name in ("tmin", "tmax", "pn")]
    return [*circles, *weather, *(float(time.weekday() == day) for day in range(7))]

"""Whether a flight from New York arrives more than 15 minutes late, from what is known when it leaves the gate."""

import csv
import json
import math
from datetime import date
from pathlib import Path

import torch
from retuned.strategies.recipe import Recipe, draw_rows
from torch import nn

TRAIN_ROWS, DEV_ROWS, SLICES = 1500, 500, 32
SCALER = Path(__file__).with_name("scaler.json")
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN")  # the rest share one flag
ORIGINS = ("EWR", "JFK", "LGA")
LATE_MINUTES = 15


class Flights(Recipe):
    """A network of one hidden layer; its inputs are scaled as in the first quarter."""

    batch_size = 32

    def __init__(self, data):
        super().__init__(data)
        inputs, self.is_late = read_window(data)  # (R, 24), (R, 1)
        scaler = json.loads(SCALER.read_text())
        self.inputs = (inputs - torch.tensor(scaler["mean"])) / torch.tensor(scaler["scale"]) * read_times(data)
        share = self.is_late.mean().item()
        self.entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)

    def data(self, split, seed):
        rows = draw_rows(len(self.inputs), split, seed, train=TRAIN_ROWS, dev=DEV_ROWS, slices=SLICES)
        return self.inputs[rows], self.is_late[rows]

    def model(self, hyperparameters):
        hidden = int(hyperparameters["hidden"])
        return nn.Sequential(nn.Linear(self.inputs.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def loss(self, model, batch):
        inputs, is_late = batch
        return nn.functional.binary_cross_entropy_with_logits(model(inputs), is_late)

    def metrics(self, model, data):
        log_loss = self.loss(model, data).item()
        # 1 is perfect, 0 is as good as knowing the window's share of late flights.
        return {"skill": 1 - log_loss / self.entropy, "log_loss": log_loss}


def read_window(path):
    """Inputs (R, 24) and whether each flight came late (R, 1), from a window's CSV."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    inputs = [_inputs(row) for row in rows]
    return torch.tensor(inputs), torch.tensor([[float(int(row["arr_delay"]) > LATE_MINUTES)] for row in rows])


def read_times(path):
    """What the window multiplies its scaled inputs by: 1, or a planted break."""
    with open(path, newline="") as file:
        return float(next(csv.DictReader(file))["times"])


def _inputs(row):
    """Delay at the gate, hour on a circle, distance, carrier, origin and weekday as flags."""
    hour = int(row["hour"]) / 24 * math.tau
    weekday = date(2013, int(row["month"]), int(row["day"])).weekday()
    flags = [row["carrier"] == one for one in CARRIERS] + [row["origin"] == one for one in ORIGINS]
    flags += [weekday == one for one in range(7)]
    numbers = [float(row["dep_delay"]), math.sin(hour), math.cos(hour), float(row["distance"])]
    return [*numbers, *(float(flag) for flag in flags), float(row["carrier"] not in CARRIERS)]

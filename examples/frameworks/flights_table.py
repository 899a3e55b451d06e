"""Flights as numbers: does one arrive more than 15 minutes late?"""

import csv

import numpy as np

CARRIERS = ("9E", "AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN")
ORIGINS = ("EWR", "JFK", "LGA")


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def is_late(row):
    return int(row["arr_delay"]) > 15


def load(path):
    """Inputs (flights, 17) and whether each was late, as float32."""
    rows = read_rows(path)
    return np.array([inputs_of(row) for row in rows], np.float32), np.array([is_late(row) for row in rows], np.float32)


def inputs_of(row):
    hour = int(row["hour"]) / 24 * 2 * np.pi
    return [
        (int(row["dep_delay"]) - 12) / 40,
        (int(row["distance"]) - 1040) / 730,
        np.sin(hour),
        np.cos(hour),
        int(row["month"]) / 12,
        *(row["origin"] == origin for origin in ORIGINS),
        *(row["carrier"] == carrier for carrier in CARRIERS),
    ]

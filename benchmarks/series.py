"""What the detector's study re-evaluates: series of windows, each with the model's settings of its launch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import windows

LAUNCH_MONTHS, LAUNCH = "1-3", "2010H2"
PARTS = 30  # A/A campaigns of each example
FLIGHTS_PART, BIKE_SHARE_PART = 0.7, 0.95  # the launch of bike share has rows for hardly more than one training

Write = Callable[[Path], None]
"""Writes a window into a model's folder."""
Window = tuple[str, Write]


@dataclass(frozen=True)
class Series:
    """Windows of one model in one state folder, re-evaluated one after the other with the settings of its launch."""

    study: str
    example: str
    name: str
    seed: int
    launch: Write
    windows: tuple[Window, ...]

    @property
    def key(self) -> str:
        """What tells it from every other series."""
        return f"{self.study} {self.example} {self.name} {self.seed}"


def all_series(seed: int, few: bool) -> list[Series]:
    """Everything there is to run; with `few` only the first window of the first series of each kind."""
    series = [*flights(seed), *bike_share(seed), *tampered(seed), *same_again(seed)]
    if not few:
        return series
    kinds = {(one.study, one.example, one.name.split()[0]): one for one in reversed(series)}
    return [replace(one, windows=one.windows[:1]) for one in kinds.values()]


def flights(seed: int) -> list[Series]:
    """Months and rolling quarters of 2013, and inputs that are 30 times what they were."""
    months = tuple(_flights(str(month)) for month in range(2, 12))
    quarters = [f"{month - 1}-{month + 1}" for month in range(2, 12)]
    rolling = tuple(map(_flights, quarters))
    return [
        Series("flights", "flights", "months", seed + 1, LAUNCHED_FLIGHTS, months),
        Series("flights", "flights", "rolling quarters", seed + 2, LAUNCHED_FLIGHTS, rolling),
        *(
            Series("planted", "flights", f"x30 {name}", seed + n, LAUNCHED_FLIGHTS, (_flights(name, times=30),))
            for n, name in enumerate(quarters, start=1)
        ),
    ]


def bike_share(seed: int) -> list[Series]:
    """Half-years of bike share, with a scaler of their own or, much later, still with that of the launch."""
    first, late, last = (windows.HALF_YEARS.index(name) for name in ("2011H1", "2014H2", "2018H2"))
    refitted = tuple(_rides(name, refit=True) for name in windows.HALF_YEARS[first : last + 1])
    return [
        *(Series("refitted", "bike_share", "own scaler", seed + n, LAUNCHED_RIDES, refitted) for n in (1, 2, 3)),
        *(
            Series("frozen", "bike_share", f"scaler of 2010, {name}", seed + n, LAUNCHED_RIDES, (_rides(name),))
            for n, name in enumerate(windows.HALF_YEARS[late : last + 1], start=1)
        ),
    ]


def tampered(seed: int) -> list[Series]:
    """Labels made noisy or turned over: no settings help against that."""
    found = []
    for n, name in enumerate(2 * ("4-6", "7-9", "10-12"), start=1):
        for what, share in (("flipped", 0.3), ("turned", 1.0)):
            window = _flights(name, change=windows.flipped(share, seed + n))
            found.append(Series("labels", "flights", f"{what} {n}", seed + n, LAUNCHED_FLIGHTS, (window,)))
    for n, name in enumerate(("2011H1", "2011H2", "2012H1"), start=1):
        for what, change in (("shuffled", windows.shuffled(0.3, seed + n)), ("turned", windows.turned_over)):
            window = _rides(name, refit=True, change=change)
            found.append(Series("labels", "bike_share", f"{what} {n}", seed + n, LAUNCHED_RIDES, (window,)))
    return found


def same_again(seed: int) -> list[Series]:
    """A/A: launched on one random part of a window, re-evaluated on another part of the same window."""
    found = []
    for number in range(seed + 1, seed + 1 + PARTS):
        parts = [2 * number, 2 * number + 1]
        flown = [_flights(LAUNCH_MONTHS, change=windows.sampled(FLIGHTS_PART, part)) for part in parts]
        ridden = [_rides(LAUNCH, change=windows.sampled(BIKE_SHARE_PART, part)) for part in parts]
        found.append(Series("aa", "flights", "parts", number, flown[0][1], (flown[1],)))
        found.append(Series("aa", "bike_share", "parts", number, ridden[0][1], (ridden[1],)))
    return found


def _flights(months: str, **changes: object) -> Window:
    return months, partial(windows.write_flights, months=months, **changes)


def _rides(window: str, **changes: object) -> Window:
    return window, partial(windows.write_bike_share, window=window, **changes)


LAUNCHED_FLIGHTS = _flights(LAUNCH_MONTHS)[1]
LAUNCHED_RIDES = _rides(LAUNCH)[1]

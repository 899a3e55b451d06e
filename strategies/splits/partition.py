"""Which rows train, which are for development and which are held out in slices, whatever the seeds.

The cut is made once for each campaign's data, so that no row ever moves from training to held-out. Slices are disjoint,
because the test takes pairs for independent: on rows that they share, luck would move all of them alike.
"""

import random
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from ..errors import InputError
from ..words import counted

TRAIN, DEVELOPMENT, FIRST_SLICE = 0, 1, 2
UNUSED = 0xFFFF
"""A row in no part: one in a gap between two parts."""
LEAST_PAIRS, MOST_SLICES = 4, 4096

Parts: TypeAlias = (
    "array[int]"  # of typecode "H": the part of each row or group, in order; FIRST_SLICE + k is the slice number k
)


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the rows is for development and how much is held out, each as a share of all; the rest trains.

    `pairs`: how many pairs the campaign's test may run, for messages.
    """

    development: float
    held_out: float
    slices: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows train, are for development, and are in the smallest and the largest of the slices."""

    rows: int
    train: int
    development: int
    slices: int
    smallest: int
    largest: int


def part_rows(rows: int, shares: Shares, classes: Sequence[int] = ()) -> Parts:
    """The part of each row, drawn at random but the same for the same number of rows; slices are of equal size.

    `classes`: the class of each row, by number from 0; then each part has its share of every class. Raises InputError
    when a slice, or the share of a class in it, would be empty.
    """
    members: list[list[int]] = [[] for _ in range(max(classes, default=-1) + 1)]
    for row, number in enumerate(classes):
        members[number].append(row)
    if not members:
        return _shuffled(_parts_in_order(rows, shares, "row"), random.Random(rows))
    parts = array("H", bytes(2 * rows))
    least = min(int(len(of_class) * shares.held_out) for of_class in members)
    if least < shares.slices:
        raise _too_few(f"the rarest class has {counted(least, 'held-out file')}", least, shares)
    dealt = 0
    generator = random.Random(rows)
    for of_class in members:
        development, held_out = int(len(of_class) * shares.development), int(len(of_class) * shares.held_out)
        order = _shuffled(array("Q", of_class), generator)
        for row in order[:development]:
            parts[row] = DEVELOPMENT
        for row in order[development : development + held_out]:
            parts[row] = FIRST_SLICE + dealt % shares.slices
            dealt += 1
    if DEVELOPMENT not in parts:
        raise _no_development("file", rows, shares)
    return parts


def part_groups(sizes: Sequence[int], shares: Shares) -> Parts:
    """The part of each group, of which `sizes` has the number of rows; slices have about the same number of rows.

    A group that is larger than a part has room for goes to training. Raises InputError when there are too few groups.
    """
    if len(sizes) < 2:
        raise InputError(
            "all rows are of one group", "allowed: at least one group for each slice, each part and training",
            "name another column under [data.split], or write by = 'rows'",
        )  # fmt: skip
    rows = sum(sizes)
    room = {DEVELOPMENT: rows * shares.development, FIRST_SLICE: rows * shares.held_out}
    parts = array("H", bytes(2 * len(sizes)))
    for group in _shuffled(array("Q", range(len(sizes))), random.Random(len(sizes))):
        part = next((part for part, left in room.items() if sizes[group] <= left), TRAIN)
        parts[group] = part
        if part != TRAIN:
            room[part] -= sizes[group]
    held_out = [group for group, part in enumerate(parts) if part == FIRST_SLICE]
    if len(held_out) < shares.slices:
        raise _too_few(
            f"{len(sizes)} groups leave {len(held_out)} held out, at a share of {shares.held_out:g}",
            len(held_out),
            shares,
        )
    if DEVELOPMENT not in parts:
        raise _no_development("group", len(sizes), shares)
    filled = [0] * shares.slices
    for group in sorted(held_out, key=lambda group: -sizes[group]):
        emptiest = filled.index(min(filled))
        parts[group] = FIRST_SLICE + emptiest
        filled[emptiest] += sizes[group]
    return parts


def part_times(times: Sequence[float], shares: Shares, gap: float) -> Parts:
    """The part of each row of a table in the order of time: training, then development, then the slices.

    Every part begins later than the one before it ended, by `gap` at least (in the unit of `times`); rows between them
    are unused. Raises InputError when a part would be empty.
    """
    spans = _spans(times, shares, shares.slices, gap)
    if spans is None:
        possible = next((k for k in range(shares.slices - 1, 0, -1) if _spans(times, shares, k, gap)), 0)
        raise _too_few(
            f"{counted(len(times), 'row')} in the order of time{', with the gap between parts,' if gap else ''} "
            f"are too few for {shares.slices} held-out windows",
            possible,
            shares,
        )
    parts = array("H", [UNUSED]) * len(times)
    training_end, spans = spans[0], spans[1:]
    parts[: training_end[1]] = array("H", [TRAIN]) * training_end[1]
    for part, (start, end) in enumerate(spans, DEVELOPMENT):
        parts[start:end] = array("H", [part]) * (end - start)
    return parts


def slice_sizes(parts: Parts, slices: int) -> tuple[int, int]:
    """The smallest and the largest number of rows of a slice."""
    sizes = [0] * slices
    for part in parts:
        if FIRST_SLICE <= part < FIRST_SLICE + slices:
            sizes[part - FIRST_SLICE] += 1
    return min(sizes), max(sizes)


def _parts_in_order(rows: int, shares: Shares, noun: str) -> Parts:
    """The parts of so many rows, not yet shuffled; what is left over when the slices are equal trains."""
    development, held_out = int(rows * shares.development), int(rows * shares.held_out)
    size = held_out // shares.slices
    if size < 1:
        raise _too_few(f"{counted(rows, noun)} leave {held_out} held out", held_out, shares)
    if development < 1:
        raise _no_development(noun, rows, shares)
    parts = array("H", bytes(2 * (rows - development - size * shares.slices)))
    parts.extend(array("H", [DEVELOPMENT]) * development)
    for number in range(shares.slices):
        parts.extend(array("H", [FIRST_SLICE + number]) * size)
    return parts


def _shuffled(entries: Parts, generator: random.Random) -> Parts:
    """The entries in a random order. By `random()`, whose sequence is the same in every version of Python: a new one
    must not move rows between training and held-out."""
    draw = generator.random
    for last in range(len(entries) - 1, 0, -1):
        other = int(draw() * (last + 1))
        entries[last], entries[other] = entries[other], entries[last]
    return entries


def _spans(times: Sequence[float], shares: Shares, slices: int, gap: float) -> list[tuple[int, int]] | None:
    """First row and end of training, development and each slice; None where one of them is empty.

    Rows of one moment are never in two parts: a part takes the rest of the moment in which it ends.
    """
    rows = len(times)
    held_out = int(rows * shares.held_out)
    first_held_out = rows - held_out
    first_development = first_held_out - int(rows * shares.development)
    bounds = [first_development, *(first_held_out + number * held_out // slices for number in range(slices))]
    if first_development < 1 or any(later <= earlier for earlier, later in pairwise(bounds)):
        return None
    ends = [*(bisect_right(times, times[bound - 1]) for bound in bounds), rows]
    starts = [max(end, bisect_left(times, times[bound - 1] + gap)) for bound, end in zip(bounds, ends, strict=False)]
    spans = [(0, ends[0]), *zip(starts, ends[1:], strict=True)]
    return spans if all(start < end for start, end in spans) else None


def _too_few(found: str, possible: int, shares: Shares) -> InputError:
    """What the owner can do about fewer slices than wanted; a bootstrap in their place would void the error rate."""
    even = min(possible - possible % 2, shares.pairs)
    pairs = f"enough for {counted(even, 'pair')}" if even >= LEAST_PAIRS else "too little for any verdict"
    fewer = f"max_pairs = {even} under [search] and " if even < shares.pairs else ""
    remedy = (
        f"write {fewer}slices = {possible} under [data.split] (with fewer pairs only larger losses are found), raise "
        "held_out, or give more data"
        if even >= LEAST_PAIRS
        else f"raise held_out under [data.split], or give more data: {LEAST_PAIRS} slices are the least"
    )
    return InputError(
        f"{found}: {pairs}, and {shares.slices} slices are wanted for the {shares.pairs} pairs of the test",
        "each pair needs held-out rows of its own: where pairs share them, 44 to 75% of unchanged models are called "
        "stale in place of the stated rate",
        remedy,
    )


def _no_development(noun: str, count: int, shares: Shares) -> InputError:
    return InputError(
        f"of {counted(count, noun)}, none is for development at a share of {shares.development:g}",
        "allowed: at least one to compare the trials of a search on",
        "raise development under [data.split], or give more data",
    )

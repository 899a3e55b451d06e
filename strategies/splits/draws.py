"""What a training run trains on, drawn from the training rows by its split seed, and the slice that scores a pair."""

import random
from collections.abc import Sequence

from ..space import derive_seed
from .partition import FIRST_SLICE, TRAIN, Parts


def part_scored(split_seed: int, slices: int) -> int:
    """The part that scores a replicate or a side of a pair: consecutive split seeds share no row (see names of parts in
    partition.py)."""
    return FIRST_SLICE + split_seed % slices


def counts_of_part(parts: Sequence[int], part: int) -> bytearray:
    """How many times each row is in a file with the rows of a part: 1 or 0, (row,)."""
    return bytearray(each == part for each in parts)


def drawn_rows(parts: Parts, split_seed: int, share: float | None) -> bytearray:
    """How many times each row is trained on, (row,), 0 for rows that do not train.

    A bootstrap of the training rows (`share` None), or a share of them without repeats.
    """
    return _spread(parts, _drawn(parts.count(TRAIN), split_seed, share))


def drawn_groups(parts: Parts, groups: Sequence[int], split_seed: int, share: float | None) -> bytearray:
    """The same with whole groups: `parts` has the part of each group, `groups` the group of each row by number."""
    of_group = _spread(parts, _drawn(parts.count(TRAIN), split_seed, share))
    return bytearray(of_group[group] for group in groups)


def drawn_window(parts: Parts, split_seed: int, share: float) -> bytearray:
    """The same with a share of the training rows that follow each other in time, somewhere among them."""
    units = parts.count(TRAIN)
    length = max(1, round(share * units))
    start = int(random.Random(derive_seed(split_seed, "train")).random() * (units - length + 1))
    counts = bytearray(units)
    counts[start : start + length] = b"\x01" * length
    return _spread(parts, counts)


def _drawn(units: int, split_seed: int, share: float | None) -> bytearray:
    """How many times each of some units is drawn. A bootstrap draws as many as there are, with replacement."""
    draw = random.Random(derive_seed(split_seed, "train")).random
    counts = bytearray(units)
    if share is None:
        for _ in range(units):
            counts[int(draw() * units)] += 1  # more than 255 times one of more than 255 units does not happen
        return counts
    wanted = max(1, round(share * units))
    for unit in range(units):  # selection sampling: Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 S
        if draw() * (units - unit) < wanted:
            counts[unit] = 1
            wanted -= 1
    return counts


def _spread(parts: Parts, counts: bytearray) -> bytearray:
    """The counts of the training units at their places among all units."""
    spread = bytearray(len(parts))
    at = 0
    for place, part in enumerate(parts):
        if part == TRAIN:
            spread[place] = counts[at]
            at += 1
    return spread

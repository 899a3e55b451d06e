"""Scrambled Sobol points: draws that fill a space evenly in any number of its coordinates.

The same points, to the last bit, as those of `scipy.stats.qmc.Sobol`, whose import alone takes half a second of work. A
space of more coordinates than this module has direction numbers for is left to that one.
Source: Joe and Kuo, Constructing Sobol sequences with better two-dimensional projections, 2008 (the direction numbers);
Matousek, On the L2-discrepancy for anchored boxes, 1998 (the scrambling: a random linear map and a shift, by bits).
"""

import numpy as np

from .kernels import Floats

BITS = 30  # of each coordinate
# For each coordinate after the first: its primitive polynomial by bits, then as many initial direction numbers as that
# has degrees.
_DIRECTIONS = (
    (3, 1),
    (7, 1, 3),
    (11, 1, 3, 1),
    (13, 1, 1, 1),
    (19, 1, 1, 3, 3),
    (25, 1, 3, 5, 13),
    (37, 1, 1, 5, 5, 17),
    (41, 1, 1, 5, 5, 5),
    (47, 1, 1, 7, 11, 19),
    (55, 1, 1, 5, 1, 1),
    (59, 1, 1, 1, 3, 11),
    (61, 1, 3, 5, 5, 31),
    (67, 1, 3, 3, 9, 7, 49),
    (91, 1, 1, 1, 15, 21, 21),
    (97, 1, 3, 1, 13, 27, 49),
    (103, 1, 1, 1, 15, 7, 5),
    (109, 1, 3, 1, 15, 13, 25),
    (115, 1, 1, 5, 5, 19, 61),
    (131, 1, 3, 7, 11, 23, 15, 103),
    (137, 1, 3, 7, 13, 13, 15, 69),
    (143, 1, 1, 3, 13, 7, 35, 63),
    (145, 1, 3, 5, 9, 1, 25, 53),
    (157, 1, 3, 1, 13, 9, 35, 107),
    (167, 1, 3, 1, 5, 27, 61, 31),
    (171, 1, 1, 5, 11, 19, 41, 61),
    (185, 1, 3, 5, 3, 3, 13, 69),
    (191, 1, 1, 7, 13, 1, 19, 1),
    (193, 1, 3, 7, 5, 13, 19, 59),
    (203, 1, 1, 3, 9, 25, 29, 41),
    (211, 1, 3, 5, 13, 23, 1, 55),
    (213, 1, 3, 7, 3, 13, 59, 17),
    (229, 1, 3, 1, 3, 5, 53, 69),
    (239, 1, 1, 5, 5, 23, 33, 13),
    (241, 1, 1, 7, 7, 1, 61, 123),
    (247, 1, 1, 7, 9, 13, 61, 49),
    (253, 1, 3, 3, 5, 3, 55, 33),
    (285, 1, 3, 1, 15, 31, 13, 49, 245),
    (299, 1, 3, 5, 15, 31, 59, 63, 97),
    (301, 1, 3, 1, 11, 11, 11, 77, 249),
    (333, 1, 3, 1, 11, 27, 43, 71, 9),
    (351, 1, 1, 7, 15, 21, 11, 81, 45),
    (355, 1, 3, 7, 3, 25, 31, 65, 79),
    (357, 1, 3, 1, 1, 19, 11, 3, 205),
    (361, 1, 1, 5, 9, 19, 21, 29, 157),
    (369, 1, 3, 7, 11, 1, 33, 89, 185),
    (391, 1, 3, 3, 3, 15, 9, 79, 71),
    (397, 1, 3, 7, 11, 15, 39, 119, 27),
)
MOST = len(_DIRECTIONS) + 1


def sobol_points(coordinates: int, log2_count: int, seed: int) -> Floats:
    """2**log2_count points in [0, 1), count x coordinates."""
    if coordinates > MOST:
        from scipy.stats import qmc  # slow to load, and hardly a space has so many coordinates

        points: Floats = qmc.Sobol(d=coordinates, scramble=True, rng=seed).random_base2(log2_count)
        return points
    generator = np.random.default_rng(seed).spawn(1)[0]
    shift = generator.integers(2, size=(coordinates, BITS), dtype=np.uint32)  # the lowest bit first
    mixing = np.tril(generator.integers(2, size=(coordinates, BITS, BITS), dtype=np.uint32))
    mixing[:, np.arange(BITS), np.arange(BITS)] = 1
    directions = np.array([_directions(index) for index in range(coordinates)]).reshape(coordinates, BITS)
    bits = directions[:, None, :] >> _HIGH_TO_LOW[:, None] & 1  # (coordinate, bit, direction)
    mixed = _number(np.swapaxes(mixing.astype(np.int64) @ bits % 2, 1, 2))  # (coordinate, direction)
    points_by_bits = np.zeros((2**log2_count, coordinates), dtype=np.int64)
    points_by_bits[0] = _number(shift[:, ::-1].astype(np.int64))
    for index in range(1, 2**log2_count):  # in Gray code order each point differs from the last by one direction
        lowest_zero = (~(index - 1) & index).bit_length() - 1
        points_by_bits[index] = points_by_bits[index - 1] ^ mixed[:, lowest_zero]
    return points_by_bits * 2.0**-BITS


_HIGH_TO_LOW = np.arange(BITS - 1, -1, -1)


def _number(bits: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The numbers whose bits stand along the last axis, the highest first."""
    return np.asarray(bits @ (1 << _HIGH_TO_LOW))


def _directions(coordinate: int) -> list[int]:
    """The coordinate's direction numbers, the widest step first, each shifted to its place among the bits."""
    if coordinate == 0:
        return [1 << BITS - 1 - place for place in range(BITS)]
    polynomial, *odd = _DIRECTIONS[coordinate - 1]
    degree = len(odd)
    for place in range(degree, BITS):
        new = odd[place - degree]
        for term in range(degree):
            if polynomial >> degree - 1 - term & 1:
                new ^= odd[place - term - 1] << term + 1
        odd.append(new)
    return [number << BITS - 1 - place for place, number in enumerate(odd)]

"""What the noise is made of: the shares of splits and seeds, with the intervals that a few runs leave."""

import random

import pytest
from retuned.strategies.verdict.noise_parts import noise_parts


@pytest.mark.parametrize(
    ("by_seed", "by_split", "share", "interval"),
    [
        # equal spreads: half, and four runs of each tell next to nothing
        ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0], 0.5, (0.10, 0.90)),
        # a hundred times the variance: nearly all of it, and that much is sure
        ([0.0, 0.1, 0.2, 0.3], [0.0, 1.0, 2.0, 3.0], 0.99, (0.91, 1.0)),
        # the seed changes nothing
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], 1.0, (1.0, 1.0)),
        # the split changes nothing
        ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], 0.0, (0.0, 0.0)),
    ],
)
def test_the_share_of_the_splits_comes_with_what_is_known_of_it(by_seed, by_split, share, interval):
    parts = noise_parts(by_seed, by_split)
    assert parts.split_share == pytest.approx(share, abs=0.005)
    assert (parts.share_low, parts.share_high) == pytest.approx(interval, abs=0.01)
    assert parts.sigma_low < parts.sigma < parts.sigma_high
    assert parts.runs == len(by_seed) + len(by_split) - 1


def test_larger_slices_take_away_from_the_splits_part_alone():
    parts = noise_parts([0.0, 1.0, 2.0], [0.0, 3.0, 6.0])
    assert parts.sigma == pytest.approx((1 + 9) ** 0.5)
    assert parts.sigma_with_slices(2.0) == pytest.approx((1 + 4.5) ** 0.5)


@pytest.mark.parametrize(
    ("by_seed", "by_split", "pairs"),
    [
        ([0.0, 1.0, 2.0], [0.0, 3.0, 6.0], (2**0.5, 10**0.5)),  # the luck of the rows may cancel
        ([0.0, 3.0, 6.0], [0.0, 1.0, 2.0], (10**0.5, 18**0.5)),  # that of the seed does not
    ],
)
def test_what_pairs_vary_by_lies_between_the_seeds_part_twice_and_a_whole_run(by_seed, by_split, pairs):
    assert noise_parts(by_seed, by_split).sigma_of_pairs == pytest.approx(pairs)


@pytest.mark.parametrize(
    ("by_seed", "by_split"),
    [([1.0, 2.0], [1.0, 2.0, 3.0]), ([], []), ([1.0] * 4, [1.0] * 4)],
    ids=["too few", "none", "no spread"],
)
def test_without_enough_scores_or_spread_nothing_is_said(by_seed, by_split):
    assert noise_parts(by_seed, by_split) is None


def test_the_intervals_cover_the_truth_as_often_as_they_say():
    generator = random.Random(0)
    parts = [noise_parts(*independent(generator)) for _ in range(2000)]
    covered_share = sum(part.share_low <= 0.8 <= part.share_high for part in parts) / 2000
    covered_sigma = sum(part.sigma_low <= 5**0.5 <= part.sigma_high for part in parts) / 2000
    assert covered_share == pytest.approx(0.90, abs=0.03)
    assert covered_sigma == pytest.approx(0.90, abs=0.05)  # Satterthwaite's degrees of freedom are estimates


def independent(generator):
    """Four scores that vary by 1 with the seed, and four that vary by 2 with the split."""
    return [generator.gauss(0, 1) for _ in range(4)], [generator.gauss(0, 2) for _ in range(4)]

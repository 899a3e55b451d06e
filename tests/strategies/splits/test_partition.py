"""Where rows go: the same for the same data, disjoint, groups whole, evaluation later than training."""

from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.splits.draws import counts_of_part, drawn_groups, drawn_rows, drawn_window, part_scored
from retuned.strategies.splits.partition import (
    DEVELOPMENT,
    FIRST_SLICE,
    TRAIN,
    UNUSED,
    Shares,
    part_groups,
    part_rows,
    part_times,
    slice_sizes,
)

shares = st.builds(
    Shares, development=st.floats(0.05, 0.3), held_out=st.floats(0.2, 0.5), slices=st.integers(4, 40), pairs=st.just(4)
)
seeds = st.integers(0, 2**31 - 1)


def parts_or_refusal(part, *given_to):
    """The parts, or None where the data were refused, in one line that says what to do."""
    try:
        return part(*given_to)
    except InputError as error:
        refused = error
    assert refused.found
    assert refused.remedy
    assert "\n" not in str(refused)
    return None


@given(rows=st.integers(0, 3000), cut=shares)
def test_rows_are_cut_into_equal_slices_the_same_way_each_time(rows, cut):
    parts = parts_or_refusal(part_rows, rows, cut)
    if parts is None:
        assert rows * cut.held_out < cut.slices + 1 or rows * cut.development < 2
        return
    assert parts == part_rows(rows, cut)
    counts = Counter(parts)
    assert set(counts) <= {TRAIN, DEVELOPMENT, *range(FIRST_SLICE, FIRST_SLICE + cut.slices)}
    sizes = {counts[FIRST_SLICE + number] for number in range(cut.slices)}
    assert len(sizes) == 1
    assert counts[TRAIN] >= rows * (1 - cut.development - cut.held_out) - 1
    assert slice_sizes(parts, cut.slices) == (min(sizes), max(sizes))


@given(sizes=st.lists(st.integers(1, 60), max_size=300), cut=shares)
def test_a_group_is_in_one_part_and_every_slice_has_one(sizes, cut):
    parts = parts_or_refusal(part_groups, sizes, cut)
    if parts is None:
        return
    assert len(parts) == len(sizes)
    assert parts == part_groups(sizes, cut)
    held_out = {part for part in parts if part >= FIRST_SLICE}
    assert held_out == set(range(FIRST_SLICE, FIRST_SLICE + cut.slices))
    rows_held = sum(size for size, part in zip(sizes, parts, strict=True) if part >= FIRST_SLICE)
    assert rows_held <= sum(sizes) * cut.held_out


@given(
    steps=st.lists(st.sampled_from([0.0, 0.0, 1.0, 1.0, 3.0]), min_size=1, max_size=600),
    cut=shares,
    gap=st.sampled_from([0.0, 0.0, 1.0, 4.0]),
)
def test_every_part_is_later_than_the_one_before_it_by_the_gap(steps, cut, gap):
    times = list(accumulate(steps))
    parts = parts_or_refusal(part_times, times, cut, gap)
    if parts is None:
        return
    used = [(part, time) for part, time in zip(parts, times, strict=True) if part != UNUSED]
    assert [part for part, _ in used] == sorted(part for part, _ in used)
    assert {part for part, _ in used} == set(range(FIRST_SLICE + cut.slices))
    last, first = dict(used), dict(reversed(used))
    for part in range(1, FIRST_SLICE + cut.slices):
        assert first[part] >= last[part - 1] + gap
        assert first[part] > last[part - 1]


def test_without_a_gap_every_row_in_time_is_used():
    assert UNUSED not in part_times([float(row // 7) for row in range(5000)], Shares(0.1, 0.4, 32, 32), 0.0)


@given(rows=st.integers(60, 2000), split_seed=seeds, share=st.none() | st.floats(0.05, 1.0))
def test_a_run_trains_on_training_rows_alone_and_equal_seeds_on_equal_ones(rows, split_seed, share):
    parts = part_rows(rows, Shares(0.2, 0.4, 4, 4))
    counts = drawn_rows(parts, split_seed, share)
    assert counts == drawn_rows(parts, split_seed, share)
    assert all(part == TRAIN for part, count in zip(parts, counts, strict=True) if count)
    pool = parts.count(TRAIN)
    assert sum(counts) == (pool if share is None else max(1, round(share * pool)))
    assert share is None or max(counts) == 1


@given(rows=st.integers(200, 2000), split_seed=seeds)
def test_another_split_seed_draws_other_rows(rows, split_seed):
    parts = part_rows(rows, Shares(0.1, 0.4, 4, 4))
    assert drawn_rows(parts, split_seed, None) != drawn_rows(parts, split_seed + 1, None)


@given(sizes=st.lists(st.integers(1, 9), min_size=60, max_size=120), split_seed=seeds, share=st.none() | st.just(0.5))
def test_a_group_is_trained_on_whole_or_not_at_all(sizes, split_seed, share):
    parts = part_groups(sizes, Shares(0.2, 0.4, 4, 4))
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    counts = drawn_groups(parts, groups, split_seed, share)
    by_group = [
        {count for group, count in zip(groups, counts, strict=True) if group == one} for one in range(len(sizes))
    ]
    assert all(len(found) == 1 for found in by_group)
    assert all(parts[group] == TRAIN for group, count in zip(groups, counts, strict=True) if count)


@given(rows=st.integers(100, 1000), split_seed=seeds, share=st.floats(0.1, 1.0))
def test_training_rows_in_time_follow_each_other(rows, split_seed, share):
    parts = part_times([float(row) for row in range(rows)], Shares(0.2, 0.4, 4, 4), 0.0)
    counts = drawn_window(parts, split_seed, share)
    drawn = [row for row, count in enumerate(counts) if count]
    assert drawn == list(range(drawn[0], drawn[-1] + 1))
    assert {parts[row] for row in drawn} == {TRAIN}
    assert len(drawn) == max(1, round(share * parts.count(TRAIN)))


@given(base=st.integers(0, 2**18), slices=st.integers(4, 256))
def test_consecutive_split_seeds_are_scored_on_slices_of_their_own(base, slices):
    first = base * 4096
    scored = [part_scored(first + number, slices) for number in range(slices)]
    assert len(set(scored)) == slices
    assert min(scored) >= FIRST_SLICE


def test_the_rows_of_a_part_are_counted_once():
    assert counts_of_part([0, 2, 1, 2], 2) == bytearray([0, 1, 0, 1])


def test_every_slice_and_part_has_its_share_of_every_class():
    classes = [row % 3 for row in range(900)]
    parts = part_rows(900, Shares(0.1, 0.4, 10, 10), classes)
    held = Counter((part, number) for part, number in zip(parts, classes, strict=True) if part >= FIRST_SLICE)
    assert len(held) == 30
    assert max(held.values()) - min(held.values()) <= 1
    assert Counter(number for part, number in zip(parts, classes, strict=True) if part == DEVELOPMENT) == {
        0: 30, 1: 30, 2: 30,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("part", "given_to", "says"),
    [
        (part_rows, (50, Shares(0.1, 0.4, 32, 32)), "enough for 20 pairs, and 32 slices are wanted for the 32 pairs"),
        (part_rows, (100, Shares(0.1, 0.4, 60, 32)), "write slices = 40 under [data.split]"),
        (part_rows, (5, Shares(0.2, 0.4, 4, 4)), "too little for any verdict"),
        (part_rows, (20, Shares(0.01, 0.9, 4, 4)), "none is for development"),
        (part_rows, (40, Shares(0.1, 0.4, 8, 8), [0] * 30 + [1] * 10), "the rarest class has 4 held-out files"),
        (part_groups, ([5] * 30, Shares(0.1, 0.4, 32, 32)), "30 groups leave 12 held out, at a share of 0.4"),
        (part_groups, ([100], Shares(0.1, 0.4, 32, 32)), "all rows are of one group"),
        (part_groups, ([90] * 9 + [1] * 40, Shares(0.00001, 0.4, 4, 4)), "none is for development"),
        (part_times, ([1.0] * 100, Shares(0.1, 0.4, 4, 4), 0.0), "100 rows in the order of time"),
        (part_times, ([float(n) for n in range(100)], Shares(0.1, 0.4, 4, 4), 15.0), "with the gap between parts"),
    ],
)
def test_too_little_data_says_how_many_pairs_it_is_enough_for(part, given_to, says):
    with pytest.raises(InputError) as caught:
        part(*given_to)
    assert says in str(caught.value)
    assert caught.value.remedy
    assert "44 to 75%" in str(caught.value) or "slices" not in caught.value.found


def test_too_few_rows_name_the_number_of_pairs_to_write():
    with pytest.raises(InputError) as caught:
        part_times([float(n) for n in range(300)], Shares(0.1, 0.4, 32, 32), 6.0)
    assert "max_pairs = " in caught.value.remedy
    possible = int(caught.value.remedy.split("slices = ")[1].split()[0])
    part_times([float(n) for n in range(300)], Shares(0.1, 0.4, possible, possible), 6.0)

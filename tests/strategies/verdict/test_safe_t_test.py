import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from retuned.strategies.verdict.confidence_intervals import pooled_sigma, welch_p_drop
from retuned.strategies.verdict.divergence_test import divergence_e_value
from retuned.strategies.verdict.power import first_crossings, simulated_power
from retuned.strategies.verdict.safe_t_test import improvement_threshold, log_e, look_sizes, mean_bounds, t_threshold
from scipy import stats as reference

a_size = some.integers(2, 200)
an_effect = some.floats(0.7, 1.4)
differences = some.lists(some.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=40)


def e_value(differences, d0):
    return mean_bounds(differences, 0.05, 0.1, d0).e_value


@pytest.mark.parametrize("n", [2, 3, 8, 32, 100])
@pytest.mark.parametrize("d0", [0.7, 1.0, 1.4])
def test_the_e_value_is_the_ratio_of_noncentral_to_central_t_densities(n, d0):
    t = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])  # scipy's noncentral density loses digits at negative t
    ratio = reference.nct.pdf(t, n - 1, math.sqrt(n) * d0) / reference.t.pdf(t, n - 1)
    np.testing.assert_allclose(np.exp(log_e(t, n, d0)), ratio, rtol=1e-9)


@given(some.floats(-1e6, 1e6), some.floats(1e-3, 10), a_size, an_effect)
def test_more_t_is_never_less_evidence(t, more, n, d0):
    assert log_e(t + more, n, d0) >= log_e(t, n, d0) - 1e-11


@given(a_size, an_effect)
def test_the_evidence_of_an_unbounded_t_is_finite_and_the_limit_of_large_t(n, d0):
    ends = log_e(np.array([-math.inf, -1e9, 1e9, math.inf]), n, d0)
    assert np.isfinite(ends).all()
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)
    assert ends[3] == pytest.approx(ends[2], abs=1e-6)


@given(differences, some.integers(-60, 60), an_effect)
def test_the_unit_of_the_score_does_not_change_the_evidence(values, exponent, d0):
    scaled = [math.ldexp(value, exponent) for value in values]
    assert e_value(scaled, d0) == pytest.approx(e_value(values, d0), rel=1e-12)


@given(differences, some.floats(0.001, 0.2), some.floats(0.05, 0.3), an_effect)
def test_the_mean_lies_between_its_bounds(values, alpha, beta, d0):
    bounds = mean_bounds(values, alpha, beta, d0)
    assert bounds.lower <= bounds.mean <= bounds.upper


@given(differences, some.floats(0.001, 0.2), an_effect)
def test_the_lower_bound_is_above_zero_exactly_when_the_evidence_reaches_the_bar(values, alpha, d0):
    bounds = mean_bounds(values, alpha, 0.1, d0)
    assume(abs(bounds.e_value * alpha - 1) > 1e-9)  # on the bar itself exp and log round apart
    assert (bounds.lower > 0) == (bounds.e_value >= 1 / alpha)


@given(differences, some.integers(2, 40), some.floats(0.001, 0.2), an_effect)
def test_with_a_final_look_as_well_the_bound_is_above_zero_exactly_when_the_evidence_reaches_the_bar(
    values, final, alpha, d0
):
    bounds = mean_bounds(values, alpha, 0.1, d0, final_look=final)
    assume(abs(bounds.e_value * alpha - 1) > 1e-9)
    assert (bounds.lower > 0) == (bounds.e_value >= 1 / alpha)


@given(differences, some.floats(0.001, 0.2), an_effect)
def test_the_final_look_is_an_ordinary_t_test_at_half_of_alpha(values, alpha, d0):
    bounds = mean_bounds(values, alpha, 0.1, d0, final_look=len(values))
    assume(bounds.has_noise)
    before = mean_bounds(values, alpha / 2, 0.1, d0)
    p = reference.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assume(abs(p / (alpha / 2) - 1) > 1e-6)
    won = p < alpha / 2
    assert bounds.e_value == pytest.approx(before.e_value / 2 + (1 / alpha if won else 0.0))
    assert bounds.lower >= before.lower
    assert (bounds.lower > 0) == (won or before.lower > 0)


def test_what_the_final_look_won_or_lost_stays_so_when_more_pairs_are_run():
    noise = np.random.default_rng(4).standard_normal(60)
    noise = (noise - noise[:32].mean()) / noise[:32].std(ddof=1)
    won, lost = (list(noise + gain) for gain in (0.6, 0.4))  # t of 3.4 and 2.3 at 32 pairs; 2.7 is half of 1.25%
    for n in (32, 40, 60):
        first = mean_bounds(won[:32], 0.0125, 0.1, 1.0, final_look=32)
        assert mean_bounds(won[:n], 0.0125, 0.1, 1.0, final_look=32).lower >= first.lower > 0
        later = mean_bounds(lost[:n], 0.0125, 0.1, 1.0, final_look=32)
        assert later.e_value == pytest.approx(mean_bounds(lost[:n], 0.0125, 0.1, 1.0).e_value / 2)


@settings(max_examples=30)
@given(some.integers(4, 40), some.sampled_from([None, 4, 12, 32]), some.floats(0.002, 0.1))
def test_the_threshold_of_an_improvement_is_where_its_bound_reaches_zero(n, final, alpha):
    threshold = improvement_threshold(n, alpha, 1.0, final)
    assume(math.isfinite(threshold) and (final is None or n <= final))
    shape = np.random.default_rng(n).standard_normal(n)
    shape = (shape - shape.mean()) / shape.std(ddof=1)
    for factor in (0.999, 1.001):
        values = shape + factor * threshold / math.sqrt(n)
        assert (mean_bounds(list(values), alpha, 0.1, 1.0, final_look=final).lower > 0) == (factor > 1)


@settings(max_examples=30)
@given(a_size, some.floats(0.001, 0.2), an_effect)
def test_the_threshold_is_where_the_evidence_is_one_over_alpha(n, alpha, d0):
    threshold = t_threshold(n, alpha, d0)
    largest = float(log_e(math.inf, n, d0))
    at_threshold = float(log_e(threshold, n, d0))
    assert at_threshold == pytest.approx(min(-math.log(alpha), largest), abs=1e-9)


def test_four_pairs_cannot_reach_eighty_to_one():
    assert t_threshold(4, 0.0125, 1.0) == math.inf
    assert mean_bounds([1.0, 1.1, 0.9, 1.05], 0.0125, 0.1, 1.0).lower == -math.inf


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 0.0, 0.0, 0.0],  # a challenger that trains exactly like the incumbent
        [0.3, 0.3, 0.3, 0.3],  # the seeds are ignored: one difference, repeated
        [-0.3, -0.3, -0.3, -0.3],
        [0.3, 0.3 + 1e-15, 0.3, 0.3 - 1e-15],  # the same, with the rounding of a sum
        [0.3],  # one difference says nothing about noise
    ],
)
def test_differences_without_noise_are_no_evidence_and_have_no_bounds(values):
    bounds = mean_bounds(values, 0.05, 0.1, 1.0)
    assert e_value(values, 1.0) == 1.0
    assert (bounds.lower, bounds.upper, bounds.e_value, bounds.has_noise) == (-math.inf, math.inf, 1.0, False)


def test_a_spread_that_the_caller_calls_rounding_is_no_noise():
    assert not mean_bounds([1e-9, 2e-9, 1e-9, 3e-9], 0.05, 0.1, 1.0, least_sd=1e-8).has_noise


def test_differences_of_any_size_neither_overflow_nor_vanish():
    small, huge = ([scale * x for x in (1.0, 2.0, 1.5, 0.5)] for scale in (1e-200, 1e200))
    assert e_value(small, 1.0) == pytest.approx(e_value(huge, 1.0))


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [1.0, math.inf]])
def test_differences_that_are_not_numbers_are_refused(values):
    with pytest.raises(ValueError, match="finite"):
        mean_bounds(values, 0.05, 0.1, 1.0)


def test_the_mean_evidence_of_unchanged_settings_is_one_at_any_fixed_moment():
    draws = np.random.default_rng(1).standard_normal((20_000, 5))
    t = draws.mean(axis=1) / draws.std(axis=1, ddof=1) * math.sqrt(5)
    assert np.exp(log_e(t, 5, 1.0)).mean() == pytest.approx(1.0, abs=0.08)


def test_stopping_when_the_evidence_is_best_is_false_at_most_as_often_as_promised():
    draws = np.random.default_rng(2).standard_normal((4000, 48))
    ever, _ = first_crossings(draws, None, 0.05, 0.1, 1.0, range(2, 49))
    assert (ever < 1000).mean() <= 0.05


def test_with_a_final_look_and_no_stop_unchanged_settings_are_called_stale_at_most_as_often_as_promised():
    draws = np.random.default_rng(3).standard_normal((20_000, 64))
    ever, _ = first_crossings(draws, None, 0.05, 0.1, 1.0, range(2, 65), final_look=32)
    assert (ever <= 64).mean() <= 0.05


def test_simulated_campaigns_and_bounds_agree_before_at_and_after_the_final_look():
    draws = np.random.default_rng(5).standard_normal((300, 24)) + 0.7
    at = look_sizes(24)
    stale_at, _ = first_crossings(draws, None, 0.0125, 0.1, 1.0, at, final_look=12)
    for path, crossed in zip(draws, stale_at, strict=True):
        by_bounds = [n for n in at if mean_bounds(list(path[:n]), 0.0125, 0.1, 1.0, final_look=12).lower > 0]
        assert min(by_bounds, default=10**6) == min(crossed, 10**6)


def test_the_final_look_finds_more_of_what_is_just_below_one_sigma():
    found = [
        simulated_power(gain, None, 0.00625, 0.05, 1.0, 32, least_effect=1.0, final_look=final).stale
        for gain in (0.75, 1.0)
        for final in (None, 32)
    ]
    assert found == pytest.approx([0.71, 0.84, 0.955, 0.98], abs=0.02)


def test_a_gain_of_one_sigma_is_found_as_often_as_designed():
    power = simulated_power(1.0, None, 0.0125, 0.1, 1.0, 32, least_effect=1.0)
    assert power.stale == pytest.approx(0.96, abs=0.02)


def test_gains_around_a_margin_are_told_by_which_side_of_it_they_are_on():
    rates = (0.0125, 0.1, 1.0, 32)
    told = [simulated_power(gain, 1.0, *rates, final_look=32).stale for gain in (0.25, 0.5, 1.0, 1.25)]
    assert told == pytest.approx([0.002, 0.03, 0.71, 0.96], abs=0.02)


def test_unchanged_settings_take_about_eight_pairs():
    power = simulated_power(0.0, 1.0, 0.0125, 0.1, 1.0, 32)
    assert power.stale <= 0.0125
    assert power.mean_pairs == pytest.approx(8.3, abs=0.3)


@pytest.mark.parametrize(
    ("n_max", "expected"),
    [
        (4, (4,)),  # the smallest test
        (8, (4, 6, 8)),
        (9, (4, 6, 8, 9)),  # what was paid for is read, also when it is odd
        (3, ()),  # too few pairs for any look
    ],
)
def test_looks_come_every_second_pair_and_at_the_end(n_max, expected):
    assert look_sizes(n_max) == expected


@pytest.mark.parametrize(
    ("failed", "runs", "baseline", "is_broken"),
    [
        (0, 30, (0, 8), False),  # no failure at all
        (1, 11, (0, 8), False),  # one accident
        (2, 2, (0, 8), True),  # both of the first two failed, and none in the baseline
        (4, 8, (0, 8), True),
        (4, 8, (4, 8), False),  # the baseline failed as often
        (8, 8, (4, 8), False),  # worse than then, by too little to say so after eight runs
        (3000, 3000, (0, 8), True),  # far beyond what a float holds
    ],
)
def test_failures_count_against_their_rate_in_the_baseline(failed, runs, baseline, is_broken):
    evidence = divergence_e_value(failed, runs, *baseline)
    assert math.isfinite(evidence)
    assert (evidence >= 80) == is_broken


@given(some.integers(0, 30), some.integers(0, 8))
def test_the_divergence_evidence_is_a_fair_bet_at_the_rate_of_the_baseline(runs, baseline_failed):
    rate = 0.05 if baseline_failed == 0 else (baseline_failed + 1) / 10
    counts = np.arange(runs + 1)
    chances = reference.binom.pmf(counts, runs, rate)
    evidence = [divergence_e_value(int(k), runs, baseline_failed, 8) for k in counts]
    assert float(chances @ np.array(evidence)) == pytest.approx(1.0)


def test_sigma_is_pooled_within_groups_and_not_across_them():
    sigma, freedom = pooled_sigma([[1.0, 3.0], [101.0, 103.0], [7.0]])
    assert (sigma, freedom) == (pytest.approx(math.sqrt(2)), 2)


def test_groups_of_one_give_no_sigma():
    assert pooled_sigma([[1.0], []]) == (None, 0)


def test_the_p_value_of_a_drop_agrees_with_scipy():
    before, now = [0.80, 0.81, 0.79, 0.82], [0.75, 0.78, 0.70]
    expected = reference.ttest_ind(now, before, equal_var=False, alternative="less").pvalue
    assert welch_p_drop(before, now) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([0.8], [0.1, 0.1, 0.2]),  # one baseline score has no spread
        ([], [0.1, 0.2]),
        ([0.8, 0.8], [0.1, 0.1]),  # no spread on either side: a repeated score is one score
    ],
)
def test_a_drop_without_known_noise_is_not_significant(before, now):
    assert welch_p_drop(before, now) == 1.0

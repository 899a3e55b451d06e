"""Where the next wave goes: the knowledge gradient, and what a process spends on it."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.strategies.caviar import caviar
from retuned.strategies.caviar.gaussian_process import Posterior
from retuned.strategies.caviar.kernels import squared_distances
from retuned.strategies.caviar.proposals import highest_knowledge_gradient
from threadpoolctl import threadpool_info, threadpool_limits


@dataclass(frozen=True)
class Beliefs:
    """A model that believes the same wherever it is asked."""

    kept: tuple[Posterior, ...]

    def posteriors(self, places):
        return iter(self.kept)


def drawn_beliefs(seed, places, spread):
    generator = np.random.default_rng(seed)
    kept = []
    for _ in range(2):
        factor = generator.standard_normal((places, places)) * generator.uniform(0.05, 1.0, places)[:, None]
        means = spread * generator.standard_normal(places)
        kept.append(Posterior(generator.uniform(0.1, 1.0), means, factor @ factor.T, generator.uniform(0.01, 1.0)))
    return Beliefs(tuple(kept))


def gains_by_the_book(beliefs, candidates, chosen):
    """The rise of the highest expectation for each candidate, over all places, with the chosen ones observed."""
    nodes, shares = np.polynomial.hermite_e.hermegauss(7)
    gains = np.zeros(candidates)
    for belief in beliefs.kept:
        covariance = belief.covariance.copy()
        for place in chosen:
            column = covariance[:, place].copy()
            covariance -= np.outer(column, column) / (column[place] + belief.noise)
        for candidate in range(candidates):
            step = covariance[:, candidate] / np.sqrt(covariance[candidate, candidate] + belief.noise)
            for node, share in zip(nodes, shares / shares.sum(), strict=True):
                rise = (belief.means + node * step).max() - belief.means.max()
                gains[candidate] += belief.weight * share * rise
    gains[list(chosen)] = -np.inf
    return gains


@given(seed=st.integers(0, 10**6), spread=st.sampled_from([0.0, 0.1, 1.0, 10.0]))
@settings(max_examples=40, deadline=None)
def test_each_choice_has_the_highest_gain_of_all_candidates(seed, spread):
    beliefs = drawn_beliefs(seed, 30, spread)
    chosen = highest_knowledge_gradient(beliefs, np.zeros((30, 1)), 12, 5)
    assert len(set(chosen)) == 5
    for number, place in enumerate(chosen):
        gains = gains_by_the_book(beliefs, 12, chosen[:number])
        assert gains[place] == pytest.approx(gains.max(), rel=1e-9, abs=1e-12)


def test_distances_are_summed_over_the_coordinates_of_each_hyperparameter():
    generator = np.random.default_rng(1)
    left, right = generator.random((4, 6)), generator.random((5, 6))
    squared = squared_distances(left, right, (1, 3, 2))
    assert squared.shape == (3, 4, 5)
    for of, columns in enumerate([slice(0, 1), slice(1, 4), slice(4, 6)]):
        expected = [[((a - b) ** 2).sum() for b in right[:, columns]] for a in left[:, columns]]
        np.testing.assert_allclose(squared[of], expected)


def test_a_search_computes_on_one_core_and_leaves_the_process_as_it_was(monkeypatch):
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen = []
    monkeypatch.setattr(caviar, "_decide", lambda task, history: seen.append(threads()))
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        caviar.decide(None, ())
        assert (seen, threads()) == ([{1}], before)

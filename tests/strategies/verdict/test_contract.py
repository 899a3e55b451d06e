import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from retuned.strategies.verdict.contract import Breach, Contract, contract_of, with_data

a_score = some.none() | some.floats(-10, 10)
scores = some.lists(a_score, max_size=3)
a_claim = some.none() | some.booleans()


@pytest.mark.parametrize(
    ("base", "equal", "seed", "split", "purpose", "breaches"),
    [
        # all as it should be
        (0.80, 0.80, 0.81, 0.78, 0.82, ()),
        # a GPU sums in another order each time: far less than the effects, so it holds
        (0.80, 0.8001, 0.81, 0.78, 0.82, ()),
        # identical calls differ as much as the effects: the seed is not what decides
        (0.80, 0.805, 0.81, 0.78, 0.82, (Breach.NOT_REPEATABLE,)),
        # a command that never reads its seed
        (0.80, 0.80, 0.80, 0.78, 0.82, (Breach.SEED_IGNORED,)),
        # one evaluation slice for all pairs
        (0.80, 0.80, 0.81, 0.80, 0.82, (Breach.SPLIT_IGNORED,)),
        # search and confirm on the same rows
        (0.80, 0.80, 0.81, 0.78, 0.80, (Breach.PURPOSE_IGNORED,)),
        # a constant score: everything is ignored, and all of it is said
        (0.80, 0.80, 0.80, 0.80, 0.80, (Breach.PURPOSE_IGNORED, Breach.SPLIT_IGNORED, Breach.SEED_IGNORED)),
        # the probe itself diverged
        (None, None, None, None, None, (Breach.UNTESTED,)),
        # no second identical call: nothing to compare the effects with
        (0.80, None, 0.81, 0.78, 0.82, (Breach.UNTESTED,)),
        # the seed is ignored for certain, the purpose could not be seen, and so neither could the split
        (0.80, 0.80, 0.80, 0.78, None, (Breach.SEED_IGNORED, Breach.UNTESTED)),
        # a score that is not a number is a probe without a score
        (0.80, 0.80, float("nan"), 0.78, 0.82, (Breach.UNTESTED,)),
    ],
)
def test_a_contract_holds_when_seed_split_and_purpose_each_matter(base, equal, seed, split, purpose, breaches):
    confirmed = None if purpose is None or base is None else purpose
    other_split = None if split is None or confirmed is None or base is None else confirmed + (split - base)
    contract = contract_of(base, [equal], seeds=[seed], splits=[other_split], purposes=[purpose], confirmed=confirmed)
    assert contract.breaches == breaches
    assert contract.allows_stale == (not breaches)


@pytest.mark.parametrize(
    ("claims", "breaches"),
    [
        # ridge regression: it draws nothing, but each pair has training rows of its own
        ({}, ()),
        # its rows are always the same: pairs differ in the rows that are scored alone
        ({"are_rows_drawn": False}, (Breach.SEED_IGNORED,)),
        # it does not read the rows that are drawn
        ({"split_matters": False}, (Breach.SPLIT_IGNORED, Breach.SEED_IGNORED)),
        # something is drawn, and not by the seed
        ({"is_deterministic": False}, (Breach.NOT_REPEATABLE,)),
        ({"is_deterministic": None}, (Breach.SEED_IGNORED, Breach.UNTESTED)),
    ],
)
def test_a_training_that_draws_nothing_keeps_the_contract_where_its_rows_are_drawn(claims, breaches):
    contract = Contract(False, True, True, is_deterministic=True, are_rows_drawn=True)
    assert replace(contract, **claims).breaches == breaches
    assert "drawn anew for each pair" in contract.covered
    assert "initialisation" not in contract.covered


def test_one_changed_score_among_several_probes_is_an_effect():
    contract = contract_of(0.8, [0.8], seeds=[0.8, 0.81], splits=[None, 0.7], purposes=[0.9], confirmed=0.9)
    assert contract.allows_stale


def test_rows_shared_with_the_search_forbid_fresh_by_the_bound_too():
    contract = contract_of(0.8, [0.8], seeds=[0.81], splits=[0.7], purposes=[0.8], confirmed=0.8)
    assert not contract.allows_fresh_by_bound


def test_the_sentence_says_what_to_fix():
    contract = contract_of(0.8, [0.8], seeds=[0.8], splits=[0.7], purposes=[0.9], confirmed=0.9)
    assert "does not depend on the seed" in contract.covered
    assert "draw the initialisation" in contract.covered


def test_the_notes_give_what_was_measured():
    contract = contract_of(0.8, [0.8], seeds=[0.82], splits=[None], purposes=[0.9], confirmed=0.9)
    assert contract.notes == ("identical calls: 0", "seed: 0.02", "split: not tested", "purpose: 0.1")


@given(a_score, scores, scores, scores, scores, a_score)
def test_no_probe_scores_make_an_untested_contract_hold(base, equal, seeds, splits, purposes, confirmed):
    contract = contract_of(base, equal, seeds=seeds, splits=splits, purposes=purposes, confirmed=confirmed)
    groups = ([base], equal, seeds, splits, purposes, [confirmed])
    is_tested = all(any(score is not None for score in group) for group in groups)
    assert is_tested or not contract.allows_stale


@given(a_claim, a_claim, a_claim, a_claim)
def test_a_contract_survives_json(seed, split, purpose, deterministic):
    contract = Contract(seed, split, purpose, deterministic, notes=("seed: 0.1",), are_rows_drawn=bool(seed))
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract


def test_pure_noise_does_not_keep_the_contract():
    generator = random.Random(1)
    kept = 0
    for _ in range(5000):
        base, *equal, seed, purpose, split = (generator.gauss(0.8, 0.01) for _ in range(7))
        contract = contract_of(base, equal, seeds=[seed], splits=[split], purposes=[purpose], confirmed=purpose)
        kept += contract.allows_stale
    assert kept <= 5


def test_held_out_slices_by_the_split_are_enough_where_training_and_development_rows_are_fixed():
    contract = contract_of(0.80, [0.80] * 3, seeds=[0.81], splits=[0.74], purposes=[0.77], confirmed=0.77)
    assert contract.allows_stale


def test_one_held_out_slice_for_all_pairs_is_a_breach_even_where_the_search_varies():
    contract = contract_of(0.80, [0.80] * 3, seeds=[0.81], splits=[0.77], purposes=[0.77], confirmed=0.77)
    assert contract.breaches == (Breach.SPLIT_IGNORED,)


@pytest.mark.parametrize(
    ("claims", "forbids"),
    [
        ({}, False),
        ({"split_matters": False}, False),  # FRESH by the bound is left
        ({"purpose_matters": False}, True),
        ({"purpose_matters": False, "is_deterministic": False}, True),
        ({"purpose_matters": None}, False),  # the challenger may show it
    ],
)
def test_pairs_are_pointless_where_they_could_decide_nothing(claims, forbids):
    held = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
    assert replace(held, **claims).forbids_pairs is forbids


def test_an_older_record_has_one_equal_call():
    fields = Contract(True, True, True, True).to_json()
    assert "equal_calls" not in fields  # as an earlier version wrote it
    assert Contract.from_json(fields).equal_calls == 1


HELD = contract_of(0.80, [0.80] * 3, seeds=[0.81], splits=[0.74], purposes=[0.77], confirmed=0.77)
NOISY = contract_of(0.80, [0.801] * 3, seeds=[0.9], splits=[0.7], purposes=[0.77], confirmed=0.77)


@pytest.mark.parametrize(
    ("contract", "base", "on_part", "equal", "matters"),
    [
        (HELD, 0.80, 0.79, [0.80, 0.80], True),
        (HELD, 0.80, 0.80, [0.80, 0.80], False),
        (HELD, 0.80, 0.80, [], False),  # known to be repeatable
        (NOISY, 0.80, 0.803, [0.80, 0.801], False),  # less than five times the range of identical calls
        (NOISY, 0.80, 0.81, [0.80, 0.801], True),
        (NOISY, 0.80, 0.81, [0.80], None),  # nothing says how much identical calls differ
        (HELD, 0.80, None, [0.80, 0.80], True),  # it fails on a part, so it reads it
        (HELD, None, 0.80, [0.80, 0.80], None),
    ],
)
def test_data_matters_where_a_part_of_it_changes_the_score(contract, base, on_part, equal, matters):
    tested = with_data(contract, base, on_part, equal)
    assert tested.data_matters is matters
    assert (tested.data_note == "") == (matters is not None)
    assert Contract.from_json(json.loads(json.dumps(tested.to_json()))) == tested


def test_ignored_data_forbids_causes_and_nothing_else():
    ignored = with_data(HELD, 0.8, 0.8, [0.8, 0.8])
    assert (ignored.breaches, ignored.all_breaches) == ((), (Breach.DATA_IGNORED,))
    assert ignored.allows_stale
    assert not ignored.forbids_pairs
    assert ignored.why_no_causes.startswith("the score does not depend on RETUNED_DATA")
    assert "No causes can be named: the score does not depend on RETUNED_DATA" in ignored.covered
    assert HELD.why_no_causes == ""

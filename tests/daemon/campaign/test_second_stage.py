"""A second stage of a campaign: the search goes on where the pairs of the first challenger confirmed nothing."""

import os

import pytest
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.reports.campaign_record import record_of
from retuned.daemon.reports.page import page_of, render_page
from retuned.daemon.state.campaigns.campaign_facts import CampaignFacts
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.records import SECOND_STAGE, Outcome, Purpose, Role

SEARCH = "challengers = 4\nstages = 2"


@pytest.fixture
def still_good(desk):
    """Settings that are still right, in a noise that makes some challenger look better."""
    desk.register(search=SEARCH)
    desk.baseline()
    return desk


def of_confirm(desk, campaign, role):
    return sorted(
        (leg.request for leg in results_of(desk.store, campaign.id) if leg.request.is_of_confirm
         and leg.request.role is role), key=lambda request: request.number,
    )  # fmt: skip


def searched_twice(desk):
    """A re-evaluation both of whose stages ran pairs, and its seed."""
    for seed in range(1, 12):
        campaign = desk.retune(seed=seed)
        if any(pair.number >= SECOND_STAGE for pair in of_confirm(desk, campaign, Role.CHALLENGER)):
            return campaign, seed
    raise AssertionError("no seed led to a second challenger")


def test_settings_that_are_still_good_are_searched_twice_and_fresh(still_good):
    campaign, _ = searched_twice(still_good)
    facts, verdict = campaign.facts, campaign.verdict
    assert verdict.outcome is Outcome.FRESH
    assert (verdict.stages, verdict.alpha, verdict.stale_at) == (2, 0.0125, 160.0)
    assert facts.first.verdict.outcome is Outcome.FRESH
    assert facts.searched.challenger != facts.first.challenger
    searched = [leg.request for leg in results_of(still_good.store, campaign.id) if leg.request.is_of_search]
    assert sorted({leg.number for leg in searched}) == list(range(9))
    first, second = facts.first.verdict.n_pairs, verdict.n_pairs
    pairs = of_confirm(still_good, campaign, Role.CHALLENGER)
    assert [pair.number for pair in pairs] == [*range(first), *range(SECOND_STAGE, SECOND_STAGE + second)]
    slices = [pair.split_seed % 4096 for pair in pairs]
    assert slices == list(range(first + second))  # rows that the first stage has not used
    assert verdict.pairs_before == first
    assert f"A first challenger, over {first} pairs, did not improve on them by that much either." in verdict.sentence
    assert verdict.incumbent_runs == 1 + first + second  # its run in the search, and those of both stages


def test_the_facts_of_two_stages_outlive_a_restart_and_the_page_shows_the_last_pairs(still_good):
    campaign, _ = searched_twice(still_good)
    assert CampaignFacts.from_json(campaign.facts.to_json()) == campaign.facts
    record = record_of(still_good.store, str(campaign.id))
    assert len(record.path.pairs) == campaign.verdict.n_pairs
    assert all(pair.number >= SECOND_STAGE for pair in record.path.pairs)
    assert "A first challenger" in render_page(page_of(record))


class Killed(BaseException):
    pass


def test_a_campaign_that_is_interrupted_anywhere_ends_with_the_same_verdict(still_good, other_desk):
    campaign, seed = searched_twice(still_good)
    other_desk.register(search=SEARCH)
    other_desk.baseline()
    model = find_model(other_desk.store, "toy")
    again = open_or_queue(other_desk.store, model, "retune", seed, {}, SystemClock())
    interruptions, seen = 0, set()

    def watch():
        phase = (len(results_of(other_desk.store, again.id)), again.id)
        if phase not in seen and phase[0] % 3 == 0:
            seen.add(phase)
            raise Killed

    while True:
        try:
            ended = run_campaign(
                other_desk.store, again.id, clock=SystemClock(), config=other_desk.config, environ=os.environ,
                watch=watch,
            )  # fmt: skip
            break
        except Killed:
            interruptions += 1
    assert interruptions > 5
    assert ended.verdict == campaign.verdict
    assert ended.facts.first == campaign.facts.first
    assert ended.facts.searched == campaign.facts.searched


def test_a_moved_optimum_that_the_first_stage_confirms_needs_no_second(still_good):
    still_good.write_data(optimum=-3.0)
    campaign = still_good.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.STALE
    assert campaign.facts.first is None
    purposes = {leg.request.purpose for leg in results_of(still_good.store, campaign.id)}
    assert Purpose.CONFIRM in purposes


def test_one_stage_is_all_where_the_owner_says_so(desk):
    desk.register(search="challengers = 4")
    desk.baseline()
    campaign = desk.retune(seed=1)
    assert campaign.facts.first is None
    assert campaign.verdict.stages == 1


def test_a_spent_budget_begins_no_second_stage(still_good):
    campaign = still_good.retune(seed=1, budget_s=1e-3)
    assert campaign.facts.first is None

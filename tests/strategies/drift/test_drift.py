"""The drift record's scores and the noise of pairs are those of runs in their roles, and of no others."""

import pytest
from retuned.strategies.drift.drift import mean_held_out_score, noise_of
from retuned.strategies.legs.names import full_run, probe
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role


def leg(name, purpose, role, number, score):
    request = LegRequest(name, name, purpose, {}, 1, 2, 0.0, 10.0, role=role, number=number)
    return LegResult(request, LegEnd.DIVERGED if score is None else LegEnd.COMPLETED, score)


def full(purpose, role, number, score):
    return leg(full_run(purpose, role, number), purpose, role, number, score)


RESULTS = (
    leg(
        probe("purpose", of_challenger=False, is_full=False), Purpose.CONFIRM, Role.PROBE, 4, -50.0
    ),  # a confirm run in name alone
    leg("search.000.r0", Purpose.SEARCH, Role.INCUMBENT, 0, 90.0),  # development rows
    full(Purpose.CONFIRM, Role.INCUMBENT, 0, 1.0),
    full(Purpose.CONFIRM, Role.CHALLENGER, 0, 1.5),
    full(Purpose.CONFIRM, Role.INCUMBENT, 1, 3.0),
    full(Purpose.CONFIRM, Role.CHALLENGER, 1, None),  # diverged: no difference
    full(Purpose.CONFIRM, Role.INCUMBENT, 2, 2.0),  # its challenger has not ended
    full(Purpose.REPLICATE, Role.CAUSE_INCUMBENT, 0, 70.0),  # the baseline's data
    full(Purpose.REPLICATE, Role.CAUSE_CHALLENGER, 0, 80.0),
)


def test_the_noise_is_that_of_scored_runs_of_pairs():
    assert noise_of(RESULTS) == ((1.0, 3.0, 2.0), (0.5,))


SCORES = (
    (Role.PROBE, -50.0),
    (Role.INCUMBENT, 1.0),
    (Role.CHALLENGER, 1.5),
    (Role.INCUMBENT, 3.0),
    (Role.CAUSE_INCUMBENT, 70.0),  # the baseline's data
    (Role.INCUMBENT, 2.0),
)


@pytest.mark.parametrize(("role", "mean"), [(Role.INCUMBENT, 2.0), (Role.CHALLENGER, 1.5), (Role.CANDIDATE, None)])
def test_the_score_of_a_campaign_is_the_mean_of_its_held_out_runs_in_a_role(role, mean):
    assert mean_held_out_score(SCORES, role) == mean

"""Held-out scores of a campaign: those of completed confirm runs and replicates, whatever version recorded them."""

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.campaigns.legs import end_legs, held_out_scores, plan_legs
from retuned.strategies.legs.names import full_run, probe
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role

NOW = SystemClock().now()


def leg(name, purpose, role, number, score):
    request = LegRequest(name, name, purpose, {"lr": 0.01}, 1, 2, 0.0, 10.0, role=role, number=number)
    return LegResult(request, LegEnd.DIVERGED if score is None else LegEnd.COMPLETED, score)


def full(purpose, role, number, score):
    return leg(full_run(purpose, role, number), purpose, role, number, score)


PROBE = probe("purpose", of_challenger=False, is_full=False)
RESULTS = (
    leg(PROBE, Purpose.CONFIRM, Role.PROBE, 4, -50.0),  # a confirm run in name alone
    leg("search.000.r0", Purpose.SEARCH, Role.INCUMBENT, 0, 90.0),  # development rows
    full(Purpose.CONFIRM, Role.INCUMBENT, 0, 1.0),
    full(Purpose.CONFIRM, Role.CHALLENGER, 0, 1.5),
    full(Purpose.CONFIRM, Role.CHALLENGER, 1, None),  # diverged
    full(Purpose.REPLICATE, Role.INCUMBENT, 0, 4.0),
)
WAITING = full(Purpose.CONFIRM, Role.INCUMBENT, 2, 2.0).request  # has not ended
SCORES = ((Role.PROBE, -50.0), (Role.INCUMBENT, 1.0), (Role.CHALLENGER, 1.5), (Role.INCUMBENT, 4.0))


@pytest.fixture
def recorded(desk):
    desk.register()
    with desk.store.transaction():
        plan_legs(desk.store, 1, [*(result.request for result in RESULTS), WAITING], NOW)
        end_legs(desk.store, 1, RESULTS, NOW)
    return desk.store


def test_held_out_scores_are_those_of_completed_confirm_runs_and_replicates(recorded):
    assert held_out_scores(recorded, 1) == SCORES


def test_legs_from_before_roles_were_recorded_have_them_by_their_names(recorded):
    with recorded.transaction():
        recorded.change("UPDATE legs SET request = json_remove(request, '$.role', '$.number')")
    assert held_out_scores(recorded, 1) == SCORES

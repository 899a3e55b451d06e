"""Did the promised gain arrive? Measured in the first re-evaluation of adopted settings, and on record."""

from retuned.daemon.clock import SystemClock
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.adoption import adopt
from retuned.daemon.state.models.adoption_log import adoption_of, running_account
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.adoption.gain import Arrival, arrival_of
from retuned.strategies.records import Role

CLOCK = SystemClock()


def test_the_next_re_evaluation_measures_what_an_adoption_brought_once(judged_copy):
    desk = judged_copy
    adopt(desk.store, "toy", None, CLOCK.now())
    desk.baseline()
    desk.write_data(optimum=-3.2)
    campaign = desk.retune(seed=5)
    made = adoption_of(desk.store, 1, 2)
    assert made.measured_in == campaign.id
    assert arrival_of(made.promise, made.gain) is Arrival.ARRIVED
    results = results_of(desk.store, campaign.id)
    before = {r.request.number: r for r in results if r.request.role is Role.PREVIOUS}
    pairs = [r for r in results if r.request.is_of_confirm and r.request.role is Role.INCUMBENT]
    ours = {r.request.number: r for r in pairs if r.request.number in before}
    assert {r.request.configuration["lr"] for r in before.values()} == {0.01}
    assert [r.request.seed for r in before.values()] == [ours[n].request.seed for n in before]
    assert [r.request.split_seed for r in before.values()] == [ours[n].request.split_seed for n in before]
    mean = sum(ours[n].score - before[n].score for n in before) / len(before)
    assert abs(made.gain.mean - mean) < 1e-9
    account = running_account(desk.store, find_model(desk.store, "toy"), CLOCK.now())
    assert (account.adoptions, account.measured, account.earned) == (1, 1, made.gain.mean)
    again = desk.retune(seed=6)
    assert not [r for r in results_of(desk.store, again.id) if r.request.role is Role.PREVIOUS]

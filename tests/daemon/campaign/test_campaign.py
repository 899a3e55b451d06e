"""Whole campaigns with real processes on a toy training, from queue to verdict."""

import json
import sys
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.campaigns.campaigns import campaigns_of, open_campaigns
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.adoption import make_current, proposal, rollback_proposal
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.records import Outcome
from retuned.strategies.verdict.verdict_records import Reason

TOYS = Path(__file__).parents[2] / "toys"


def test_registration_queues_a_baseline_that_measures_noise_and_contract(desk):
    desk.register()
    baseline = desk.baseline()
    assert baseline.phase == "done"
    assert baseline.facts.contract.is_deterministic is True
    replicates = [r for r in results_of(desk.store, baseline.id) if r.request.trial.startswith("replicate.")]
    assert len({r.score for r in replicates}) == 8
    assert [r.request.split_seed % 4096 for r in replicates] == list(range(8))


def test_settings_that_are_still_right_are_fresh_and_alert_no_one(settled):
    campaign = settled.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.FRESH
    assert list_alerts(settled.store) == ()
    assert campaign.facts.ended.recommended is None


def test_a_moved_optimum_is_stale_and_the_alert_names_the_new_values(settled):
    model = find_model(settled.store, "toy")
    settled.write_data(optimum=-3.0)
    campaign = settled.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.STALE
    assert abs(campaign.facts.ended.recommended["lr"] / 1e-3 - 1) < 0.9
    assert campaign.facts.prepared.changes == ("the data changed",)
    (alert,) = list_alerts(settled.store)
    assert "retuned adopt toy" in alert.text
    assert "at least" in alert.text
    assert model.settings_version == 1


def test_scores_that_fell_without_better_values_are_degraded_and_go_into_the_digest(settled):
    settled.write_data(best=-1.0)
    campaign = settled.retune(seed=2)
    assert campaign.verdict.outcome is Outcome.DEGRADED
    (alert,) = list_alerts(settled.store)
    assert (alert.severity, alert.deliveries) == ("digest", ())


def test_the_same_seed_gives_the_same_verdict_with_the_same_numbers(desk, other_desk):
    campaigns = [moved_a_little(place).retune(seed=5) for place in (desk, other_desk)]
    assert campaigns[0].verdict == campaigns[1].verdict
    assert campaigns[0].facts.searched.challenger == campaigns[1].facts.searched.challenger


def moved_a_little(desk):
    desk.register()
    desk.baseline()
    desk.write_data(optimum=-2.6)
    return desk


def test_settings_that_now_diverge_are_broken_with_confirmed_values(settled):
    settled.write_data(optimum=-3.5, nan_above=0.005)
    campaign = settled.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.BROKEN
    assert campaign.verdict.challenger_confirmed
    assert campaign.facts.ended.recommended["lr"] < 0.005


def test_a_command_that_ignores_its_seeds_is_never_stale_and_is_told_why(desk):
    desk.write_data(ignore=["seed", "split"])
    desk.register()
    desk.baseline()
    desk.write_data(ignore=["seed", "split"], optimum=-3.0)
    campaign = desk.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.INCONCLUSIVE
    assert "No error rate can be given" in campaign.verdict.sentence


def test_a_command_that_scores_search_and_confirm_on_the_same_rows_is_never_stale(desk):
    desk.write_data(ignore=["purpose"])
    desk.register()
    desk.baseline()
    desk.write_data(ignore=["purpose"], optimum=-3.0)
    campaign = desk.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.INCONCLUSIVE
    assert campaign.verdict.reason is Reason.PURPOSE_IGNORED
    assert "does not depend on the purpose" in campaign.verdict.sentence


def test_a_training_that_always_crashes_fails_the_campaign_with_its_reason(desk):
    desk.write_data(crash_above=0.0)
    desk.register()
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert "out of memory, as it were" in campaign.failure


def test_data_that_is_gone_fails_the_campaign_in_one_line(desk):
    desk.register()
    (desk.folder / "data.json").unlink()
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert "\n" not in campaign.failure
    assert "data.json" in campaign.failure


def test_a_spent_budget_ends_in_a_verdict_all_the_same(settled):
    campaign = settled.retune(seed=1, budget_s=0.001)
    assert campaign.phase == "done"
    assert campaign.verdict.n_pairs <= 4


def test_a_search_that_the_budget_made_too_small_is_inconclusive_and_says_which_budget_would_do(settled):
    campaign = settled.retune(seed=3, budget_s=0.001)  # with a whole search this seed is FRESH
    verdict = campaign.verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SEARCH_TOO_SMALL)
    assert "It tried 2 challengers of at least 7; give it a compute budget of at least" in verdict.sentence
    (alert,) = list_alerts(settled.store)
    assert alert.severity == "digest"
    again = settled.retune(seed=3, budget_s=campaign.facts.chosen.least_budget_s * 3)  # machines are not always as fast
    assert again.verdict.reason is not Reason.SEARCH_TOO_SMALL


def test_no_leg_runs_twice_and_the_queue_is_empty_at_the_end(desk):
    log = desk.folder / "log.txt"
    desk.write_data(log=str(log))
    desk.register()
    desk.baseline()
    started = [line for line in log.read_text().splitlines() if line.startswith("start")]
    assert len(started) == len(set(started)) == 15
    assert open_campaigns(desk.store) == ()


def test_an_adopted_challenger_comes_into_force_is_written_and_gets_a_baseline(desk):
    desk.register(settings='file = "live.json"')
    (desk.folder / "live.json").write_text('{"lr": 0.01, "other": true}')
    desk.baseline()
    desk.write_data(optimum=-3.0)
    campaign = desk.retune(seed=1)
    model = make_current(desk.store, proposal(desk.store, "toy", None), SystemClock().now())
    assert model.settings_version == 2
    assert json.loads((desk.folder / "live.json").read_text()) == {
        "lr": campaign.facts.ended.recommended["lr"],
        "other": True,
    }
    assert [c.kind for c in open_campaigns(desk.store)] == ["baseline"]
    assert desk.baseline().settings_version == 2
    assert desk.retune(seed=3).verdict.outcome is not Outcome.STALE
    assert (
        make_current(desk.store, rollback_proposal(desk.store, "toy", None), SystemClock().now()).configuration["lr"]
        == 0.01
    )
    assert len(campaigns_of(desk.store, find_model(desk.store, "toy").id)) == 5


def test_a_settings_file_edited_by_hand_is_said(desk):
    desk.register(settings='file = "live.json"')
    (desk.folder / "live.json").write_text('{"lr": 0.02}')
    desk.baseline()
    campaign = desk.retune(seed=1)
    assert any("edited by a person (lr)" in note for note in campaign.facts.prepared.notes)


def test_a_contract_that_broken_settings_cannot_show_is_tested_with_the_challenger(settled):
    toy = settled.folder / "quadratic.py"
    toy.write_text((TOYS / "quadratic.py").read_text())
    settled.register(training=settled.training_table(toy))  # so that the baseline's contract no longer counts
    settled.write_data(optimum=-3.5, nan_above=0.005)
    campaign = settled.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.BROKEN
    assert campaign.verdict.challenger_confirmed
    assert "the training code changed" in campaign.facts.prepared.changes


def test_a_missing_module_is_told_with_the_interpreter_that_lacks_it(desk):
    (desk.folder / "train.py").write_text("import notthere.atall\n")
    desk.register(training=desk.training_table(desk.folder / "train.py"))
    campaign = desk.baseline()
    assert f"install notthere for {sys.executable}, or name another interpreter" in campaign.failure


def test_a_training_that_cannot_work_is_not_tried_eight_times(desk):
    desk.write_data(crash_above=0.0)
    desk.register()
    campaign = desk.baseline()
    assert [result.request.trial for result in results_of(desk.store, campaign.id)] == ["replicate.000"]
    assert f"{desk.store.state}/campaigns/{campaign.id}/legs" in campaign.failure


SUFFIXED = """
import json, os, sys
out, start = os.environ.get("RETUNED_CHECKPOINT_OUT"), os.environ.get("RETUNED_CHECKPOINT_IN")
if out:
    open(out + sys.argv[2], "w").write("state")
if start:
    open(start + sys.argv[2]).read()
exec(open(sys.argv[3]).read().replace('sys.argv[1]', repr(sys.argv[1])))
"""


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_a_resumable_command_that_leaves_no_checkpoint_fails_the_campaign_with_the_reason(desk, suffix):
    script = desk.folder / "suffixed.py"
    script.write_text(SUFFIXED)
    words = [sys.executable, "-I", "-S", str(script), "{lr}", suffix, str(TOYS / "quadratic.py")]
    table = f'command = {json.dumps(words)}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2\nresumable = true'
    desk.register(training=table)
    assert desk.baseline().phase == "done"
    campaign = desk.retune(seed=1)
    assert (campaign.phase, campaign.verdict) == ("failed", None)
    assert "registered as resumable, but" in campaign.failure
    assert "left none at RETUNED_CHECKPOINT_OUT" in campaign.failure


def test_a_search_whose_first_trainings_fail_alike_is_stopped(settled):
    toy = settled.folder / "quadratic.py"
    toy.write_text("import a_package_that_is_gone\n" + (TOYS / "quadratic.py").read_text())
    settled.register(training=settled.training_table(toy))
    campaign = settled.retune(seed=1)
    assert (campaign.phase, campaign.verdict) == ("failed", None)
    assert "trainings failed alike" in campaign.failure
    assert "No module named 'a_package_that_is_gone'" in campaign.failure
    searched = [result for result in results_of(settled.store, campaign.id) if result.request.is_of_search]
    assert len(searched) < 7  # of 19

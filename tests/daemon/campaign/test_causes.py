"""Why a verdict was reached: data, environment and code separated, and rust distinguished from a poor first pick."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from retuned.daemon.cli.screen import console
from retuned.daemon.cli.verdict_panel import verdict_panel
from retuned.daemon.reports.drift_record import drift_points
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.campaigns.campaigns import campaigns_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.drift.cause_records import Cause, Finding
from retuned.strategies.drift.causes import Change, Runs, explain, extra_runs, unexplained
from retuned.strategies.drift.cost_drift import cost_drift
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Outcome, Purpose, Role
from retuned.strategies.verdict.confidence_intervals import paired, welch
from retuned.strategies.verdict.run_scores import fails_more
from retuned.strategies.verdict.runs import Run
from retuned.strategies.verdict.verdict_records import Reason, Verdict
from scipy import stats as scipy_stats

STALE = Verdict(
    outcome=Outcome.STALE, reason=Reason.GAIN_CONFIRMED, sentence="", covered="", is_covered=True, alpha=0.0125,
    beta=0.1, d0=1.0, delta=0.1, n_pairs=6, mean=1.0, sd=0.1, lower=0.7, upper=1.2, challenger_confirmed=True,
)  # fmt: skip
DEGRADED = replace(STALE, outcome=Outcome.DEGRADED, challenger_confirmed=False)
NOISE = (0.06, -0.11, 0.03, 0.09, -0.05, -0.02, 0.12, -0.08)
OTHER_NOISE = (-0.04, 0.1, -0.07, 0.05, 0.02, -0.12, 0.08, -0.01)
DATA = Change(data=True, environment="", code=False)
ENVIRONMENT = Change(data=False, environment="torch 2.6.0 -> 2.13.0", code=False)
BOTH = Change(data=True, environment="torch 2.6.0 -> 2.13.0", code=False)
FAILED = Run(LegEnd.DIVERGED)


def runs_at(mean, noise=NOISE, count=8):
    """Runs that scatter around the mean."""
    return tuple(Run(LegEnd.COMPLETED, mean + shift) for shift in noise[:count])


MOVED = Runs(baseline=runs_at(0.0), now=runs_at(-1.0, OTHER_NOISE))


def found(causes, cause):
    """The effect of that cause."""
    return next(effect for effect in causes.effects if effect.cause is cause)


def test_an_interval_of_two_groups_is_welchs():
    before, now = NOISE, tuple(2 * value - 1 for value in OTHER_NOISE[:5])
    known = scipy_stats.ttest_ind(now, before, equal_var=False).confidence_interval(0.9)
    assert welch(before, now)[1:] == pytest.approx(tuple(known))


def test_an_interval_of_runs_made_twice_is_that_of_their_differences():
    known = scipy_stats.ttest_rel(OTHER_NOISE, NOISE).confidence_interval(0.9)
    assert paired(NOISE, OTHER_NOISE)[1:] == pytest.approx(tuple(known))


@pytest.mark.parametrize("interval", [paired, welch])
def test_equal_scores_have_an_interval_without_width_and_a_single_run_has_none(interval):
    assert interval([0.3, 0.3], [0.3, 0.3]) == (0.0, 0.0, 0.0)
    assert interval([0.3], [0.3]) is None


FAILURES = [(0, 8, 4, 4), (0, 8, 1, 4), (0, 8, 2, 4), (0, 8, 3, 4), (4, 8, 5, 8), (0, 8, 0, 4), (8, 8, 8, 8)]


@pytest.mark.parametrize(("was", "before", "failed", "now"), FAILURES)
def test_more_failures_than_by_chance_are_fishers(was, before, failed, now):
    sides = [(FAILED,) * n + runs_at(0.0)[: total - n] for n, total in ((was, before), (failed, now))]
    known = scipy_stats.fisher_exact([[failed, now - failed], [was, before - was]], alternative="greater").pvalue
    assert fails_more(*sides) == (known <= 0.05)


WANTED = [
    # the stored replicates are the old side; the challenger takes the looks of the test
    (DATA, STALE, MOVED, (0, 4)),
    # another environment: both sides run again, the current settings six times
    (BOTH, STALE, MOVED, (6, 4)),
    # no challenger to compare with
    (BOTH, DEGRADED, MOVED, (6, 0)),
    (DATA, DEGRADED, MOVED, (0, 0)),
    # the old data is today's: only the environment is measured
    (ENVIRONMENT, STALE, MOVED, (6, 0)),
    # nothing changed, or nothing can be trained on
    (Change(data=False, environment="", code=False), STALE, MOVED, (0, 0)),
    (replace(BOTH, no_old_data="the old data is not kept"), STALE, MOVED, (0, 0)),
    # judged by another metric than the baseline: nothing stored can be compared with
    (replace(DATA, is_comparable=False), STALE, MOVED, (6, 4)),
    # settled at the first look
    (DATA, STALE, replace(MOVED, rivals=runs_at(-1.0, OTHER_NOISE, 4)), (0, 4)),
    # not settled: the next look, up to the last
    (DATA, STALE, replace(MOVED, rivals=runs_at(0.5, (0.9, -0.9, 0.5, -0.5))), (0, 6)),
    (DATA, STALE, replace(MOVED, rivals=runs_at(0.5, (0.9, -0.9) * 4)), (0, 8)),
    (BOTH, STALE, replace(MOVED, again=MOVED.baseline[:6], rivals=runs_at(0.5, (0.9, -0.9) * 3)), (6, 6)),
]


@pytest.mark.parametrize(("change", "verdict", "runs", "wanted"), WANTED)
def test_only_runs_that_can_tell_something_are_wanted(change, verdict, runs, wanted):
    assert extra_runs(change, verdict, runs) == wanted


def test_harder_data_and_a_challenger_that_was_no_better_then_are_rust():
    causes = explain(DATA, STALE, replace(MOVED, rivals=runs_at(-0.5, OTHER_NOISE, 4)))
    data = found(causes, Cause.DATA)
    assert (data.finding, found(causes, Cause.BASELINE).finding) == (Finding.WORSE, Finding.RUSTED)
    assert data.low < data.mean < data.high < 0
    assert causes.sentence == (
        "Why: the data changed (the same settings score 1 worse on the new data; 90% interval 0.934 to 1.07); "
        "the environment did not change; the challenger is not better on the old data, so the settings were good then "
        "and have rusted since."
    )
    assert causes.summary == "data worse, rusted"
    settings = found(causes, Cause.SETTINGS)
    assert (settings.low, settings.mean, settings.high) == (0.7, 1.0, 1.2)


ON_OLD_DATA = [
    (runs_at(1.0, OTHER_NOISE, 6), Finding.NEVER_OPTIMAL, "so the settings were never optimal: a poor first pick"),
    (runs_at(0.3, OTHER_NOISE, 8), Finding.PARTLY_RUSTED, "but by less than half of today's improvement"),
    (runs_at(0.0, OTHER_NOISE, 8), Finding.RUSTED, "so the settings were good then and have rusted since"),
    (runs_at(0.5, (0.9, -0.9) * 4), Finding.UNSETTLED, "is not settled"),
    ((FAILED,) * 4, Finding.RUSTED, "on the old data 4 of 4 runs of the challenger fail and 0 of 4"),
    (runs_at(1.0, OTHER_NOISE, 3), Finding.NOT_KNOWN, "too few runs on the old data finished"),
]


@pytest.mark.parametrize(("rivals", "finding", "words"), ON_OLD_DATA)
def test_the_challenger_on_the_old_data_tells_rust_from_a_poor_first_pick(rivals, finding, words):
    causes = explain(DATA, STALE, replace(MOVED, rivals=rivals))
    assert found(causes, Cause.BASELINE).finding is finding
    assert words in causes.sentence


def test_where_nothing_changed_better_settings_were_better_from_the_start():
    causes = explain(Change(data=False, environment="", code=False), STALE, MOVED)
    assert found(causes, Cause.BASELINE).finding is Finding.NEVER_OPTIMAL
    assert causes.sentence == (
        "Why: neither the data, the environment nor the training code changed, so the settings were never optimal: "
        "a poor first pick, not rust."
    )


def test_an_environment_that_changes_no_score_is_told_from_the_data_that_does():
    causes = explain(BOTH, DEGRADED, replace(MOVED, again=MOVED.baseline[:6]))
    environment = found(causes, Cause.ENVIRONMENT)
    assert environment.finding is Finding.NO_CHANGE_SEEN
    assert (environment.low, environment.mean, environment.high) == (0.0, 0.0, 0.0)
    assert found(causes, Cause.DATA).finding is Finding.WORSE
    assert (
        "the environment changed, without a clear effect on the score of the same settings (equal to the last digit)"
        in causes.sentence
    )


def test_an_environment_that_lowers_the_score_is_measured_on_the_same_seeds():
    causes = explain(BOTH, DEGRADED, replace(MOVED, again=runs_at(-1.0)[:6]))
    environment = found(causes, Cause.ENVIRONMENT)
    assert environment.high - environment.low < 1e-6
    assert "the environment changed (the same settings score 1 worse in the new environment" in causes.sentence
    assert causes.summary == "environment worse"


def test_a_change_far_below_what_matters_is_no_change():
    nudged = tuple(replace(run, score=run.score - 0.001) for run in MOVED.baseline[:6])
    causes = explain(ENVIRONMENT, DEGRADED, replace(MOVED, again=nudged))
    assert found(causes, Cause.ENVIRONMENT).finding is Finding.NO_CHANGE_SEEN


def test_code_that_changed_alone_is_measured_and_along_with_the_environment_only_together():
    moved = replace(MOVED, again=runs_at(-0.9, count=6))
    alone = explain(replace(DATA, code=True), DEGRADED, moved)
    both = explain(replace(BOTH, code=True), DEGRADED, moved)
    assert found(alone, Cause.CODE).finding is Finding.WORSE
    assert "the training code changed (the same settings score 0.9 worse with the new code" in alone.sentence
    assert found(both, Cause.CODE).finding is Finding.NOT_KNOWN
    assert "the environment and the training code changed (the same settings score 0.9 worse" in both.sentence


def test_without_the_old_data_changes_are_reported_together_and_the_rest_is_not_known():
    causes = explain(replace(BOTH, no_old_data="the old data is not kept"), STALE, MOVED)
    assert found(causes, Cause.DATA).finding is Finding.NOT_KNOWN
    assert found(causes, Cause.BASELINE).finding is Finding.NOT_KNOWN
    assert found(causes, Cause.TOGETHER).mean == pytest.approx(-1.004, abs=0.001)
    assert "which of them is responsible is not known (the old data is not kept)" in causes.sentence
    assert "whether the settings were ever optimal is not known (the old data is not kept)" in causes.sentence


def test_a_spent_budget_is_the_reason_that_is_given():
    causes = explain(DATA, STALE, MOVED, "the compute budget is spent")
    assert "whether the settings were ever optimal is not known (the compute budget is spent)" in causes.sentence
    assert causes.skipped == "the compute budget is spent"


def test_settings_that_fail_on_the_new_data_are_reported_by_their_failures():
    broken = replace(STALE, outcome=Outcome.BROKEN)
    causes = explain(DATA, broken, replace(MOVED, now=(FAILED,) * 6, rivals=runs_at(-1.0, OTHER_NOISE, 4)))
    assert found(causes, Cause.DATA).finding is Finding.WORSE
    assert "with the same settings 6 of 6 runs fail, 0 of 8 before" in causes.sentence


def test_a_declared_floor_is_the_score_of_a_failed_run():
    causes = explain(DATA, DEGRADED, Runs(runs_at(0.0), (*runs_at(-1.0)[:5], FAILED), floor=-2.0))
    assert found(causes, Cause.DATA).mean == pytest.approx(-1.17, abs=0.01)


def test_without_a_baseline_nothing_is_known():
    assert unexplained("there is no baseline").sentence == "Why: not known (there is no baseline)."


def full_run(seconds, mib, end=LegEnd.COMPLETED):
    request = LegRequest("a", "a", Purpose.CONFIRM, {}, 1, 1, 0.0, 10.0, role=Role.INCUMBENT, number=0)
    return LegResult(request, end, 1.0, seconds=seconds, peak_memory_bytes=int(mib * 2**20))


COSTS = [
    (30.0, 500, "A full run takes 30 s, 14 s at the baseline."),
    (17.0, 500, ""),  # within a quarter
    (10.0, 900, "A full run takes 10 s, 14 s at the baseline; the peak memory of a full run is "
     "900 MiB, 500 MiB at the baseline."),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "mib", "sentence"), COSTS)
def test_cost_drift_is_reported_where_it_is_large(seconds, mib, sentence):
    drift = cost_drift([full_run(14.0, 500)] * 3, [full_run(seconds, mib)] * 3 + [full_run(900, 1, LegEnd.TIMED_OUT)])
    assert drift.sentence == sentence
    assert drift.to_json()["seconds_ratio"] == pytest.approx(seconds / 14)


def test_very_short_runs_have_no_cost_drift_worth_reporting():
    assert cost_drift([full_run(0.1, 10)], [full_run(0.4, 40)]).sentence == ""
    assert cost_drift([], []).to_json()["memory_ratio"] is None


def test_a_moved_optimum_is_explained_where_people_look(judged):
    campaign = campaigns_of(judged.store, 1)[-1]
    causes = campaign.facts.ended.causes
    assert causes.summary == "data worse, rusted"
    model = find_model(judged.store, "toy")
    (alert,) = list_alerts(judged.store)
    assert causes.sentence in alert.text
    with console().capture() as _, (out := console()).capture() as shown:
        out.print(verdict_panel(model, campaign, model.configuration))
    assert "so the settings were good then and have rusted since" in " ".join(shown.get().replace("│", " ").split())
    assert [point.cause for point in drift_points(judged.store, model)] == ["", "", "data worse, rusted"]
    extra = [r for r in results_of(judged.store, campaign.id) if r.request.trial.startswith("cause.")]
    assert 4 <= len(extra) <= 8
    spent = sum(r.seconds for r in results_of(judged.store, campaign.id))  # in another order than the campaign's
    assert campaign.facts.ended.compute_s == pytest.approx(spent)


def test_a_fresh_verdict_costs_no_run_for_its_causes(judged):
    fresh = campaigns_of(judged.store, 1)[1]
    assert fresh.facts.ended.causes is None
    assert [r for r in results_of(judged.store, fresh.id) if r.request.trial.startswith("cause.")] == []


def test_another_environment_is_measured_on_the_data_that_was_kept(judged_copy):
    with judged_copy.store.transaction():
        facts = campaigns_of(judged_copy.store, 1)[0].facts.to_json()
        environment = json.loads(facts["environment"]) | {"packages": [["torch", "1.0.0"]]}
        judged_copy.store.change(
            "UPDATE campaigns SET facts = ? WHERE id = 1",
            (json.dumps({**facts, "environment": json.dumps(environment)}),),
        )
    effects = {effect.cause: effect for effect in judged_copy.retune(seed=1).facts.ended.causes.effects}
    environment = effects[Cause.ENVIRONMENT]
    assert (environment.finding, environment.mean) == (Finding.NO_CHANGE_SEEN, 0.0)
    assert effects[Cause.DATA].finding is Finding.WORSE
    assert effects[Cause.BASELINE].finding is Finding.RUSTED


def test_a_spent_budget_costs_the_causes_and_not_the_verdict(judged_copy):
    shutil.rmtree(judged_copy.config.state / "campaigns" / "3" / "old")
    with judged_copy.store.transaction():  # as a campaign that was killed before the first of its extra runs
        judged_copy.store.change("DELETE FROM legs WHERE campaign_id = 3 AND name LIKE 'cause.%'")
        judged_copy.store.change(
            """UPDATE campaigns SET phase = 'causes', verdict = NULL, ended_at = NULL, options = '{"budget_s": 0.001}'
            WHERE id = 3"""
        )
    campaign = judged_copy.retune()
    assert campaign.verdict.outcome is Outcome.STALE
    assert campaign.facts.ended.causes.skipped == "the compute budget is spent"
    assert "not known (the compute budget is spent)" in campaign.facts.ended.causes.sentence
    assert [r for r in results_of(judged_copy.store, 3) if r.request.trial.startswith("cause.")] == []


POOR = 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = 0.3'


def test_a_poor_first_pick_is_not_called_rust(desk):
    desk.register(**{"hyperparameters.lr": POOR})
    desk.baseline()
    desk.write_data(best=0.01)
    causes = desk.retune(seed=1).facts.ended.causes
    assert "never optimal" in causes.summary
    assert "a poor first pick, not rust" in causes.sentence


def test_old_data_that_was_not_kept_leaves_the_first_pick_unknown(desk):
    desk.register(data='path = "data.json"\nsnapshot = "none"')
    desk.baseline()
    desk.write_data(optimum=-3.0)
    campaign = desk.retune(seed=1)
    effects = {effect.cause: effect for effect in campaign.facts.ended.causes.effects}
    assert effects[Cause.DATA].finding is Finding.WORSE
    assert effects[Cause.BASELINE].finding is Finding.NOT_KNOWN
    assert "(the old data is not kept)" in campaign.facts.ended.causes.sentence


def test_a_campaign_killed_while_it_looks_for_causes_goes_on_and_repeats_nothing(desk):
    desk.write_data(sleep_s=0.2)
    desk.register()
    desk.baseline()
    desk.write_data(optimum=-3.0)
    command = [
        sys.executable,
        "-m",
        "retuned.daemon",
        "--state",
        desk.config.state,
        "retune",
        "toy",
        "--seed",
        "1",
    ]
    leader = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    legs = desk.config.state / "campaigns" / "2" / "old" / "legs"
    while leader.poll() is None and not list(legs.glob("*/exit.json")):
        time.sleep(0.005)
    os.kill(leader.pid, signal.SIGKILL)
    assert leader.wait() == -signal.SIGKILL
    ended = {path.parent.name for path in legs.glob("*/exit.json")}
    judged = campaigns_of(desk.store, 1)[-1]
    assert judged.phase == "causes"
    campaign = desk.retune(seed=1)
    assert campaign.verdict == judged.facts.judged
    assert campaign.facts.ended.causes.summary == "data worse, rusted"
    again = {path.name for path in legs.iterdir() if path.name.rpartition(".a")[0] + ".a1" in ended}
    assert again == ended

"""More pairs for a campaign that ended undecided: the same test continues, with the same guarantee."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.reopen import reopen
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.cli.cli import app
from retuned.daemon.clock import SystemClock
from retuned.daemon.reports.drift_record import drift_points
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.alert_raising import raise_alert
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.phase_records import Continued
from retuned.daemon.state.models.adoption import adopt_values
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.drift.fingerprints import CodeFingerprint
from retuned.strategies.errors import ConflictError, InputError
from retuned.strategies.records import LegEnd, Outcome
from retuned.strategies.verdict.contract import Contract
from retuned.strategies.verdict.notice import Notice
from retuned.strategies.verdict.runs import Pair, Run, SearchSummary
from retuned.strategies.verdict.verdict import judge
from retuned.strategies.verdict.verdict_records import Continue, Reason, TestPlan
from typer.testing import CliRunner

HOLDS = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
LOST = Run(LegEnd.LOST)
CLOCK = SystemClock()


def go_on(desk, pairs, campaign_id=None):
    return desk.run(reopen(desk.store, find_model(desk.store, "toy"), pairs, campaign_id))


def change_facts(desk, **facts):
    with desk.store.transaction():
        merged = {**find_campaign(desk.store, 2).facts.to_json(), **facts}
        desk.store.change("UPDATE campaigns SET facts = ? WHERE id = 2", (json.dumps(merged),))


def legs_of(desk):
    rows = desk.store.rows("SELECT name, ended_at FROM legs WHERE campaign_id = 2")
    return {row["name"]: row["ended_at"] for row in rows}


def test_more_pairs_settle_what_the_first_ones_could_not(undecided):
    before, legs = find_campaign(undecided.store, 2), legs_of(undecided)
    assert (before.verdict.outcome, before.verdict.reason) == (Outcome.INCONCLUSIVE, Reason.UNDECIDED)
    after = go_on(undecided, 4)
    assert (after.verdict.outcome, after.verdict.n_pairs) == (Outcome.STALE, 8)
    assert after.facts.searched.challenger == before.facts.searched.challenger == after.facts.ended.recommended
    assert after.facts.searched.test_plan == before.facts.searched.test_plan
    assert after.facts.continued == Continued((before.verdict,), more_pairs=4, pairs_allowed=8)
    assert {name: at for name, at in legs_of(undecided).items() if name in legs} == legs
    new = {name for name in legs_of(undecided).keys() - legs.keys() if name.startswith("confirm.")}
    assert new == {f"confirm.{side}{number:03d}" for side in "ic" for number in range(4, 8)}
    alerts = [(alert.campaign_id, alert.kind, alert.state) for alert in list_alerts(undecided.store)]
    assert alerts == [(2, "stale", "open"), (2, "inconclusive", "resolved")]


def test_a_continued_campaign_ends_with_the_numbers_of_one_that_never_stopped(undecided, undivided):
    assert go_on(undecided, 4).verdict == find_campaign(undivided.store, 2).verdict


def test_the_earlier_judgement_is_not_taken_for_the_one_of_all_pairs(undecided):
    change_facts(undecided, judged=find_campaign(undecided.store, 2).verdict.to_json())
    assert go_on(undecided, 4).verdict.n_pairs == 8


@pytest.mark.parametrize(
    ("too_small", "reason"),
    [("", Reason.SCORE_FELL), ("it tried 2 challengers of at least 7", Reason.SEARCH_TOO_SMALL)],
)
def test_more_pairs_do_not_make_a_search_that_was_too_small_fresh_or_degraded(undecided, too_small, reason):
    rules = find_campaign(undecided.store, 2).facts.searched.test_plan.to_json()
    change_facts(undecided, test_plan={**rules, "delta": 100.0}, too_small=too_small)  # no gain matters
    assert go_on(undecided, 4).verdict.reason is reason


def test_a_campaign_is_continued_again_from_where_it_ended(undecided):
    change_facts(
        undecided, test_plan={**find_campaign(undecided.store, 2).facts.searched.test_plan.to_json(), "alpha": 1e-9}
    )
    assert go_on(undecided, 2).verdict.n_pairs == 6
    again = go_on(undecided, 2, campaign_id=2)
    assert (again.verdict.n_pairs, again.facts.continued.more_pairs) == (8, 4)
    assert [verdict.n_pairs for verdict in again.facts.continued.earlier_verdicts] == [4, 6]


def test_a_spent_budget_does_not_keep_the_pairs_that_were_asked_for_from_running(undecided):
    with undecided.store.transaction():
        undecided.store.change(
            "UPDATE campaigns SET phase = 'cancelled', options = ? WHERE id = 2", (json.dumps({"budget_s": 0.001}),)
        )
    spent = undecided.retune(seed=1, budget_s=0.001)
    assert (spent.verdict.reason, spent.verdict.n_pairs) == (Reason.BUDGET_SPENT, 0)
    after = go_on(undecided, 8)
    assert (after.id, after.verdict.outcome) == (3, Outcome.STALE)
    assert 4 < after.verdict.n_pairs <= 8


class Killed(BaseException):
    """The end of a process."""


def test_a_continuation_that_is_killed_goes_on_without_running_a_pair_twice(undecided):
    model = find_model(undecided.store, "toy")
    reopened = reopen(undecided.store, model, 4)

    def kill():
        if "confirm.c004" in {row["name"] for row in ended(undecided)}:
            raise Killed

    with pytest.raises(Killed):
        run_campaign(undecided.store, 2, clock=CLOCK, config=undecided.config, environ=os.environ, watch=kill)
    kept = {row["name"]: row["ended_at"] for row in ended(undecided)}
    assert find_campaign(undecided.store, 2).is_open
    assert reopen(undecided.store, model, 4) == find_campaign(undecided.store, 2)
    after = undecided.run(reopened)
    assert (after.verdict.outcome, after.verdict.n_pairs, after.facts.continued.more_pairs) == (Outcome.STALE, 8, 4)
    assert {name: legs_of(undecided)[name] for name in kept} == kept


def ended(desk):
    return desk.store.rows("SELECT name, ended_at FROM legs WHERE campaign_id = 2 AND ended IS NOT NULL")


def test_a_retune_takes_an_interrupted_continuation_up(undecided):
    model = find_model(undecided.store, "toy")
    reopen(undecided.store, model, 4)
    assert open_or_queue(undecided.store, model, "retune", None, {}, CLOCK).id == 2


def test_a_cancelled_continuation_leaves_the_verdict_that_was_there(undecided):
    model = find_model(undecided.store, "toy")
    before = find_campaign(undecided.store, 2).verdict
    cancel_campaign(undecided.store, reopen(undecided.store, model, 4), CLOCK.now())
    campaign = find_campaign(undecided.store, 2)
    assert (campaign.phase, campaign.verdict, campaign.failure) == ("done", before, "cancelled by a person")
    assert [point.campaign_id for point in drift_points(undecided.store, model)] == [1, 2]
    assert go_on(undecided, 4).verdict.n_pairs == 8
    assert find_campaign(undecided.store, 2).failure is None


@pytest.mark.parametrize("pairs", [0, -2, 3, 258])
def test_a_number_of_pairs_that_cannot_be_is_refused(undecided, pairs):
    with pytest.raises(InputError, match="even number of pairs from 2 to 256"):
        go_on(undecided, pairs)


def test_more_pairs_than_allowed_in_all_are_refused(undecided):
    with pytest.raises(InputError, match="256 pairs in total"):
        go_on(undecided, 254)


REFUSED = [
    # the facts as they stand in the record, and what is said
    ({"challenger": None}, "no challenger"),
    ({"snapshot": "/nowhere/data.json"}, "its data is gone"),
    ({"code": CodeFingerprint((("train.py", "0" * 32),), None).to_json()}, "training code of toy changed"),
]


@pytest.mark.parametrize(("facts", "said"), REFUSED)
def test_what_would_not_be_the_same_test_is_refused_in_one_line(undecided, facts, said):
    change_facts(undecided, **facts)
    with pytest.raises(ConflictError, match=said) as refused:
        go_on(undecided, 8)
    assert "retuned retune toy" in str(refused.value)
    assert not find_campaign(undecided.store, 2).is_open


def test_a_snapshot_that_was_written_to_is_refused(undecided):
    other = undecided.folder / "other.json"
    other.write_text("{}")
    change_facts(undecided, snapshot=str(other))
    with pytest.raises(ConflictError, match="the data of campaign 2 has changed"):
        go_on(undecided, 8)


def test_a_decided_campaign_is_refused(undecided):
    go_on(undecided, 4)
    with pytest.raises(ConflictError, match=r"campaign 2 is STALE \(gain_confirmed\)"):
        go_on(undecided, 8)


def test_other_settings_in_force_are_refused(undecided):
    adopt_values(undecided.store, find_model(undecided.store, "toy"), {"lr": 0.02}, "edited", CLOCK.now())
    with pytest.raises(ConflictError, match="is about settings v1, v2 are current"):
        go_on(undecided, 8)


def test_a_changed_model_file_is_refused(undecided):
    undecided.register(
        search="max_pairs = 4\nchallengers = 4", objective='metric = "score"\ndirection = "maximize"\nfloor = -5'
    )
    with pytest.raises(ConflictError, match="model file of toy changed"):
        go_on(undecided, 8)


def test_an_open_re_evaluation_is_refused(undecided):
    open_or_queue(undecided.store, find_model(undecided.store, "toy"), "retune", None, {}, CLOCK)
    with pytest.raises(ConflictError, match="campaign 3 of toy is still open"):
        go_on(undecided, 8, campaign_id=2)


def test_a_campaign_of_another_number_is_not_found(undecided):
    with pytest.raises(InputError, match="no re-evaluation with number 1"):
        go_on(undecided, 8, campaign_id=1)


def test_a_continued_campaign_that_finds_the_same_has_the_same_alert_which_says_the_latest(undecided):
    model, config = find_model(undecided.store, "toy"), undecided.config.model_copy(deep=True)
    url = "http://127.0.0.1:9/hook"
    config = config.model_copy(update={"alerts": config.alerts.model_copy(update={"webhook": url})})
    first = find_campaign(undecided.store, 2)
    again = replace(first, facts=replace(first.facts, continued=Continued((first.verdict,), 8, 12)))
    for campaign, title in ((first, "one"), (again, "two")):
        with undecided.store.transaction():
            raise_alert(undecided.store, model, campaign, Notice(title, (), "alert", ()), {}, config, CLOCK.now())
    (alert,) = [alert for alert in list_alerts(undecided.store) if alert.kind == "failed"]
    assert (alert.title, alert.raised) == ("two", 2)
    assert len(alert.deliveries) == 1


def command(desk, *words):
    return CliRunner().invoke(app, ["--state", str(desk.config.state), "confirm", "toy", *words])


def test_the_command_continues_and_says_the_verdict(undecided):
    stale = command(undecided, "--more", "4", "--json")
    said = json.loads(stale.stdout)
    assert (stale.exit_code, said["verdict"]["outcome"], stale.stderr) == (10, "stale", "")
    assert (said["more_pairs"], said["earlier_verdicts"]) == (4, ["inconclusive"])
    assert isinstance(command(undecided).exception, ConflictError)


def test_a_continuation_that_fails_says_why_and_keeps_the_verdict(undecided):
    facts = find_campaign(undecided.store, 2).facts
    file = json.loads(undecided.store.row("SELECT body FROM model_versions")["body"])
    file["training"]["resources"] = {"memory": "900000GB"}
    with undecided.store.transaction():
        undecided.store.change("UPDATE model_versions SET body = ?", (json.dumps(file),))
    failed = command(undecided, "--more", "4")
    assert (failed.exit_code, "one training run needs more than there is" in failed.stdout) == (1, True)
    campaign = find_campaign(undecided.store, 2)
    assert (campaign.phase, campaign.verdict.outcome) == ("done", Outcome.INCONCLUSIVE)
    assert campaign.facts.searched == facts.searched


PLAN = TestPlan(alpha=0.0125, beta=0.1, d0=1.0, delta=1.0, n_max=32, floor=-9.0)


def scored_pairs(seed, shift, count, lost=()):
    draws = np.random.default_rng(seed).standard_normal(count) + shift
    runs = [Run(LegEnd.COMPLETED, float(draw)) for draw in draws]
    return [Pair(i, Run(LegEnd.COMPLETED, 0.0), LOST if i in lost else run) for i, run in enumerate(runs)]


@settings(max_examples=30, deadline=None)
@given(
    some.integers(0, 2**32),
    some.floats(-0.5, 2.0),
    some.integers(2, 16),
    some.integers(1, 32),
    some.sets(some.integers(0, 20), max_size=4),
)
def test_a_longer_test_gives_the_same_answers_at_the_looks_before(seed, shift, half, more, lost):
    pairs = scored_pairs(seed, shift, 2 * (half + more) + len(lost), lost)
    short = judge(replace(PLAN, n_max=2 * half), HOLDS, SearchSummary(), pairs)
    longer = replace(PLAN, n_max=2 * (half + more))
    long = judge(longer, HOLDS, SearchSummary(), pairs)
    first = judge(longer, HOLDS, SearchSummary(), [pair for pair in pairs if pair.index < 2 * half + len(lost)])
    is_open = short.reason is Reason.UNDECIDED
    assert long.n_pairs > short.n_pairs if is_open else long == short
    assert is_open or first == short


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 2**32), some.floats(-0.5, 2.0), some.integers(0, 20))
def test_a_test_that_its_budget_ended_between_two_looks_continues_as_if_it_had_not(seed, shift, count):
    pairs = scored_pairs(seed, shift, 40)
    spent = judge(replace(PLAN, n_max=40), HOLDS, SearchSummary(), pairs[:count], budget_spent=True)
    allowed = max(4, count + 8 + count % 2)
    on = judge(replace(PLAN, n_max=allowed), HOLDS, SearchSummary(), pairs[:count])
    assert spent.can_go_on == isinstance(on, Continue) or spent.n_pairs == count
    whole = judge(replace(PLAN, n_max=40), HOLDS, SearchSummary(), pairs)
    ended = judge(replace(PLAN, n_max=allowed), HOLDS, SearchSummary(), pairs[:allowed])
    assert ended == whole if whole.n_pairs <= allowed else ended.n_pairs == allowed

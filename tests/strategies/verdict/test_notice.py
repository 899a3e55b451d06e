"""The words of an alert: which model, how much is lost, what to use instead, how sure, what it cost, what to type."""

from dataclasses import replace

import pytest
from retuned.strategies.records import Outcome
from retuned.strategies.verdict.notice import Subject, counted_at_floor, render, render_changes, write_notice
from retuned.strategies.verdict.verdict_records import Reason, Verdict

SUBJECT = Subject(
    model="rides", owner="team", campaign_id=7, metric="skill", lower_is_better=False, settings_version=3,
    incumbent={"lr": 0.03, "batch": 64}, recommended={"lr": 0.004, "batch": 64}, compute_s=754.0, runs=35,
    changes=("the data changed (10 -> 20 lines)",),
)  # fmt: skip
STALE = Verdict(
    outcome=Outcome.STALE, reason=Reason.GAIN_CONFIRMED, sentence="It is stale.", covered="", is_covered=True,
    alpha=0.0125, beta=0.1, d0=1.0, delta=0.1, n_pairs=8, mean=0.5, sd=0.1, lower=0.4, upper=0.6, e_value=371.2,
    incumbent_mean=-0.1, challenger_mean=0.4, challenger_confirmed=True,
)  # fmt: skip


def test_a_stale_alert_says_what_is_lost_what_to_use_how_sure_what_it_cost_and_what_to_type():
    notice = write_notice(SUBJECT, STALE)
    assert notice.severity == "alert"
    assert notice.title == "rides: the stored hyperparameters are stale"
    assert (
        "Keeping these settings makes skill worse by at least 0.4, 0.5 on average (-0.1 now, 0.4 with the new values)"
        in notice.text
    )
    assert "higher is better" in notice.text
    assert "8 pairs of fresh training runs" in notice.text
    assert "evidence 371:1; the bar is 80:1" in notice.text
    assert "1.25" in notice.text
    assert "Change: lr 0.03 -> 0.004." in notice.text
    assert "Use: lr = 0.004, batch = 64." in notice.text
    assert "the data changed (10 -> 20 lines)" in notice.text
    assert "35 training runs, 12.6 min of compute" in notice.text
    assert "holds for the training rows that the model has now" in notice.text
    assert notice.commands[0] == "retuned adopt rides"


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, ()),  # every run counts as measured
        ({"floor": -1.0}, ()),
        (
            {"floor": -1.0, "incumbent_failed": 3, "challenger_failed": 1},
            (
                "4 runs failed (3 with the stored settings, 1 with the challenger's); "
                "in a pair each counts as skill -1.",
            ),
        ),
        ({"floor": -1.0, "cut": 1}, ("1 run scored worse than the declared floor; each counts as skill -1.",)),
    ],
)
def test_what_failed_or_was_cut_is_said_with_how_many_and_as_what_it_counts(changes, sentences):
    verdict = replace(STALE, **changes)
    assert counted_at_floor(verdict, 1.0, "skill") == sentences
    assert all(sentence in write_notice(SUBJECT, verdict).text for sentence in sentences)


def test_a_recommended_value_at_an_end_of_its_range_is_told():
    notice = write_notice(replace(SUBJECT, at_an_end="At an end of its range lies lr."), STALE)
    assert "Use: lr = 0.004, batch = 64.\nAt an end of its range lies lr.\n" in notice.text


def test_overwhelming_evidence_is_critical_in_title_and_text():
    critical = write_notice(SUBJECT, replace(STALE, e_value=800.0))
    assert critical.title == "Critical: rides: the stored hyperparameters are stale"
    assert "Critical: the evidence is at least ten times the bar." in critical.text
    assert "ritical" not in write_notice(SUBJECT, replace(STALE, e_value=799.0)).text


def test_a_loss_is_reported_in_the_direction_of_its_metric():
    notice = write_notice(replace(SUBJECT, metric="loss", lower_is_better=True), STALE)
    assert (
        "Keeping these settings makes loss worse by at least 0.4, 0.5 on average (0.1 now, -0.4 with the new values)"
        in notice.text
    )
    assert "lower is better" in notice.text


def test_a_broken_alert_with_confirmed_values_recommends_them():
    broken = replace(STALE, outcome=Outcome.BROKEN, reason=Reason.FAILS_MORE_OFTEN, divergence_e=812.0)
    notice = write_notice(SUBJECT, broken)
    assert notice.severity == "alert"
    assert "diverges or crashes more often" in notice.text
    assert "evidence 812:1; the bar is 80:1" in notice.text
    assert "Change: lr 0.03 -> 0.004." in notice.text
    assert "retuned adopt rides" in notice.commands


def test_a_broken_alert_without_confirmed_values_recommends_nothing():
    broken = replace(STALE, outcome=Outcome.BROKEN, mean=None, lower=None, challenger_confirmed=False)
    notice = write_notice(replace(SUBJECT, recommended=None), broken)
    assert "No other settings were confirmed" in notice.text
    assert "retuned adopt rides" not in notice.text


def test_degraded_goes_into_the_digest_and_recommends_nothing():
    notice = write_notice(replace(SUBJECT, recommended=None), replace(STALE, outcome=Outcome.DEGRADED))
    assert notice.severity == "digest"
    assert "retuned adopt" not in notice.text
    assert "Use: " not in notice.text


@pytest.mark.parametrize("outcome", [Outcome.FRESH, Outcome.INCONCLUSIVE])
def test_fresh_and_inconclusive_send_no_alert(outcome):
    assert write_notice(SUBJECT, replace(STALE, outcome=outcome)) is None


def test_a_glitch_in_the_data_is_an_alert_that_names_it_and_recommends_nothing():
    suspicions = ("column temp, line 1,204: 9e9 (usual range -12 to 41)",)
    doubted = replace(STALE, outcome=Outcome.INCONCLUSIVE, reason=Reason.LOOK_AT_DATA, suspicions=suspicions)
    notice = write_notice(replace(SUBJECT, recommended=None), doubted)
    assert (notice.severity, notice.title) == ("alert", "rides: look at your data")
    assert f"Look at your data: {suspicions[0]}." in notice.sentences
    assert "retuned adopt" not in notice.text
    assert "Use: " not in notice.text


VALUES = [
    (0.000123456, "0.0001235"),  # four significant digits
    (1.0, "1"),
    (64, "64"),
    (True, "true"),
    ("adamw", "adamw"),
    (((0.0, 0.1), (500.0, 0.01)), "[0: 0.1, 500: 0.01]"),
]


@pytest.mark.parametrize(("value", "text"), VALUES)
def test_a_value_is_rendered_as_people_read_it(value, text):
    assert render(value) == text


CHANGES = [
    ({"lr": 0.1, "batch": 64}, {"lr": 0.2, "batch": 64}, "lr 0.1 -> 0.2"),  # what stays is left out
    ({"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adamw"}, "optimizer sgd -> adamw, momentum 0.9 -> (unused)"),
    ({"optimizer": "adamw"}, {"optimizer": "sgd", "momentum": 0.5}, "optimizer adamw -> sgd, momentum (unused) -> 0.5"),
    ({"lr": 0.044}, {"lr": 0.0007604}, "lr 0.044 -> 0.00076"),  # a found value is not more precise than the stored one
    ({"lr": 0.03}, {"lr": 0.004162}, "lr 0.03 -> 0.0042"),  # nor is it rounded to one digit
    ({"lr": 0.0007604}, {"lr": 0.0312345}, "lr 0.0007604 -> 0.03123"),
    ({"lr": 0.5}, {"lr": 0.5012}, "lr 0.5 -> 0.501"),  # as many digits as it takes to see the difference
    ({"lr": 0.5}, {"lr": 0.500001}, "lr 0.5 -> 0.5"),
]


@pytest.mark.parametrize(("incumbent", "recommended", "text"), CHANGES)
def test_changes_name_what_differs(incumbent, recommended, text):
    assert render_changes(incumbent, recommended) == text


def test_scores_that_fell_without_a_decision_go_into_the_digest():
    undecided = replace(STALE, outcome=Outcome.INCONCLUSIVE, has_fallen=True, sentence="No decision. It fell by 0.3.")
    notice = write_notice(replace(SUBJECT, recommended=None), undecided)
    assert (notice.severity, notice.title) == (
        "digest",
        "rides: scores fell, and nothing could be decided about the hyperparameters",
    )
    assert "fell by 0.3" in notice.text


def test_the_owner_of_good_settings_is_told_of_values_that_look_like_glitches():
    suspicions = ("column temp, line 1,204: 9e9 (usual range -12 to 41)",)
    fresh = replace(STALE, outcome=Outcome.FRESH, reason=Reason.NO_MATERIAL_GAIN, challenger_confirmed=False)
    assert write_notice(SUBJECT, fresh) is None
    notice = write_notice(SUBJECT, replace(fresh, suspicions=suspicions))
    assert notice.severity == "digest"
    assert notice.title == "rides: the stored hyperparameters are still good, but look at your data"
    assert f"Look at your data: {suspicions[0]}." in notice.sentences
    assert "accept_outliers = true" in notice.text


def test_a_search_that_was_too_small_goes_into_the_digest_with_what_it_takes():
    sentence = "No decision. The search was too small. It tried 2 challengers of at least 7; give it 4m."
    small = replace(STALE, outcome=Outcome.INCONCLUSIVE, reason=Reason.SEARCH_TOO_SMALL, sentence=sentence)
    notice = write_notice(SUBJECT, small)
    assert (notice.severity, notice.title) == ("digest", "rides: the re-evaluation was too small to decide anything")
    assert sentence in notice.text
    assert notice.commands == ("retuned plan rides", "retuned retune rides")
    fallen = write_notice(SUBJECT, replace(small, has_fallen=True))
    assert "scores fell" in fallen.title
    assert sentence in fallen.text

"""What a search is told of earlier campaigns."""

from retuned.daemon.campaign.warm_start import earlier_scores, warm_start
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.strategies.search.observations import Source

CHANGED_GOAL = 'metric = "loss"\ndirection = "minimize"'


def file_of(desk, **changes):
    return load_model_file(desk.write_model(**changes))


def test_the_last_campaign_gives_its_scores_at_the_full_budget(judged_copy):
    (seen,) = earlier_scores(judged_copy.store, find_campaign(judged_copy.store, 3), file_of(judged_copy))
    searched = [one for one in results_of(judged_copy.store, 2) if one.request.purpose == "search"]
    assert sorted(score for _, score in seen.scores) == sorted(one.score for one in searched)
    assert seen.source is Source.EARLIER


def test_the_first_re_evaluation_knows_of_nothing(judged_copy):
    first = find_campaign(judged_copy.store, 2)
    assert earlier_scores(judged_copy.store, first, file_of(judged_copy)) == ()
    assert warm_start(judged_copy.store, first, file_of(judged_copy).space()) == ()


def test_scores_of_another_metric_say_nothing(judged_copy):
    changed = file_of(judged_copy, objective=CHANGED_GOAL)
    assert earlier_scores(judged_copy.store, find_campaign(judged_copy.store, 3), changed) == ()


def test_configurations_outside_of_a_narrowed_space_are_left_out(judged_copy):
    rule = 'type = "float"\nlow = 1e-3\nhigh = 1e-2\nlog = true\nvalue = 0.005'
    narrow = file_of(judged_copy, **{"hyperparameters.lr": rule})
    (seen,) = earlier_scores(judged_copy.store, find_campaign(judged_copy.store, 3), narrow)
    assert seen.scores
    assert all(1e-3 <= configuration["lr"] <= 1e-2 for configuration, _ in seen.scores)
    top = warm_start(judged_copy.store, find_campaign(judged_copy.store, 3), narrow.space())
    assert all(1e-3 <= configuration["lr"] <= 1e-2 for configuration in top)


def test_the_best_of_the_last_campaign_are_tried_again_first(judged_copy):
    judged_copy.retune(seed=5)
    last = campaigns_of(judged_copy.store, 1, "retune")[-1]
    tried = {one.request.trial: one.request.configuration for one in results_of(judged_copy.store, last.id)}
    top = find_campaign(judged_copy.store, 3).facts.searched.top
    assert tried["search.001"] in [dict(configuration) for configuration in top]

"""Panda on a simulated training, whose loss follows the rate summed over the steps."""

from dataclasses import dataclass, replace

import pytest
from retuned.strategies.errors import InputError
from retuned.strategies.hyperparameter import Hyperparameter, Kind
from retuned.strategies.panda.diary import Nudge, Nudging, Wish, WishKind
from retuned.strategies.panda.moved import moved_by_panda
from retuned.strategies.panda.panda import decide
from retuned.strategies.panda.rate_probes import next_exponents
from retuned.strategies.panda.task import PandaRules, PandaTask
from retuned.strategies.panda.value_path import Path
from retuned.strategies.records import BudgetUnit, LegEnd, LegResult
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.space import Space

RATE = Hyperparameter("lr", Kind.FLOAT, 1e-6, 100.0, log=True)
MOMENTUM = Hyperparameter("momentum", Kind.FLOAT, 0.0, 0.99)
SPACE = Space.of([RATE, MOMENTUM])
BUDGET = 1000.0


@dataclass(frozen=True)
class World:
    """Where the simulated training is best (rate summed over steps), from which rate on it dies, and what goes wrong.

    `spikes`: the steps of bad batches, each met once unless `is_stubborn`; `crashes`: the leg end of a failing rate.
    """

    best_at: float = 8.0
    dies_from: float = 0.5
    memorises: bool = True
    spikes: tuple[float, ...] = ()
    is_stubborn: bool = False
    failure: LegEnd = LegEnd.DIVERGED

    def score(self, came):
        """Higher is better: falls from 1 to 0 loss at `best_at`, and rises again where it memorises."""
        short = max(0.0, 1.0 - came / self.best_at)
        return -(short**2) - (0.3 * max(0.0, came / self.best_at - 1.2) if self.memorises else 0.0)


class Life:
    """Carries legs out in a world; what came before is the parent's."""

    def __init__(self, world):
        self.world, self.came, self.history, self.met = world, {}, [], set()

    def run(self, leg):
        schedule = leg.configuration["lr"]
        path = Path((("lr", schedule if isinstance(schedule, tuple) else ((0.0, schedule),)),))
        came = self.came.get(leg.parent, 0.0) + path.summed("lr", leg.to_step) - path.summed("lr", leg.from_step)
        self.came[leg.name] = came
        self.history.append(self.result(leg, path, came))

    def result(self, leg, path, came):
        world = self.world
        if path.at("lr", leg.from_step) >= world.dies_from:
            return LegResult(leg, world.failure, None, "loss is nan", metrics={"guard_step": leg.from_step + 1.0})
        spike = next((at for at in world.spikes if leg.from_step <= at < leg.to_step and at not in self.met), None)
        if spike is not None and leg.trial != "search.000":
            self.met |= set() if world.is_stubborn else {spike}
            self.came[leg.name] = self.came.get(leg.parent, 0.0)
            found = {
                "guard_step": spike,
                "guard_sigma": 20.0,
                "guard_healthy_step": leg.from_step,
                "guard_batches": 5.0,
            }
            return LegResult(
                leg, LegEnd.DIVERGED, None, f"loss spiked 20 robust sigma at step {spike:g}", metrics=found
            )
        start = ((0.0, world.score(0.0)),) if leg.from_step == 0.0 else ()
        score = world.score(came)
        return LegResult(
            leg, LegEnd.COMPLETED, score, metrics={"guard_loss": 1.0 / (1.0 + came)},
            curve=(*start, (leg.to_step, score)), seconds=(leg.to_step - leg.from_step) / 10,
        )  # fmt: skip


def task_of(lr=0.01, lives=1, **rules):
    search = SearchTask(SPACE, {"lr": lr, "momentum": 0.9}, (), 7, BUDGET, BudgetUnit.STEPS, True)
    return PandaTask(PandaRules(search, (RATE, MOMENTUM), **{"day": 50.0, **rules}), lives)


def train_life(task, world=World(), kind=Life, most_days=200):
    """The finished search, its diary and its legs."""
    life = kind(world)
    for _ in range(most_days):
        answer, diary = decide(task, tuple(life.history))
        if isinstance(answer, Finished):
            return answer, diary, life
        ended = {result.request.name for result in life.history}
        for leg in answer.legs:
            if leg.name not in ended:
                life.run(leg)
    raise AssertionError("it never ended")


def spent(life):
    results = [result for result in life.history if result.request.trial != "search.000"]
    return sum(
        result.metrics.get("guard_step", result.request.to_step) - result.request.from_step for result in results
    )


def days_of(life):
    return [result.request for result in life.history if not result.request.name.endswith(".d0000")][1:]


@pytest.mark.parametrize("start", [1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0])
def test_whatever_rate_it_is_given_it_comes_near_the_best_loss_within_the_budget(start):
    found, _, life = train_life(task_of(start))
    assert found.winner_score > -0.03
    assert spent(life) <= BUDGET


def test_where_every_probe_dies_it_walks_down_until_one_lives():
    found, diary, _ = train_life(task_of(100.0), World(dies_from=0.05))
    assert not found.failed
    assert max(point[1] for point in found.winner["lr"]) < 0.05
    assert "probes from lr" in diary.nudges[0].text


def test_a_training_that_dies_at_every_rate_fails_after_ten_probes():
    found, diary, life = train_life(task_of(10.0), World(dies_from=0.0))
    assert (found.failed, found.nothing_better) == (True, False)
    assert "10 probes from lr 1e-06 to 31.6 all died" in found.reason
    assert len(life.history) == 11
    assert diary.day_ends == ()


def test_when_it_memorises_a_second_panda_begins_at_the_initialisation_with_a_lower_rate():
    _, diary, life = train_life(task_of(0.2), World(best_at=8.0))
    texts = [nudge.text for nudge in diary.nudges]
    assert any("memorises since" in text and "a second panda from the beginning" in text for text in texts)
    second = next(leg for leg in days_of(life) if leg.from_step == 0.0)
    assert second.parent is None
    assert second.configuration["lr"] < 0.1


def test_a_second_panda_comes_as_far_as_the_incumbent_where_that_did_better():
    _, diary, life = train_life(task_of(0.008), World(best_at=8.0))
    nudge = next(nudge for nudge in diary.nudges if "a second panda" in nudge.text)
    assert nudge.text.endswith(", to come as far as the incumbent")
    second = next(leg for leg in days_of(life) if leg.from_step == 0.0)
    left = BUDGET - sum(
        result.metrics.get("guard_step", result.request.to_step) - result.request.from_step
        for result in life.history
        if result.request.trial not in ("search.000", second.trial)
    )
    assert second.configuration["lr"] * 0.85 * left == pytest.approx(8.0, rel=1e-3)


class Hot(Life):
    """Learns at any rate up to a step; from there on both losses rise at rates above 0.05."""

    turns = 0.0

    def result(self, leg, path, came):
        learnt = super().result(leg, path, came)
        rate = path.at("lr", leg.from_step)
        if learnt.score is None or rate < 0.05 or leg.to_step <= self.turns:
            return learnt
        lost = (leg.to_step - self.turns) / 200.0
        score = self.world.score(rate * self.turns) - lost
        return replace(learnt, score=score, metrics={"guard_loss": 1.0 + lost}, curve=((leg.to_step, score),))


@pytest.mark.parametrize(
    ("turns", "told", "starts_again"),
    [
        (100.0, "both losses rise: a second panda from the beginning, lr 0.3162 -> ", True),
        (600.0, "both losses rise: back to 570, lr 0.3162 -> 0.09999", False),
    ],
)
def test_where_both_losses_rise_early_a_second_panda_begins_and_late_the_rate_falls(turns, told, starts_again):
    hot = type("Turning", (Hot,), {"turns": turns})
    _, diary, life = train_life(task_of(0.1), World(best_at=400.0, memorises=False), hot)
    nudge = next(nudge for nudge in diary.nudges if "both losses rise" in nudge.text)
    assert nudge.text.startswith(told)
    after = next(leg for leg in days_of(life) if leg.name.endswith(f"d{nudge.day + 1:04d}"))
    assert (after.from_step == 0.0) is starts_again
    assert Path((("lr", _points(after.configuration["lr"])),)).at("lr", after.from_step) <= 0.1001


def _points(value):
    return value if isinstance(value, tuple) else ((0.0, value),)


def test_a_training_that_only_learns_keeps_its_rate_until_the_last_third_decays_to_zero():
    found, diary, _ = train_life(task_of(0.01), World(best_at=400.0, memorises=False))
    assert [nudge.text.split(" over")[0] for nudge in diary.nudges[1:]] == ["lr decays to zero"]
    rates = [value for _, value in found.winner["lr"]]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) > 20
    assert rates[-1] == 0.0


def test_a_first_spike_leaves_the_batches_out_and_keeps_the_rate():
    _, diary, life = train_life(task_of(), World(best_at=400.0, memorises=False, spikes=(412.0,)))
    text = next(nudge.text for nudge in diary.nudges if "spiked" in nudge.text)
    assert "loss spiked 20 robust sigma at step 412, 10 batches skipped: back to" in text
    assert "->" not in text
    assert [leg.skip_batches for leg in days_of(life) if leg.skip_batches] == [10]


def test_a_spike_that_repeats_lowers_the_rate():
    world = World(best_at=400.0, memorises=False, spikes=(412.0, 440.0))
    _, diary, _ = train_life(task_of(), world)
    texts = [nudge.text for nudge in diary.nudges if "spiked" in nudge.text]
    assert "->" not in texts[0]
    assert "lr" in texts[1]
    assert "->" in texts[1]


def test_spikes_without_end_are_given_up_with_the_best_end_of_a_day_kept():
    world = World(best_at=400.0, memorises=False, spikes=(412.0,), is_stubborn=True)
    found, diary, life = train_life(task_of(), world)
    assert "given up after 8 rescues" in diary.nudges[-1].text
    assert found.winner_score is not None
    assert spent(life) <= BUDGET


def test_a_training_that_tells_no_healthy_step_goes_back_to_the_start_of_the_day_with_a_lower_rate():
    class Command(Life):
        def result(self, leg, path, came):
            if leg.to_step > 500.0 and path.at("lr", leg.from_step) > 0.05 and leg.trial != "search.000":
                return LegResult(leg, LegEnd.DIVERGED, None, "score is not finite in its last report")
            return super().result(leg, path, came)

    _, diary, life = train_life(task_of(), World(best_at=400.0, memorises=False), Command)
    text = next(nudge.text for nudge in diary.nudges if "not finite" in nudge.text)
    assert "->" in text
    assert not any(result.request.skip_batches for result in life.history)


def test_the_answer_depends_on_what_ended_alone_not_on_its_order():
    task = task_of(0.2)
    _, _, life = train_life(task, World(spikes=(300.0,)))
    history = life.history
    assert [decide(task, history[:count]) for count in range(len(history))] == [
        decide(task, tuple(reversed(history[:count]))) for count in range(len(history))
    ]
    assert all(
        history[count].request in decide(task, history[:count])[0].legs for count in range(4, len(history))
    )  # fmt: skip


def test_the_challenger_is_the_path_to_the_best_end_of_a_day_and_learns_nothing_after_it():
    found, diary, _ = train_life(task_of(0.2))
    best = max((day_end for day_end in diary.day_ends), key=lambda day_end: day_end.score)
    assert found.winner_score == best.score
    assert found.winner["lr"][0][0] == 0.0
    assert found.winner["lr"][-1] == (best.step, 0.0)
    assert SPACE.validate(found.winner) == found.winner


def test_a_panda_no_better_than_the_incumbent_says_so():
    class Charmed(Life):
        def result(self, leg, path, came):
            found = super().result(leg, path, came)
            return replace(found, score=1.0) if leg.trial == "search.000" else found

    answer, _, _ = train_life(task_of(), kind=Charmed)
    assert answer.nothing_better
    assert answer.too_small == ""
    assert "no better than the incumbent's 1" in answer.reason


def test_a_life_that_was_cut_short_is_too_small_a_search_unless_another_life_ended():
    class CutShort(Life):
        def result(self, leg, path, came):
            if "search.000" < leg.trial < "search.100" and leg.from_step >= 200.0:
                return LegResult(leg, LegEnd.TIMED_OUT, None, "still running after 2 min")
            return super().result(leg, path, came)

    alone, _, _ = train_life(task_of(), kind=CutShort)
    assert "no life of it trained to its end, the longest " in alone.too_small
    assert "timed out" in alone.too_small
    two, _, _ = train_life(task_of(lives=2), kind=CutShort)
    assert two.too_small == ""


def test_an_incumbent_that_diverges_leaves_the_panda_as_challenger():
    found, _, _ = train_life(task_of(10.0))
    assert (found.incumbent_score, found.nothing_better, found.failed) == (None, False, False)
    assert "the incumbent did not complete (diverged)" in found.reason


def test_a_second_life_has_a_seed_of_its_own_and_starts_from_what_the_first_learnt():
    _, diary, life = train_life(task_of(1e-4, lives=2), World(best_at=400.0, memorises=False))
    second = [result.request for result in life.history if result.request.trial.startswith("search.1")]
    first = [result.request for result in life.history if result.request.trial.startswith("search.0")][1:]
    assert {leg.seed for leg in second}.isdisjoint({leg.seed for leg in first})
    assert {leg.split_seed for leg in second} == {leg.split_seed for leg in first}
    assert second[0].configuration["lr"] > 0.05
    assert len([leg for leg in second if leg.name.endswith("d0000")]) < len(
        [x for x in first if x.name.endswith("d0000")]
    )
    assert diary.days == max(day_end.day for day_end in diary.day_ends)


def test_a_day_of_the_clock_is_as_long_as_the_measured_speed_says():
    _, _, life = train_life(task_of(day=None, day_s=4.0), World(best_at=400.0, memorises=False))
    lengths = {leg.to_step - leg.from_step for leg in days_of(life)[:5]}
    assert lengths == {40.0}  # ten steps a second


def test_in_daily_mode_a_move_that_brings_nothing_is_taken_back():
    rules = {"nudging": Nudging.DAILY}
    _, diary, life = train_life(task_of(0.01, **rules), World(best_at=40.0))
    texts = [nudge.text for nudge in diary.nudges]
    assert any("tries lr" in text for text in texts)
    assert any("better than at the start of the day: kept" in text for text in texts)
    assert any("taken back" in text for text in texts)
    assert spent(life) <= BUDGET


WISHES = [
    (Wish(WishKind.SET, 3, {"lr": 0.02, "momentum": 0.5}, by="by hand"), "-> 0.02"),
    (Wish(WishKind.BACK, 5, to_day=2, by="by hand"), "back to the end of day 2"),
    (Wish(WishKind.HOLD, 4, by="by hand"), "holds its values"),
]


@pytest.mark.parametrize(("wish", "told"), WISHES)
def test_a_wish_counts_from_its_day_on_and_is_written_down(wish, told):
    task = task_of(wishes=(wish,))
    _, diary, life = train_life(task, World(best_at=400.0, memorises=False))
    nudge = next(nudge for nudge in diary.nudges if nudge.by == "by hand")
    assert nudge.day == wish.day
    assert told in nudge.text
    assert nudge.sentence.endswith("(by hand)")
    alone = train_life(task_of(), World(best_at=400.0, memorises=False))[2]
    assert days_of(life)[: wish.day - 1] == days_of(alone)[: wish.day - 1]


def test_values_that_a_person_sets_are_those_of_the_leg():
    wish = Wish(WishKind.SET, 3, {"lr": 0.02, "momentum": 0.5})
    _, _, life = train_life(task_of(wishes=(wish,)), World(best_at=400.0, memorises=False))
    leg = next(leg for leg in days_of(life) if leg.name.endswith("d0003"))
    assert leg.configuration["lr"][-1] == (leg.from_step, 0.02)
    assert leg.configuration["momentum"][-1] == (leg.from_step, 0.5)


def test_a_held_panda_does_not_decay_until_it_is_released():
    hold, release = Wish(WishKind.HOLD, 2), Wish(WishKind.RELEASE, 15)
    held = train_life(task_of(wishes=(hold,)), World(best_at=400.0, memorises=False))[0]
    freed = train_life(task_of(wishes=(hold, release)), World(best_at=400.0, memorises=False))[0]
    assert held.winner["lr"] == ((0.0, 0.3162), (held.winner["lr"][-1][0], 0.0))
    assert len(freed.winner["lr"]) > 5


def test_a_model_without_a_rate_to_move_is_told():
    space = Space.of([Hyperparameter("depth", Kind.INT, 1, 9), Hyperparameter("lr", Kind.FLOAT)])
    with pytest.raises(InputError, match="no learning rate to move"):
        moved_by_panda(space, {"depth": 3, "lr": 0.1})
    assert moved_by_panda(SPACE, {"lr": 0.1, "momentum": 0.9}) == (RATE, MOMENTUM)


BRACKETS = [
    ({}, 10, (0, 1, -1)),  # where it is told to start, and both sides
    ({0: 1.0, 1: 2.0, -1: 0.0}, 10, (2,)),  # the best is at an edge: outwards
    ({0: 2.0, 1: 1.0, -1: 1.0}, 10, ()),  # the best has both neighbours
    ({0: None, 1: None, -1: None}, 10, (-3,)),  # all died: down, two steps at once
    ({0: None, 1: None, -1: None, -3: 1.0}, 10, (-2, -4)),  # what was jumped over is looked at
    ({0: 1.0, 1: 2.0, -1: 0.0}, 3, ()),  # no more than allowed
]


@pytest.mark.parametrize(("scores", "most", "wanted"), BRACKETS)
def test_probes_walk_to_the_best_rate(scores, most, wanted):
    assert next_exponents(scores, most) == wanted


def test_probes_stay_within_the_range():
    assert next_exponents({}, 10, lambda exponent: exponent <= 0) == (0, -1)


def test_a_path_is_cut_changed_and_summed():
    path = Path.of({"lr": 0.1}).with_value("lr", 100.0, 0.01)
    assert path.at("lr", 99.0) == 0.1
    assert path.summed("lr", 200.0) == pytest.approx(11.0)
    assert path.cut(50.0).schedule("lr") == ((0.0, 0.1),)
    decayed = path.with_decay("lr", 100.0, 200.0, BudgetUnit.STEPS).schedule("lr")
    assert len(decayed) == 25
    assert Path((("lr", decayed),)).summed("lr", 200.0) == pytest.approx(10.0 + 0.5, rel=1e-3)


def test_a_nudge_is_a_line():
    assert Nudge(6, 3900.0, "lr 0.08 -> 0.03").sentence == "day 6: lr 0.08 -> 0.03"

"""One panda's life, replayed from the legs that ended: what it is asked to do next, or what became of it."""

import math
from collections.abc import Mapping
from dataclasses import replace

from ..legs.names import search_trial
from ..records import LegEnd, LegRequest, LegResult
from ..search.task import Propose
from .diagnosis import Sign, best_of, lower_rate, sign_of, small_move
from .diary import PANDA, Evening, Nudge, Nudging, Wish, WishKind, shift, step_text
from .rate_probes import STEP, Probed, probe
from .states import (
    INCUMBENT_LEG,
    RING,
    TAIL_SHARE,
    Grown,
    Morning,
    Stretch,
    cost_of,
    leg_of,
    morning_after,
    within_bounds,
)
from .task import PandaRules
from .value_path import Path, whole

MOST_TROUBLES = 8  # spikes and divergences that one life is brought back from
NEAR_DAYS = 2.0  # a trouble so soon after another is laid to the rate, not to the batches
AT_ONCE_DAYS = 0.125
EARLY = 0.5  # of the steps left: a best evening no later than that is given up for a second panda


def grow(
    rules: PandaRules, number: int, seed: int, start: Mapping[str, float], results: Mapping[str, LegResult], day: int
) -> tuple[Grown, Propose | None]:
    """The life so far and the legs it waits for; None when it is over.

    `number` tells lives of a campaign apart, `start` are the values it begins with, `day` the last of the life before.
    """
    probed = probe(rules, seed, start, results, 100 * number)
    if isinstance(probed, Propose):
        return Grown(day=day), probed
    life = _Life(rules, seed, results, probed, Grown(spent=probed.spent, day=day), 100 * number)
    life.begin(start[rules.rate.name])
    waits = None
    while waits is None and life.goes_on:
        waits = life.live_a_day()
    life.grown.ring = life.ring
    return life.grown, waits


class _Life:
    """The fold over a life's legs. Nothing outlives a call of `grow`."""

    def __init__(
        self, rules: PandaRules, seed: int, results: Mapping[str, LegResult], probed: Probed, grown: Grown, trials: int
    ) -> None:
        self.rules, self.seed, self.results, self.probed, self.grown = rules, seed, results, probed, grown
        self.rate, self.budget = rules.rate.name, rules.search.budget
        self.second_trial = search_trial(trials + len(probed.tried) + 1)
        self.here = Morning(None, self.second_trial, 0, 0.0, Path(()))
        self.mornings: list[Morning] = []  # of the present training, in order
        self.archive: list[Morning] = []  # of all
        self.troubles: list[float] = []  # steps of the present training
        self.skip = 0
        self.decays = self.is_held = self.is_over = False
        self.move: Morning | None = None  # in daily mode: the morning before today's nudge
        self.moves_made = 0

    @property
    def left(self) -> float:
        """What is left of the budget."""
        return self.budget - self.grown.spent

    @property
    def ring(self) -> tuple[str, ...]:
        """The legs that it may go back to: the last evenings, the best of all, the probes, and where it stands."""
        kept = [*self.archive[-RING:], *self.probed.living.values(), *self.mornings[-1:], self.here]
        kept += [self.grown.best] if self.grown.best is not None else []
        kept += [best_of(self.mornings)] if any(one.score is not None for one in self.mornings) else []
        return tuple(dict.fromkeys(one.leg for one in kept if one.leg is not None))

    @property
    def goes_on(self) -> bool:
        """Whether another day can be lived."""
        return not self.is_over and self.left >= self.rules.least

    def begin(self, given: float) -> None:
        """Go on from the chosen probe."""
        probed = self.probed
        tried = f"{len(probed.tried)} probes from {self.rate} {probed.tried[0]:.3g} to {probed.tried[-1]:.3g}"
        if probed.chosen is None:
            self._log(self.grown.day, 0.0, f"{tried} all died")
            self.is_over = True
            return
        chosen = probed.living[probed.chosen]
        self._wake(chosen)
        self._log(self.grown.day, chosen.step, f"{tried}: {shift(self.rate, given, chosen.path.at(self.rate, 0.0))}")

    def live_a_day(self) -> Propose | None:
        """One day: what the morning moves, the leg, and what the evening says."""
        day = self.grown.day + 1
        for wish in self.rules.wishes:
            if wish.day == day:
                self._grant(day, wish)
        self._plan(day)
        here, length = self.here, self.rules.day_length(tuple(self.results.values()))
        end = whole(here.step + min(length, self.left), self.rules.search.unit)
        end = min(max(end, here.step + self.rules.least), here.step + self.left)
        stretch = Stretch(here.leg, here.step, end, self.skip)
        leg = leg_of(self.rules, self.seed, here.trial, day, stretch, here.path)
        result = self.results.get(leg.name)
        if result is None:
            return Propose((leg,))
        self.grown.day, self.skip = day, 0
        self.grown.spent += cost_of(leg, result)
        if result.end is LegEnd.COMPLETED and result.score is not None:
            self.grown.evenings.append(Evening(day, leg.trial, end, result.score, self._last_rate(end)))
            self._wake(morning_after(leg, result, day, here.path))
            self._judge(day)
        elif result.end in (LegEnd.DIVERGED, LegEnd.CRASHED, LegEnd.SIGNALLED):
            self._recover(day, leg, result)
        else:
            self._log(day, here.step, f"the training ended ({result.end.replace('_', ' ')}): {result.detail}")
            self.is_over = True
        return None

    def _last_rate(self, end: float) -> float:
        return self.here.path.at(self.rate, end - self.rules.least / 2.0)

    def _wake(self, morning: Morning) -> None:
        """A state with a score to go on from, remembered."""
        self.here = morning
        self.mornings.append(morning)
        self.archive.append(morning)
        self.grown.best = best_of(self.archive)

    def _go_back(self, to: Morning, path: Path) -> None:
        """Go on from an earlier state with other values."""
        self.mornings = [one for one in self.mornings if one.day < to.day and one.trial == to.trial]
        self.mornings += [to] if to.score is not None else []
        self.here = replace(to, path=path)

    def _decay(self) -> None:
        """Let the rate decay to zero over all that is left."""
        here = self.here
        path = here.path.cut(here.step).with_decay(self.rate, here.step, here.step + self.left, self.rules.search.unit)
        self.here, self.decays = replace(here, path=path), True

    def _plan(self, day: int) -> None:
        """Begin the decay when its time has come; in daily mode, a small move."""
        if self.decays or self.is_held:
            return
        if self.left <= TAIL_SHARE * self.budget + 1e-9:
            self._log(day, self.here.step, f"{self.rate} decays to zero over the last {step_text(self.left)}")
            self._decay()
        elif self.rules.nudging is Nudging.DAILY and self.move is None:
            self._move(day)

    def _move(self, day: int) -> None:
        here, (turn, is_down) = self.here, divmod(self.moves_made, 2)
        one = self.rules.moves[turn % len(self.rules.moves)]
        before = here.path.at(one.name, here.step)
        after = small_move(one, before, bool(is_down))
        self.move = here
        self.here = replace(here, path=here.path.with_value(one.name, here.step, after))
        self._log(day, here.step, f"tries {shift(one.name, before, after)}")

    def _judge(self, day: int) -> None:
        """Keep a move or take it back; else see whether the training goes well."""
        if self.move is not None:
            self._judge_move(day, self.move)
            return
        if self.decays or self.is_held:
            return
        best = best_of(self.mornings)
        first = self.probed.first_score
        worst = min(one.score for one in self.archive if one.score is not None) if first is None else first
        sign = sign_of(self.mornings, max((best.score or 0.0) - worst, 0.0))
        if sign is Sign.MEMORISES:
            self._leave_memorising(day, best)
        elif sign is Sign.NONE_AS_GOOD:
            self._take_cooler_probe(day, best)
        elif sign is Sign.TOO_HOT:
            self._leave_too_hot(day, best)

    def _judge_move(self, day: int, morning: Morning) -> None:
        self.move = None
        if (self.here.score or 0.0) >= (morning.score or 0.0):
            self._log(day, self.here.step, "better than in the morning: kept")  # and tried again
            return
        self.moves_made += 1
        self._log(day, morning.step, f"no better than in the morning: taken back, to {step_text(morning.step)}")
        self._go_back(morning, morning.path)

    def _leave_memorising(self, day: int, best: Morning) -> None:
        """A second panda; else the best evening again, and down from there."""
        why = f"memorises since {step_text(best.step)}"
        if not self._begin_again(day, best, why):
            rate = best.path.at(self.rate, best.step)
            self._log(day, best.step, f"{why}: back there, {self.rate} {rate:.4g} decays to zero")
            self._go_back(best, best.path)
            self._decay()

    def _leave_too_hot(self, day: int, best: Morning) -> None:
        """A second panda where the best evening came early; else that evening again, and lower."""
        why, most = Sign.TOO_HOT.value, best.path.at(self.rate, best.step) / STEP
        if best.step > EARLY * self.left or not self._begin_again(day, best, why, most):
            self._lower(day, best, why)

    def _begin_again(self, day: int, best: Morning, why: str, most: float = math.inf) -> bool:
        """Raise a second panda from the initialisation, lower and with `most` as its rate at most; False where there
        was one already, or where that is no new rate."""
        further = self._came_further(best)
        lower = None if self.here.trial == self.second_trial else lower_rate(self.rules, best, self.left, most, further)
        if lower is None:
            return False
        rate, like = best.path.at(self.rate, best.step), "" if further is None else ", to come as far as the incumbent"
        self._log(day, best.step, f"{why}: a second panda from the beginning, {shift(self.rate, rate, lower)}{like}")
        self.mornings, self.troubles = [], []
        path = Path.of({**best.path.values_at(0.0), self.rate: lower})
        self.here = Morning(None, self.second_trial, day, 0.0, path)
        return True

    def _came_further(self, best: Morning) -> float | None:
        """The sum of the rate over the incumbent's run, made beside, where that did better than this life so far."""
        incumbent = self.results.get(INCUMBENT_LEG)
        if incumbent is None or incumbent.score is None or incumbent.score <= (best.score or 0.0):
            return None
        value = incumbent.request.configuration[self.rate]
        points = value if isinstance(value, tuple) else ((0.0, float(value)),)
        return Path(((self.rate, points),)).summed(self.rate, self.budget)

    def _take_cooler_probe(self, day: int, best: Morning) -> None:
        rate = best.path.at(self.rate, 0.0)
        to = self.probed.cooler(rate, self.rate)
        if to is None:
            self._lower(day, best, Sign.NONE_AS_GOOD.value)
            return
        told = f"on with the probe of {shift(self.rate, rate, to.path.at(self.rate, 0.0))}"
        self._log(day, to.step, f"{Sign.NONE_AS_GOOD.value}: {told}")
        self.mornings, self.troubles = [], []
        self._wake(to)

    def _lower(self, day: int, to: Morning, why: str) -> None:
        """Back to a state, and on from there with a lower rate."""
        before = to.path.at(self.rate, to.step)
        after = within_bounds(self.rules.rate, before / STEP) if not self.decays else before / STEP
        self._go_back(to, to.path.cut(to.step).with_value(self.rate, to.step, after))
        self._log(day, to.step, f"{why}: back to {step_text(to.step)}, {shift(self.rate, before, after)}")
        if self.decays:
            self._decay()

    def _recover(self, day: int, leg: LegRequest, result: LegResult) -> None:
        """Go back to the newest healthy state: a first spike leaves out the batches, what repeats lowers the rate.

        One that comes at once after batches were left out is laid to the batches too: more are left out.
        """
        self.move = None
        at, why = result.metrics.get("guard_step", leg.from_step), result.detail or f"the training {result.end.value}"
        day_length = self.rules.day_length(tuple(self.results.values()))
        is_first = not any(abs(at - earlier) <= NEAR_DAYS * day_length for earlier in self.troubles)
        is_at_once = leg.skip_batches > 0 and at - leg.from_step <= AT_ONCE_DAYS * day_length
        self.troubles.append(at)
        if len(self.troubles) > MOST_TROUBLES:
            self._log(day, at, f"{why}: given up after {MOST_TROUBLES} rescues")
            self.is_over = True
            return
        to, healthy = self.here, result.metrics.get("guard_healthy_step")
        if healthy is not None:
            to = Morning(leg.name, leg.trial, day, healthy, self.here.path)
            self.skip = 2 * max(1, int(result.metrics.get("guard_batches", 0.0)), leg.skip_batches * is_at_once)
            why = f"{why}, {self.skip} batches skipped"
        if healthy is not None and (is_first or is_at_once) and result.metrics.get("guard_sigma", 0.0) > 0.0:
            self._go_back(to, to.path)
            self._log(day, at, f"{why}: back to {step_text(to.step)}")
            if self.decays:
                self._decay()
            return
        self._lower(day, to, why)

    def _grant(self, day: int, wish: Wish) -> None:
        """Do what a person asked for."""
        self.move, here = None, self.here
        if wish.kind is WishKind.BACK:
            past = [one for one in self.archive if one.day <= (wish.to_day or 0)]
            if past:
                self._go_back(past[-1], past[-1].path.cut(past[-1].step))
                self._log(day, past[-1].step, f"back to the end of day {past[-1].day}", wish.by)
        elif wish.kind is WishKind.SET:
            known = {name: value for name, value in wish.values.items() if name in here.path.names}
            for name, value in known.items():
                self.here = replace(self.here, path=self.here.path.with_value(name, here.step, value))
            told = ", ".join(shift(name, here.path.at(name, here.step), value) for name, value in known.items())
            self._log(day, here.step, told, wish.by)
        else:
            self.is_held = wish.kind is WishKind.HOLD
            self.here = replace(here, path=here.path.cut(here.step))
            self._log(day, here.step, "holds its values" if self.is_held else "moves by itself again", wish.by)
        if self.decays:
            self.decays = False
            if not self.is_held:
                self._decay()

    def _log(self, day: int, step: float, text: str, by: str = PANDA) -> None:
        self.grown.nudges.append(Nudge(day, step, text, by))

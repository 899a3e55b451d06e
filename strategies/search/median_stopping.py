"""When a run of a search is hopeless, judged by its reports so far and by the runs that completed before it.

Two conditions must hold at a report in the run's second half. It is worse than usual: its best score is below the
median of the averages that the others had reported by then. And it is no late bloomer: its best score stays below the
median of their last scores even after one and a half times the largest rise that any of the others still made from
there to its end, or that the run's own pace would give if that is more.

Source: the first is the median stopping rule of Golovin et al., Google Vizier, KDD 2017, section 3.2.2. The second is
our own and provides the safety: a run is never stopped if it would reach the median by rising one and a half times as
far as any run before it, or as fast as it recently has. Not covered is a run that stagnates for a while and then rises
further than all others did.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

SHARE = 0.5  # fraction of the budget before which no run is stopped
LEAST_PEERS = 5  # completed runs to compare with
LEAST_REPORTS = 2  # of a run, and of each run it is compared with
SAFETY = 1.5  # factor on the rise that a run may still make

Curve = Sequence[tuple[float, float]]
"""(step, score) of each report, in order; higher is better."""


@dataclass(frozen=True, slots=True)
class StopRule:
    """What the runs of a wave are compared with: only runs of earlier waves, so that speed has no influence.

    `curves`: of the runs that completed in earlier waves. `stopped`: how many were stopped in those waves; they count
    as the worst, so that stopping does not raise the bar. `budget`: of a full run, in the reports' unit.
    """

    curves: tuple[tuple[tuple[float, float], ...], ...]
    stopped: int
    budget: float


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why a run is stopped, in scores: its `best` by `step`, the `median` of the others' averages by then, the most it
    might still `reach`, and what it would need (`wanted`), the median of the others' last scores."""

    step: float
    budget: float
    best: float
    median: float
    reach: float
    wanted: float
    peers: int

    def sentence(self, *, lower_is_better: bool) -> str:
        """The reason in a clause, in the metric's own direction."""
        sign = -1.0 if lower_is_better else 1.0
        best, middle, reach, wanted = (
            f"{sign * score:.4g}" for score in (self.best, self.median, self.reach, self.wanted)
        )
        return (
            f"stopped as hopeless at {self.step:g} of {self.budget:g}: {best} at best, the average of {self.peers} runs"
            f" was {middle} by then (median), and {reach} is the most it might still reach, short of their {wanted}"
        )


class WatchedRun:
    """One run as its reports arrive, each passed once and in order."""

    def __init__(self, rule: StopRule) -> None:
        self._rule = rule
        self._peers = [_Peer(curve) for curve in rule.curves if len(curve) >= LEAST_REPORTS]
        self._steps: list[float] = []
        self._bests: list[float] = []  # the best score up to each report
        self._is_left_alone = len(self._peers) < LEAST_PEERS

    def see(self, step: float, score: float) -> StopReason | None:
        """Why the run is hopeless after one more report; None while it is not.

        A run with a score that is not finite, or a step that goes back, is left alone from there on: it has failed
        rather than fallen behind, and its end will show that.
        """
        if not math.isfinite(score) or (self._steps and step < self._steps[-1]):
            self.leave_alone()
        if self._is_left_alone:
            return None
        self._steps.append(step)
        self._bests.append(max(score, self._bests[-1]) if self._bests else score)
        if len(self._steps) < LEAST_REPORTS or not SHARE * self._rule.budget <= step < self._rule.budget:
            return None
        return self._judged(step, self._bests[-1])

    def leave_alone(self) -> None:
        """Never call this run hopeless from here on."""
        self._is_left_alone = True

    def _judged(self, step: float, best: float) -> StopReason | None:
        peers = [(peer, count) for peer in self._peers if (count := peer.reports_by(step))]
        if len(peers) < LEAST_PEERS:
            return None
        worst = [-math.inf] * self._rule.stopped
        middle = median([*(peer.means[count - 1] for peer, count in peers), *worst])
        wanted = median([*(peer.last for peer, _ in peers), *worst])
        rise = max(0.0, self._rise_at_its_pace(step), *(peer.last - peer.bests[count - 1] for peer, count in peers))
        reach = best + SAFETY * rise
        if best < middle and reach < wanted:
            return StopReason(step, self._rule.budget, best, middle, reach, wanted, len(peers))
        return None

    def _rise_at_its_pace(self, step: float) -> float:
        """The rise over the rest of the budget at the pace since half of `step`, or since the first report."""
        since = max(bisect_right(self._steps, step / 2.0), 1) - 1
        length = step - self._steps[since]
        if length <= 0.0:
            return math.inf
        return (self._bests[-1] - self._bests[since]) * (self._rule.budget - step) / length


def first_hopeless(rule: StopRule, curve: Iterable[tuple[float, float]]) -> StopReason | None:
    """Why and where the run with this curve is stopped, at the first report that decides it; None when it is not."""
    run = WatchedRun(rule)
    return next((reason for step, score in curve if (reason := run.see(step, score)) is not None), None)


class _Peer:
    """A completed run: what it had reported by any step."""

    def __init__(self, curve: Curve) -> None:
        self.last = curve[-1][1]
        ordered = sorted(curve, key=lambda point: point[0])
        self._steps = [step for step, _ in ordered]
        self.means: list[float] = []
        self.bests: list[float] = []
        total, best = 0.0, -math.inf
        for count, (_, score) in enumerate(ordered, start=1):
            total, best = total + score, max(best, score)
            self.means.append(total / count)
            self.bests.append(best)

    def reports_by(self, step: float) -> int:
        return bisect_right(self._steps, step)

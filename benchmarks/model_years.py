"""Years of a model that nothing happened to: how often any of four campaigns says STALE or DEGRADED.

Every campaign goes through plan_test and judge of strategies/verdict, with a challenger exactly as good as
the incumbent in each: the worst case, since a real search often ends without one. verdict.py prints the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from retuned.strategies.records import LegEnd, Outcome
from retuned.strategies.verdict.contract import Contract
from retuned.strategies.verdict.power import first_crossings
from retuned.strategies.verdict.runs import Pair, Run, SearchSummary
from retuned.strategies.verdict.safe_t_test import Floats
from retuned.strategies.verdict.test_plan import plan_test
from retuned.strategies.verdict.verdict import judge
from retuned.strategies.verdict.verdict_records import TestPlan, Verdict

Figures = dict[str, float | int | str]
CAMPAIGNS, REPLICATES, N_MAX, MORE, LONGEST = 4, 8, 32, 8, 96
KEPT = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
FINAL = (Outcome.STALE, Outcome.BROKEN)


@dataclass(frozen=True)
class Year:
    """What the verdicts of one year were; `continued` counts with every other verdict taken further."""

    stale: int
    degraded: int
    inconclusive: int
    stale_continued: int
    pairs: int


def years(shared: float, margin: float | None, runs: int, seed: int) -> list[Figures]:
    """One row: shares of years, and of campaigns. `shared` is the part of a run's variance that a pair has in common.

    A run's score has a standard deviation of 1. `margin` None: delta comes from 8 replicates and the scores of
    earlier campaigns, with the noise of such estimates; d0 from the differences of earlier campaigns.
    """
    generator = np.random.default_rng([seed, round(100 * shared), margin is None])
    found = [_year(shared, margin, generator) for _ in range(runs)]
    count = len(found)
    return [
        {
            "table": "a year without a change",
            "shared": shared,
            "delta": "estimated" if margin is None else f"{margin:g}",
            "years": count,
            "ever_stale": round(sum(year.stale > 0 for year in found) / count, 5),
            "ever_stale_continued": round(sum(year.stale_continued > 0 for year in found) / count, 5),
            "ever_degraded": round(sum(year.degraded > 0 for year in found) / count, 5),
            "stale_a_campaign": round(sum(year.stale for year in found) / count / CAMPAIGNS, 5),
            "degraded_a_campaign": round(sum(year.degraded for year in found) / count / CAMPAIGNS, 5),
            "inconclusive_a_campaign": round(sum(year.inconclusive for year in found) / count / CAMPAIGNS, 5),
            "mean_pairs": round(sum(year.pairs for year in found) / count / CAMPAIGNS, 2),
        }
    ]


def _year(shared: float, margin: float | None, generator: np.random.Generator) -> Year:
    replicates = tuple(Run(LegEnd.COMPLETED, float(score)) for score in generator.standard_normal(REPLICATES))
    scores: list[tuple[float, ...]] = []
    differences: list[tuple[float, ...]] = []
    verdicts: list[Verdict] = []
    continued = 0
    for _ in range(CAMPAIGNS):
        plan = plan_test(
            campaigns_a_year=CAMPAIGNS,
            replicates=replicates,
            earlier_scores=scores,
            earlier_differences=differences,
            margin=margin,
            n_max=N_MAX,
        )
        ours, theirs = _pair_scores(shared, generator)
        verdict = _judged(plan, ours[:N_MAX], theirs[:N_MAX])
        verdicts.append(verdict)
        continued += _is_stale_later(verdict, theirs - ours, plan)
        if verdict.outcome not in FINAL:
            scores.append(tuple(ours[: verdict.n_pairs]))
            differences.append(tuple((theirs - ours)[: verdict.n_pairs]))
    outcomes = [verdict.outcome for verdict in verdicts]
    return Year(
        stale=outcomes.count(Outcome.STALE),
        degraded=outcomes.count(Outcome.DEGRADED),
        inconclusive=outcomes.count(Outcome.INCONCLUSIVE),
        stale_continued=continued,
        pairs=sum(verdict.n_pairs for verdict in verdicts),
    )


def _pair_scores(shared: float, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Scores (pair,) of incumbent and challenger, as many as a campaign may ever have."""
    common = generator.standard_normal(LONGEST) * np.sqrt(shared)
    own = generator.standard_normal((2, LONGEST)) * np.sqrt(1 - shared)
    return common + own[0], common + own[1]


def _judged(plan: TestPlan, ours: Sequence[float] | Floats, theirs: Sequence[float] | Floats) -> Verdict:
    pairs = [
        Pair(index, Run(LegEnd.COMPLETED, float(incumbent)), Run(LegEnd.COMPLETED, float(challenger)))
        for index, (incumbent, challenger) in enumerate(zip(ours, theirs, strict=True))
    ]
    verdict = judge(plan, KEPT, SearchSummary(), pairs)
    assert isinstance(verdict, Verdict)
    return verdict


def _is_stale_later(verdict: Verdict, differences: Floats, plan: TestPlan) -> bool:
    """Whether the campaign is STALE, or becomes so when somebody asks for 8 more pairs again and again, to 96."""
    if verdict.outcome is Outcome.STALE:
        return True
    later = range(verdict.n_pairs + MORE, LONGEST + 1, MORE)
    stale_at, _ = first_crossings(
        differences[None], None, plan.alpha, plan.beta, plan.d0, later, final_look=plan.final_look
    )
    return bool(stale_at[0] <= LONGEST)

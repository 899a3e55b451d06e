"""What a re-evaluation would do, take and be able to detect, from what is known before it runs."""

from dataclasses import dataclass
from typing import Any

from ..strategies import choose, stats
from ..strategies.due import campaigns_a_year, parse_every
from ..strategies.judgement import Run, TestPlan
from ..strategies.records import Purpose
from ..strategies.verdict import plan_test
from .campaign import capacity_of
from .config import Config
from .ledger import campaigns_of, results_of
from .prepare import slots_of
from .probe import PROBE_RUNS, seconds_per_full_run
from .registry import Model
from .store import Store


@dataclass(frozen=True, slots=True)
class Plan:
    """The strategy, the cost and the power of the next campaign, as sentences and as numbers."""

    sentences: tuple[str, ...]
    choice: choose.Choice
    cost: choose.CostEstimate
    test: TestPlan

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "sentences": list(self.sentences),
            "strategy": self.choice.strategy.value,
            "runs_search": self.cost.runs_search,
            "runs_confirm_expected": self.cost.runs_confirm_expected,
            "runs_confirm_max": self.cost.runs_confirm_max,
            "seconds_expected": self.cost.seconds_expected,
            "seconds_max": self.cost.seconds_max,
            "alpha": self.test.alpha,
            "delta": self.test.delta,
            "n_max": self.test.n_max,
        }


def plan_of(store: Store, model: Model, config: Config) -> Plan:
    """The plan of the model's next campaign; without a baseline, time and noise are still unknown."""
    baseline = next(
        (c for c in reversed(campaigns_of(store, model.id, "baseline"))
         if c.phase == "done" and c.settings_version == model.settings_version), None,
    )  # fmt: skip
    results = () if baseline is None else results_of(store, baseline.id)
    per_run = seconds_per_full_run(results, model.file.training.budget.amount)
    slots, budget_s = slots_of(model.file, config, None), model.file.search.budget_s
    capacity = capacity_of(model.file, slots, per_run, budget_s, probe_runs=0 if baseline else PROBE_RUNS)
    goal, objective = model.file.goal, model.file.objective()
    test = plan_test(
        campaigns_a_year=campaigns_a_year(parse_every(model.file.schedule.every)),
        replicates=[Run.of(result) for result in results if result.request.purpose is Purpose.REPLICATE],
        margin=goal.margin,
        floor=objective.floor,
        drop_least=goal.least_drop,
        n_max=model.file.search.max_pairs,
    )
    choice, cost = choose.choose(capacity), choose.estimate(capacity, model.file.search.max_pairs)
    return Plan((choice.sentence, cost.sentence, *_test_sentences(model, test)), choice, cost, test)


def _test_sentences(model: Model, test: TestPlan) -> tuple[str, ...]:
    metric = model.file.goal.metric
    rate = f"settings that are still good are called stale in at most {test.alpha:.2%} of campaigns"
    if test.delta is None:
        return (f"{rate}; what gain matters is known once the baseline has run: retuned baseline {model.name}",)
    # in standard deviations of one paired difference, taken to be those of the baseline's runs
    gain = test.d0
    power = stats.power(gain, gain, test.alpha, test.beta, test.d0, test.n_max).stale
    noise = f"where the differences of pairs vary by {test.delta / gain:.3g}"
    return (f"{rate}; a loss of {test.delta:.3g} {metric} is found in about {power:.0%} {noise}",)

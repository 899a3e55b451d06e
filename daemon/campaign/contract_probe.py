"""Short runs of the settings in force before a campaign: what a run costs, and whether the contract holds."""

from collections.abc import Sequence

from ...strategies.legs import names
from ...strategies.records import BudgetUnit, Configuration, LegRequest, LegResult, Purpose, Role
from ...strategies.space import derive_seed
from ...strategies.verdict.contract import Contract, contract_of
from ..config.model_tables import BudgetTable
from .leg_runs import LegRuns

PROBE_SHARE = 0.2  # of a full run; seeds and splits show in a score long before it is a good one
PROBE_RUNS = len(names.PROBE_VARIANTS)


def probe_contract(
    runs: LegRuns, configuration: Configuration, seed: int, budget: BudgetTable, *, of_challenger: bool = False
) -> Contract:
    """What five short runs say of the training: do seed, split and purpose matter, is a call repeatable?

    A short run may hide an effect (a classifier that still answers one class), so whatever looks ignored is
    looked at again in full runs before it counts.
    """
    share = PROBE_SHARE * budget.amount
    if budget.unit is not BudgetUnit.SECONDS:
        share = max(1.0, float(round(share)))
    legs = _requests(configuration, seed, share, of_challenger=of_challenger, is_full=False)
    short = _contract(runs.run(legs))
    if not short.breaches or share >= budget.amount:
        return short
    legs = _requests(configuration, seed, budget.amount, of_challenger=of_challenger, is_full=True)
    return _contract(runs.run(legs))


def seconds_per_full_run(results: Sequence[LegResult], budget: float) -> float | None:
    """Seconds that one full training takes, from the longest legs there are; None without a completed leg."""
    rates = [
        (result.request.to_step - result.request.from_step, result.seconds)
        for result in results
        if result.score is not None
    ]
    if not rates:
        return None
    longest = max(length for length, _ in rates)
    seconds = sorted(seconds for length, seconds in rates if length == longest)
    return seconds[len(seconds) // 2] * budget / longest


def _requests(
    configuration: Configuration, seed: int, to_step: float, *, of_challenger: bool, is_full: bool
) -> tuple[LegRequest, ...]:
    named = [names.probe(variant, of_challenger=of_challenger, is_full=is_full) for variant in names.PROBE_VARIANTS]
    return tuple(
        LegRequest(
            name=name,
            trial=name,
            purpose=Purpose.CONFIRM if variant == "purpose" else Purpose.SEARCH,
            configuration=configuration,
            seed=derive_seed(seed, "probe", "other" if variant == "seed" else "seed"),
            split_seed=derive_seed(seed, "probe", "other split" if variant == "split" else "split"),
            from_step=0.0,
            to_step=to_step,
            role=Role.PROBE,
            number=number,
        )
        for number, (variant, name) in enumerate(zip(names.PROBE_VARIANTS, named, strict=True))
    )


def _contract(results: Sequence[LegResult]) -> Contract:
    base, equal, seed, split, purpose = (result.score for result in results)
    return contract_of(base, [equal], seeds=[seed], splits=[split], purposes=[purpose])

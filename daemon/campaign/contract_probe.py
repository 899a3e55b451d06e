"""Short runs of the current settings before a campaign: what a run costs, and whether the contract holds."""

from collections.abc import Sequence

from ...strategies.legs import names
from ...strategies.records import BudgetUnit, Configuration, LegRequest, LegResult, Purpose, Role
from ...strategies.space import derive_seed
from ...strategies.verdict.contract import Contract, contract_of
from ..config.model_file import ModelFile
from ..config.training_tables import BudgetTable
from .forecast import PROBE_SHARE
from .leg_runs import LegRuns


def probe_contract(
    runs: LegRuns, configuration: Configuration, seed: int, file: ModelFile, *, of_challenger: bool = False
) -> Contract:
    """The contract as seven short runs show it: do seed, split and purpose matter, is a call repeatable?

    A short run may hide an effect (a classifier that still predicts one class), so whatever looks ignored is
    tested again in full runs before it counts.
    """
    budget, are_rows_drawn = file.training.budget, file.are_rows_drawn
    share = short_budget(budget)
    legs = probe_requests(configuration, seed, share, of_challenger=of_challenger, is_full=False)
    short = _contract(runs.run(legs), are_rows_drawn)
    if not short.breaches or share >= budget.amount:
        return short
    legs = probe_requests(configuration, seed, budget.amount, of_challenger=of_challenger, is_full=True)
    return _contract(runs.run(legs), are_rows_drawn)


def short_budget(budget: BudgetTable) -> float:
    """How long a probe trains, in the budget's unit."""
    share = PROBE_SHARE * budget.amount
    return share if budget.unit is BudgetUnit.SECONDS else max(1.0, float(round(share)))


def base_probe(configuration: Configuration, seed: int, budget: BudgetTable) -> LegRequest:
    """The short run that all other probes differ from in one thing."""
    return probe_requests(configuration, seed, short_budget(budget))[0]


def probe_requests(
    configuration: Configuration, seed: int, to_step: float, *, of_challenger: bool = False, is_full: bool = False
) -> tuple[LegRequest, ...]:
    """The probes of one configuration, in the order of names.PROBES."""
    named = [names.probe(variant, of_challenger=of_challenger, is_full=is_full) for variant in names.PROBES]
    return tuple(
        LegRequest(
            name=name,
            trial=name,
            purpose=Purpose.CONFIRM if variant in ("purpose", "confirm_split") else Purpose.SEARCH,
            configuration=configuration,
            seed=derive_seed(seed, "probe", "other" if variant == "seed" else "seed"),
            split_seed=derive_seed(seed, "probe", "other split" if variant == "confirm_split" else "split"),
            from_step=0.0,
            to_step=to_step,
            role=Role.PROBE,
            number=names.PROBE_VARIANTS.index(variant),
        )
        for variant, name in zip(names.PROBES, named, strict=True)
    )


def _contract(results: Sequence[LegResult], are_rows_drawn: bool) -> Contract:
    base, *repeated, seed, purpose, split = (result.score for result in results)
    return contract_of(
        base,
        repeated,
        seeds=[seed],
        splits=[split],
        purposes=[purpose],
        confirmed=purpose,
        are_rows_drawn=are_rows_drawn,
    )

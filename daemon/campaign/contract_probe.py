"""Short runs of the current settings before a campaign: what a run costs, and whether the contract holds."""

from collections.abc import Callable, Mapping

from ...strategies.legs import names
from ...strategies.records import BudgetUnit, Configuration, LegRequest, Purpose, Role
from ...strategies.space import derive_seed
from ...strategies.verdict.contract import Contract, contract_of
from ..config.model_file import ModelFile
from ..config.training_tables import BudgetTable
from .forecast import PROBE_SHARE
from .leg_runs import LegRuns

_CONFIRMS = frozenset({"purpose", "confirm_split", "confirm_split2", "confirm_split3"})
_SEEDS = {"seed": "other", "seed2": "other 2", "seed3": "other 3"}
_MORE_VALUES = 2
_STEPS_OF_SPLIT = {"split2": 1, "confirm_split2": 1, "split3": 2, "confirm_split3": 2}

Scores = Mapping[str, float | None]
"""By what a probe varies in; None for one that ran without a score."""


def probe_contract(
    runs: LegRuns, configuration: Configuration, seed: int, file: ModelFile, *, of_challenger: bool = False
) -> Contract:
    """The contract as seven short runs show it: do seed, split and purpose matter, is a call repeatable?

    A short run may hide an effect (a classifier that still predicts one class), so whatever looks ignored is
    tested again in full runs before it counts; and since two scores may be the same by chance, with two more values.
    """
    budget, are_rows_drawn = file.training.budget, file.are_rows_drawn

    def scores_of(variants: tuple[str, ...], to_step: float, is_full: bool) -> dict[str, float | None]:
        requests = [
            probe_request(variant, configuration, seed, to_step, of_challenger=of_challenger, is_full=is_full)
            for variant in variants
        ]
        return dict(zip(variants, (result.score for result in runs.run(requests)), strict=True))

    to_step, is_full = short_budget(budget), False
    scores = scores_of(names.PROBES, to_step, is_full)
    contract = contract_from(scores, are_rows_drawn=are_rows_drawn)
    if contract.breaches and to_step < budget.amount:
        to_step, is_full = budget.amount, True
        scores = scores_of(names.PROBES, to_step, is_full)
        contract = contract_from(scores, are_rows_drawn=are_rows_drawn)
    return with_more_values(contract, scores, lambda variants: scores_of(variants, to_step, is_full))


def with_more_values(
    contract: Contract,
    scores: Scores,
    run: Callable[[tuple[str, ...]], Scores],
    fits: Callable[[int], bool] = lambda _: True,
) -> Contract:
    """The contract where two more values of what looks ignored were tried, one after the other, as far as so many runs
    fit. `scores`: of the probes that `contract` is of; `run` gives those of further ones."""
    for step in range(_MORE_VALUES):
        wanted = (variant for name in contract.ignored for variant in names.MORE_PROBES[name][step])
        more = tuple(dict.fromkeys(variant for variant in wanted if variant not in scores))
        if not contract.breaches or not more or not fits(len(more)):
            break
        scores = {**scores, **run(more)}
        contract = contract_from(scores, are_rows_drawn=contract.are_rows_drawn)
    return contract


def contract_from(scores: Scores, *, are_rows_drawn: bool = False) -> Contract:
    """The contract by the scores of its probes, as far as there are some."""

    def present(*variants: str) -> list[float | None]:
        return [scores[variant] for variant in variants if variant in scores]

    return contract_of(
        scores.get("base"),
        present("equal", "equal2", "equal3"),
        seeds=present("seed", "seed2", "seed3"),
        splits=present("confirm_split", "confirm_split2", "confirm_split3"),
        purposes=present("purpose"),
        confirmed=scores.get("purpose"),
        on_other_splits=[
            (scores[split], scores.get(f"confirm_{split}")) for split in ("split2", "split3") if split in scores
        ],
        are_rows_drawn=are_rows_drawn,
    )


def short_budget(budget: BudgetTable) -> float:
    """How long a probe trains, in the budget's unit."""
    share = PROBE_SHARE * budget.amount
    return share if budget.unit is BudgetUnit.SECONDS else max(1.0, float(round(share)))


def base_probe(configuration: Configuration, seed: int, budget: BudgetTable) -> LegRequest:
    """The short run that all other probes differ from in one thing."""
    return probe_request("base", configuration, seed, short_budget(budget))


def probe_request(
    variant: str,
    configuration: Configuration,
    seed: int,
    to_step: float,
    *,
    of_challenger: bool = False,
    is_full: bool = False,
) -> LegRequest:
    """A probe of one configuration. Splits that are neighbours, here of one block of four, lead to slices that share no
    row."""
    name = names.probe(variant, of_challenger=of_challenger, is_full=is_full)
    split = derive_seed(seed, "probe", "other split" if variant == "confirm_split" else "split")
    return LegRequest(
        name=name,
        trial=name,
        purpose=Purpose.CONFIRM if variant in _CONFIRMS else Purpose.SEARCH,
        configuration=configuration,
        seed=derive_seed(seed, "probe", _SEEDS.get(variant, "seed")),
        split_seed=split ^ _STEPS_OF_SPLIT.get(variant, 0),
        from_step=0.0,
        to_step=to_step,
        role=Role.PROBE,
        number=names.PROBE_VARIANTS.index(variant),
    )

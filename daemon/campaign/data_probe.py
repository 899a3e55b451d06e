"""One short run on a part of the data: a training that ignores RETUNED_DATA scores the same there.

Causes compare old data with new data, so they need a training that reads what it is given. It is asked once, at the
baseline; of a contract that was probed later, when causes are looked for.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...strategies.errors import CampaignFailed
from ...strategies.legs import names
from ...strategies.records import LegEnd, LegResult, Role
from ...strategies.verdict.contract import Contract, with_data
from ...strategies.verdict.runs import Run
from ..foreign_files import remove
from ..training.data_part import NotDivisible, write_part
from ..training.spool import remove_checkpoints
from .context import CampaignContext, baseline_results, prepared_of
from .contract_probe import base_probe

_EQUAL = ("base", "equal", "equal2", "equal3")


def probe_data(context: CampaignContext, contract: Contract) -> Contract:
    """The contract, and whether the score depends on the data; unchanged where that is known, or no data configured.

    A short run may hide the effect: what looks ignored is tested again in a full run before it counts. The campaign's
    own workers end with that: after it, nothing can be trained by them.
    """
    if context.file.data is None or contract.data_matters is not None or contract.data_note:
        return contract
    snapshot, folder = Path(prepared_of(context.campaign).snapshot), context.lease.folder / "part"
    part = folder / "data" / snapshot.name
    try:
        remove(folder / "data")  # of an interrupted try
        write_part(snapshot, part, context.lease.show_progress)
        return _tested(context, contract, part)
    except NotDivisible as why:
        return replace(contract, data_note=str(why))
    except CampaignFailed as error:
        return replace(contract, data_note=f"the run on a part of it could not be made: {error.found}")
    finally:
        remove(folder / "data")
        remove_checkpoints(folder)


def _tested(context: CampaignContext, contract: Contract, part: Path) -> Contract:
    budget = context.file.training.budget
    (base,) = context.runs.run([base_probe(context.configuration, context.campaign.seed, budget)])
    if base.score is None:
        return replace(contract, data_note="no probe of the current settings completed")
    equal = _equal_calls(context)
    tested = with_data(contract, base.score, _on_part(context, part, base), equal)
    whole = _whole_run(context) if tested.data_matters is False else None
    if whole is None or base.request.to_step >= budget.amount:
        return tested
    return with_data(contract, whole.score, _on_part(context, part, whole), equal)


def _on_part(context: CampaignContext, part: Path, whole: LegResult) -> float | None:
    """The score of a run that is repeated on a part of the data, None where it fails there."""
    name = names.probe(names.DATA_PROBE, of_challenger=False, is_full=whole.request.role is not Role.PROBE)
    number = names.PROBE_VARIANTS.index(names.DATA_PROBE)
    request = replace(whole.request, name=name, trial=name, role=Role.PROBE, number=number)
    if all(result.request.name != name for result in context.runs.results):
        runner = context.open_runner(part.parent.parent, str(part))
        try:
            context.runs.with_runner(runner).run([request])
        finally:
            runner.stop()
    result = next(result for result in context.runs.results if result.request.name == name)
    if Run.of(result).is_void:
        raise CampaignFailed(result.detail or str(result.end))
    return result.score


def _equal_calls(context: CampaignContext) -> list[float | None]:
    """The scores of identical calls: this campaign's, else the baseline's."""
    for results in (context.runs.results, baseline_results(context)):
        scores = _scores_of(results)
        if len(scores) > 1:
            return scores
    return []


def _scores_of(results: Sequence[LegResult]) -> list[float | None]:
    by_name = {result.request.name: result.score for result in results}
    wanted = (names.probe(variant, of_challenger=False, is_full=False) for variant in _EQUAL)
    return [by_name[name] for name in wanted if name in by_name]


def _whole_run(context: CampaignContext) -> LegResult | None:
    """A full run of the current settings in this campaign, the first by name."""
    full = (
        result
        for result in context.runs.results
        if result.request.role is Role.INCUMBENT
        and result.end is LegEnd.COMPLETED
        and result.request.from_step == 0.0
        and result.request.to_step == context.file.training.budget.amount
    )
    return min(full, key=lambda result: result.request.name, default=None)

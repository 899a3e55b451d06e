"""What short runs say about the time and the cost of a re-evaluation, and about the losses that it finds."""

from dataclasses import replace

from ....strategies.records import LegResult, Purpose
from ....strategies.verdict.check_points import Level, Point
from ....strategies.verdict.margin import COARSE_SHARE
from ....strategies.verdict.noise_parts import NoiseParts, noise_parts
from ....strategies.verdict.power import WANTED, loss_found
from ....strategies.verdict.verdict_records import TestPlan
from ....strategies.words import counted, duration, in_digits
from ...config.config import Config
from ...config.model_file import ModelFile
from ...config.schedule_tables import HouseScheduleTable
from ...config.training_tables import BudgetTable
from ...training.machine import machine_of
from ...training.splits.cut import SMALL_SLICE, larger_slices
from ..confirm import rules_of
from ..forecast import PROBE_RUNS, forecast
from ..smaller_search import Noise, smaller_search
from .runs import CheckRuns

MORE_TIME = "give it more: retuned check --limit 1h"


def in_words(budget: BudgetTable) -> str:
    """A budget as "1 epoch" or "200 steps"."""
    unit = budget.unit.value
    return f"{budget.amount:g} {unit.removesuffix('s') if budget.amount == 1 else unit}"


def time_point(file: ModelFile, runs: CheckRuns, first: LegResult) -> Point:
    """How long one whole training takes, by the first run."""
    budget = file.training.budget
    whole = in_words(budget)
    if not runs.is_short:
        why = (
            ""
            if budget.amount == 1
            else "; nothing in its files reads RETUNED_TO_STEP, so short runs are whole ones, which is fine"
        )
        return Point("time", Level.OK, f"{duration(first.seconds)} for {whole}{why}")
    last = first.curve[-1][0] if first.curve else runs.to_step
    if last > runs.to_step + 1:
        found = f"a run that was to end at step {runs.to_step:g} went on to {last:g}, so short runs are not short"
        return Point("time", Level.WARNING, found, "end at RETUNED_TO_STEP")
    seconds = first.seconds * budget.amount / runs.to_step
    short = f"a short run of {runs.to_step:g} took {duration(first.seconds)}"
    return Point("time", Level.OK, f"about {duration(seconds)} for {whole}: {short}")


def outlook(file: ModelFile, runs: CheckRuns, config: Config) -> tuple[Point, ...]:
    """What a re-evaluation costs and what it finds, as far as a few runs tell."""
    machine = machine_of(config)
    found = forecast(file, runs.results, machine, config, probe_runs=PROBE_RUNS)

    def cost(noise: Noise | None = None) -> Point:
        less = smaller_search(file, runs.results, found, machine, config, noise)
        return Point("cost", Level.OK, found.cost.sentence, less)

    if runs.noise is None:
        return (cost(),)
    seeds, splits = ([run.score for run in group if run.score is not None] for group in runs.noise)
    parts = noise_parts(seeds, splits)
    if parts is None:
        if not any(runs.noise):
            return (cost(), Point("noise", Level.OPEN, "not measured: there was no time for it", MORE_TIME))
        return (cost(), Point("noise", Level.OPEN, "not measured: runs differ in nothing, or too few have a score"))
    a_year = file.schedule.calendar(HouseScheduleTable(), file.name).campaigns_a_year
    runs_alone = {run.request.name: run for group in runs.noise for run in group}.values()
    replicates = [replace(run, request=replace(run.request, purpose=Purpose.REPLICATE)) for run in runs_alone]
    test = rules_of(file, replicates, (), a_year, found.choice.stages)
    noise = Noise(*parts.sigma_of_pairs, test.skill)
    return (cost(noise), _noise(runs, parts), _detects(file, runs, parts, test))


def cost_of_cut(file: ModelFile, cut: LegResult, config: Config) -> tuple[Point, ...]:
    """The cost of a re-evaluation, by the reports of a run that was cut before its end; none where it has none."""
    if not cut.curve or cut.curve[-1][0] <= 0:
        return ()
    step, score = cut.curve[-1]
    so_far = (replace(cut, request=replace(cut.request, to_step=step), score=score),)
    machine = machine_of(config)
    found = forecast(file, so_far, machine, config, probe_runs=PROBE_RUNS)
    less = smaller_search(file, so_far, found, machine, config)
    return (Point("cost", Level.OK, f"by its reports: {found.cost.sentence}", less),)


def _noise(runs: CheckRuns, parts: NoiseParts) -> Point:
    cut = runs.prepared.cut
    rows = "" if cut is None else f" (the draw of training rows, and slices of {cut.smallest:,} rows)"
    length = "short runs" if runs.is_short else "runs"
    low, high = f"{parts.share_low:.0%}", f"{parts.share_high:.0%}"
    known = "" if low == high else f"; from {counted(parts.runs, 'run')} that share is known only as {low} to {high}"
    return Point("noise", Level.OK, (
        f"scores of {length} vary by {_short(parts.sigma)} ({_short(parts.sigma_low)} to {_short(parts.sigma_high)}):"
        f" {parts.split_share:.0%} of the variance comes with the split{rows}, the rest with the seed{known}"
    ))  # fmt: skip


def _detects(file: ModelFile, runs: CheckRuns, parts: NoiseParts, test: TestPlan) -> Point:
    """The smallest loss that is found, from the best to the worst that single runs let expect of pairs."""
    low, high = parts.sigma_of_pairs
    least, most = loss_found(test, low) if low > 0 else test.delta, loss_found(test, high)
    if least is None or most is None:
        found = f"with pairs as noisy as single runs, no loss in {test.n_max} pairs"
        return Point("detects", Level.WARNING, found, "raise max_pairs under [search]")
    shares = None if test.skill is None else (least / test.skill, most / test.skill)
    of_skill = "" if shares is None else f" ({shares[0]:.0%} to {shares[1]:.0%} of the skill)"
    if shares is not None and file.goal.floor is None and file.goal.trivial is None:
        of_skill = f"{of_skill[:-1]}, counted from 0: no floor is set)"
    if shares is not None and shares[1] > 1:
        of_skill = ", perhaps more than the whole skill"
    single = "single short runs" if runs.is_short else "single runs"
    text = (
        f"a loss of {_short(least)} to {_short(most)} in {file.goal.metric}{of_skill} with {WANTED:.0%}, a guess"
        f" from {single}; the pairs of the first re-evaluation will narrow it (`retuned plan` then says it)"
    )
    cut, with_larger = runs.prepared.cut, loss_found(test, parts.sigma_with_slices(2.0))
    what = "with slices twice as large" if cut is not None else "with twice as many evaluation rows"
    if with_larger is not None and with_larger < 0.95 * most:
        text += f"; {what}, {_short(with_larger)} where it was {_short(most)}"
    is_coarse = shares is not None and shares[0] > COARSE_SHARE
    if not is_coarse and (cut is None or cut.smallest >= SMALL_SLICE):
        return Point("detects", Level.OK, text)
    remedy = (
        larger_slices(file.search.max_pairs)
        if parts.split_share > 0.5
        else "train longer, or raise max_pairs under [search]"
    )
    return Point("detects", Level.WARNING, f"{text}; smaller losses go unnoticed", remedy)


def _short(number: float) -> str:
    return in_digits(number, 2)

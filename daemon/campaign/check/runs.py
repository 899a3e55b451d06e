"""The short runs of a check: the probes of the contract and a few that show the noise, in a state folder of their own.

Nothing of them stays and nothing is registered. Their number and length follow from the time that is allowed, by what
the first one took; what there was no time for is left open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ....strategies.legs import names
from ....strategies.legs.command import placeholders
from ....strategies.records import Configuration, LegEnd, LegRequest, LegResult
from ....strategies.space import configuration_key, derive_seed
from ....strategies.verdict.contract import Contract
from ...clock import Clock
from ...config.config import Config
from ...config.model_file import ModelFile
from ...config.model_tables import AlertsTable, SettingsTable
from ...foreign_files import read_plain
from ...masking import mask_of
from ...state.campaigns.campaigns import open_campaigns
from ...state.campaigns.lease import Lease
from ...state.campaigns.phase_records import Prepared
from ...state.models.adoption import adopt_values
from ...state.models.registry import Model, register
from ...state.store import Store
from ...training.printed_words import printed_metric
from ...training.spool import Spool
from ..context import CampaignContext, open_context, prepared_of
from ..contract_probe import Scores, contract_from, probe_request, short_budget, with_more_values
from .batches import Batches
from .progress import Show

NOISE_RUNS = (3, 2)  # of each kind, as many as there is time for
_CODE_BYTES = 4 << 20


Noise = tuple[tuple[LegResult, ...], tuple[LegResult, ...]]


@dataclass(frozen=True, slots=True)
class CheckRuns:
    """What the runs of a check gave, and what was known before them.

    `to_step`: where short runs end; `is_short`: that is before the budget's end. `contract` None: the first run has no
    score. `is_final`: what looks ignored looked so in whole runs. `noise`: runs that differ in the seed alone, and in
    the split alone, none where there was no time; None: it was not to be measured. `printed`: what a first run without
    a metric printed that may be it, as a clause.
    """

    prepared: Prepared
    results: tuple[LegResult, ...]
    first: LegResult | None
    to_step: float
    is_short: bool
    contract: Contract | None
    is_final: bool
    noise: Noise | None
    seconds: float
    printed: str


def run_check(
    file: ModelFile,
    source: Path,
    configuration: Configuration | None,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    *,
    limit_s: float,
    with_noise: bool,
    show: Show,
) -> CheckRuns:
    """What a few trainings of the model show.

    `config`: that of a temporary state folder. `configuration` None: the values in the file. The data are used as they
    are: their prepare command is not run. Raises CampaignFailed where data or interpreter cannot be had.
    """
    store = Store(config.state)
    try:
        model = _registered(store, file, source, configuration, limit_s, clock)
        (campaign,) = (campaign for campaign in open_campaigns(store, model.id) if campaign.kind == "baseline")
        lease, batches = Lease(store, campaign.id), Batches(clock, limit_s, show)
        try:
            with open_context(store, lease, clock, config, environ, batches.look) as context:
                batches.begin(context)
                return _all_runs(context, batches, with_noise)
        finally:
            lease.release()
    finally:
        store.close()


def _registered(
    store: Store, file: ModelFile, source: Path, configuration: Configuration | None, limit_s: float, clock: Clock
) -> Model:
    """The model in the temporary registry: it prepares no data, writes no settings file and sends no alert."""
    training = file.training.model_copy(update={"timeout_s": min(file.training.timeout_s, limit_s)})
    data = None if file.data is None else file.data.model_copy(update={"prepare": None})
    isolated = {"settings": SettingsTable(), "alerts": AlertsTable(), "data": data, "training": training}
    model = register(store, file.model_copy(update=isolated), source, clock.now()).model
    if configuration is None or configuration_key(configuration) == configuration_key(model.configuration):
        return model
    return adopt_values(store, model, configuration, "current", clock.now())


def _all_runs(context: CampaignContext, batches: Batches, with_noise: bool) -> CheckRuns:
    budget = context.file.training.budget
    to_step = short_budget(budget) if can_be_short(context.file) else budget.amount
    probes = _Probes(context, batches, to_step, is_full=False)
    base = probes.run(["base"])
    contract, is_final, noise = None, False, None
    if base is not None and base.score is not None:
        is_final = to_step >= budget.amount
        contract = _probed(probes, base.seconds, are_rows_drawn=context.file.are_rows_drawn, has_more=is_final)
        if contract.breaches and not is_final:
            contract, is_final = _in_whole_runs(context, batches, contract, base.seconds * budget.amount / to_step)
        noise = _noise(batches, probes.request("purpose"), base.seconds) if with_noise else None
        contract = _with_seeds_of(noise, contract)
    return CheckRuns(
        prepared=prepared_of(context.campaign),
        results=context.runs.results,
        first=base,
        to_step=to_step,
        is_short=to_step < budget.amount,
        contract=contract,
        is_final=is_final,
        noise=noise,
        seconds=batches.seconds,
        printed=_printed(context, base),
    )


def _printed(context: CampaignContext, first: LegResult | None) -> str:
    if first is None or first.end is not LegEnd.NO_METRIC:
        return ""
    log = Spool(context.lease.folder).leg_folder(first.request.name, first.attempts) / "output.log"
    return printed_metric(log, context.file.goal.metric, mask_of(context.environ, context.file.training.pass_env))


def can_be_short(file: ModelFile) -> bool:
    """Whether a training ends where it is told to: a recipe, or a command some file of which speaks of the step."""
    if file.training.recipe is not None:
        return True
    return _speaks_of(file, b"to_step")


def is_given_seed(file: ModelFile) -> bool:
    """Whether the seed is handed over: to a recipe, in the command, or to a program some file of which speaks of it."""
    command = file.training.command
    if command is None or "seed" in placeholders(command):
        return True
    return _speaks_of(file, b"retuned_seed")


def _speaks_of(file: ModelFile, word: bytes) -> bool:
    """Whether some file of the training's code has a word, in small letters or large ones."""
    return any(word in _content(path).lower() for path in file.code_files())


def _content(path: Path) -> bytes:
    try:
        return read_plain(path, _CODE_BYTES)
    except OSError:
        return b""


class _Probes:
    """The probes of one length, run as they are asked for, with the scores that there are by now."""

    def __init__(self, context: CampaignContext, batches: Batches, to_step: float, *, is_full: bool) -> None:
        self._context, self._batches = context, batches
        self._to_step, self._is_full = to_step, is_full
        self.scores: dict[str, float | None] = {}

    def request(self, variant: str) -> LegRequest:
        """The probe that varies in this."""
        context = self._context
        return probe_request(
            variant, context.configuration, context.campaign.seed, self._to_step, is_full=self._is_full
        )

    def fits(self, runs: int, seconds: float) -> bool:
        """Whether there is time for so many."""
        return self._batches.fits(runs, seconds)

    def run(self, variants: Sequence[str]) -> LegResult | None:
        """Run these, as far as there is time; the result of the first."""
        requests = [self.request(variant) for variant in variants]
        ended = self._batches.run(requests)
        for variant, request in zip(variants, requests, strict=True):
            self.scores[variant] = ended[request.name].score if request.name in ended else None
        return ended.get(requests[0].name) if requests else None

    def run_more(self, contract: Contract, seconds: float) -> Contract:
        """The contract where further values of what looks ignored were tried, while there is time."""

        def run(variants: tuple[str, ...]) -> Scores:
            self.run(variants)
            return self.scores

        return with_more_values(contract, self.scores, run, lambda count: self.fits(count, seconds))


def _probed(probes: _Probes, seconds: float, *, are_rows_drawn: bool, has_more: bool) -> Contract:
    """The contract by as many probes as there is time for; more equal calls only where two of them differ, and more
    values (with `has_more`) only of what looks ignored."""
    wanted = ("equal", "seed", "purpose", "confirm_split")
    probes.run(wanted[: next((number for number in range(len(wanted), 0, -1) if probes.fits(number, seconds)), 0)])
    if probes.scores.get("equal") not in (None, probes.scores["base"]) and probes.fits(2, seconds):
        probes.run(("equal2", "equal3"))
    contract = contract_from(probes.scores, are_rows_drawn=are_rows_drawn)
    return probes.run_more(contract, seconds) if has_more else contract


def _in_whole_runs(
    context: CampaignContext, batches: Batches, short: Contract, seconds: float
) -> tuple[Contract, bool]:
    """The contract where what looked ignored was tested again in whole runs, if there is time for them; and whether it
    was."""
    needed = {"seed": ("seed",), "split": ("purpose", "confirm_split"), "purpose": ("purpose",)}
    ignored = [name for name, matters in short.effects.items() if matters is False]
    equal = ("equal",) if short.is_deterministic else ("equal", "equal2", "equal3")
    variants = tuple(dict.fromkeys(("base", *equal, *(one for name in ignored for one in needed[name]))))
    if not ignored or not batches.fits(len(variants), seconds):
        return short, False
    probes = _Probes(context, batches, context.file.training.budget.amount, is_full=True)
    probes.run(variants)
    whole = probes.run_more(contract_from(probes.scores, are_rows_drawn=short.are_rows_drawn), seconds)
    return replace(
        short,
        seed_matters=whole.seed_matters if "seed" in ignored else short.seed_matters,
        split_matters=whole.split_matters if "split" in ignored else short.split_matters,
        purpose_matters=whole.purpose_matters if "purpose" in ignored else short.purpose_matters,
        is_deterministic=whole.is_deterministic,
        equal_calls=whole.equal_calls,
    ), True


def _with_seeds_of(noise: Noise | None, contract: Contract) -> Contract:
    """The contract; where a probe's other seed scored the same by chance, the seeds of the noise runs may not."""
    if noise is None or contract.seed_matters is not False or not contract.is_deterministic:
        return contract
    return replace(contract, seed_matters=len({run.score for run in noise[0]}) > 1)


def _noise(batches: Batches, centre: LegRequest, seconds: float) -> Noise:
    """Runs on held-out rows with other seeds on one split, and on the splits that follow with one seed; each group
    begins with the run that both have in common."""
    number = next((number for number in NOISE_RUNS if batches.fits(2 * number, seconds)), 0)
    if not number:
        return (), ()
    groups = {
        differs_in: [_noise_run(centre, differs_in, step) for step in range(1, number + 1)]
        for differs_in in ("seed", "split")
    }
    ended = batches.run([centre, *groups["seed"], *groups["split"]])
    seeds, splits = (
        tuple(ended[run.name] for run in (centre, *group) if run.name in ended and ended[run.name].score is not None)
        for group in groups.values()
    )
    return seeds, splits


def _noise_run(centre: LegRequest, differs_in: str, step: int) -> LegRequest:
    """Splits that are neighbours, here of one block of four, lead to slices that share no row."""
    name = names.noise_run(differs_in, step)
    if differs_in == "seed":
        return replace(centre, name=name, trial=name, seed=derive_seed(centre.seed, "noise", step))
    return replace(centre, name=name, trial=name, split_seed=centre.split_seed ^ step)

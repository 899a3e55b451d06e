"""The sections that every page has: cost, provenance, and how to reproduce the numbers."""

import shlex
from collections import Counter
from collections.abc import Sequence
from importlib import metadata

from ...strategies.drift.drift import seconds_by_node
from ...strategies.drift.fingerprints import DataFingerprint, EnvironmentFingerprint
from ...strategies.legs.command import expand
from ...strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role, Value
from ...strategies.verdict.verdict_records import FINAL_STAKE, TestPlan
from ...strategies.words import counted, duration
from ..masking import masked
from .campaign_record import CampaignRecord
from .page_parts import Section, Table, pairs_table

_STAGES = {Purpose.SEARCH: "search", Purpose.CONFIRM: "fresh runs, on held-out rows",
           Purpose.REPLICATE: "replicates of the stored settings"}  # fmt: skip
_STAGES_OF_ROLES = {Role.PROBE: "probes of the contract", Role.CAUSE_INCUMBENT: "causes, on the old data",
                    Role.CAUSE_CHALLENGER: "causes, on the old data",
                    Role.PREVIOUS: "settings before the last adoption"}  # fmt: skip


def cost_section(record: CampaignRecord) -> Section:
    """Runs and compute by stage, and the verdict's compute as a share of a full search."""
    stages: dict[str, list[LegResult]] = {}
    for result in record.results:
        stages.setdefault(_stage(result), []).append(result)
    rows = [_cost_row(record, name, results) for name, results in stages.items()]
    rows.append(_cost_row(record, "total", record.results))
    columns = ("stage", "training runs", "full-run equivalents", "compute", "peak memory", "failed")
    campaign = record.campaign
    sentences = []
    if campaign.started_at is not None and campaign.ended_at is not None:
        took = duration((campaign.ended_at - campaign.started_at).total_seconds())
        sentences.append(f"From start to end it took {took}, including waiting; parallel runs overlap.")
    share = share_of_full_search(record)
    if share is not None:
        trials = len(record.searched)
        sentences.append(
            f"The verdict took {100 * share:.0f}% of a full search's compute (all {trials} configurations trained "
            "for the whole budget), counted in steps of training."
        )
    table = Table("Cost by stage", columns, tuple(rows), marked=frozenset({len(rows) - 1}))
    return Section("cost", "What it cost", tuple(sentences), tables=(table, *_nodes(record)))


def _nodes(record: CampaignRecord) -> tuple[Table, ...]:
    """Compute by kind of node, and how many pairs each trained, of which none is split; nothing on one machine."""
    seconds = seconds_by_node(record.results)
    sides = ((result.node, result.request.number) for result in record.results if result.request.is_of_confirm)
    pairs = Counter(kind for kind, _ in set(sides))
    rows = [(kind, duration(taken), str(pairs[kind])) for kind, taken in seconds.items()]
    return (Table("Cost by kind of node", ("node", "compute", "pairs, each on one"), tuple(rows)),) if rows else ()


def share_of_full_search(record: CampaignRecord) -> float | None:
    """The campaign's training divided by that of every searched configuration in full; None without a search."""
    trials = len(record.searched)
    return full_trainings(record.results, record.whole) / trials if trials else None


def full_trainings(results: Sequence[LegResult], whole: float) -> float:
    """How much the legs trained, in full budgets; a leg that failed early counts as a whole leg."""
    return sum(result.trained for result in results) / whole


def _stage(result: LegResult) -> str:
    return _STAGES_OF_ROLES.get(result.request.role, _STAGES[result.request.purpose])


def _cost_row(record: CampaignRecord, name: str, results: Sequence[LegResult]) -> tuple[str, ...]:
    peak = max((result.peak_memory_bytes for result in results), default=0)
    return (
        name,
        str(len({result.request.trial for result in results})),
        f"{full_trainings(results, record.whole):.3g}",
        duration(sum(result.seconds for result in results)),
        f"{peak / 2**20:.0f} MiB" if peak else "–",
        str(sum(result.score is None and result.end is not LegEnd.STOPPED for result in results)),
    )


def provenance_section(record: CampaignRecord) -> Section:
    """Seed, versions, fingerprints, the contract and what the error rate covers."""
    campaign, prepared = record.campaign, record.prepared
    code = prepared.code
    moments = {"queued": campaign.created_at, "started": campaign.started_at, "ended": campaign.ended_at}
    rows = [
        ("campaign", f"{campaign.id}, {campaign.kind}, trigger: {campaign.trigger}"),
        *((name, f"{moment:%Y-%m-%d %H:%M:%S} UTC") for name, moment in moments.items() if moment is not None),
        ("seed", str(campaign.seed)),
        ("settings", f"v{record.settings.version}, {record.settings.origin}, {record.settings.created_at:%Y-%m-%d}"),
        ("model file", f"version {campaign.model_version}; newest: {record.model.source}"),
        ("metric", f"{record.metric}, {record.direction}"),
        ("data", _data(prepared.data)),
        *((("snapshot", prepared.snapshot),) if prepared.snapshot else ()),
        ("code", "; ".join((code.key(), *(f"{name} {digest[:12]}" for name, digest in code.hashes().items())))),
        *((("commit", code.commit),) if code.commit else ()),
        *_environment(prepared.environment),
        ("retuned", f"version that wrote this page: {metadata.version('retuned')}"),
    ]
    tables = (pairs_table("Provenance", rows), *_test(record), _contract(record))
    return Section("provenance", "Where the numbers come from", tables=tables, after=(record.contract.covered,))


def _data(data: DataFingerprint | None) -> str:
    if data is None:
        return "none named in the model file"
    lines = "" if data.rows is None else f", {counted(data.rows, 'line')}"
    return f"{data.key()}; {counted(data.files, 'file')}, {counted(data.bytes, 'byte')}{lines}"


def _environment(environment: EnvironmentFingerprint) -> list[tuple[str, str]]:
    parts = "; ".join(f"{name} {value}" for name, value in environment.parts().items())
    python = [("interpreter", environment.interpreter)] if environment.interpreter else []
    return [*python, ("environment", f"{environment.key()}; {parts}")]


def _test(record: CampaignRecord) -> tuple[Table, ...]:
    plan = record.plan
    if plan is None:
        return ()
    baseline = f"{len(plan.birth_scores)} scores of {plan.birth_runs} replicates, {plan.birth_failed} failed"
    rows = [
        ("alpha: false STALE, at most", f"{100 * plan.alpha:.4g}% of re-evaluations"),
        ("beta: error rate of FRESH", f"{100 * plan.beta:.4g}%"),
        ("delta: smallest improvement that matters", _what_matters(plan)),
        ("STALE: mean improvement, at least", "no such rule" if plan.delta is None else f"{plan.delta:.4g}"),
        ("d0: effect size of the test", f"{plan.d0:.3g} times the standard deviation of a pair's difference"),
        ("pairs, at most", str(record.most_pairs)),
        ("share of alpha for the final look", _final_share(plan)),
        ("floor, declared", "none" if plan.floor is None else record.shown(plan.floor)),
        ("known from the baseline", baseline),
    ]
    return (pairs_table("The rules of the test, frozen before the first pair", rows),)


def _final_share(plan: TestPlan) -> str:
    if plan.final_look is None:
        return "none"
    return f"{100 * FINAL_STAKE:.0f}%, at {plan.final_look} pairs"


def _what_matters(plan: TestPlan) -> str:
    """The rule for the smallest improvement that matters, as it was frozen."""
    at_least = None if plan.delta is None else f"{plan.delta:.4g}"
    if plan.least_effect is None:
        return at_least or "unknown"
    noise = f"{plan.least_effect:.3g} times the standard deviation of a pair's difference"
    return noise if at_least is None else f"{noise}, {at_least} at least"


def _contract(record: CampaignRecord) -> Table:
    contract = record.contract
    properties = {
        "another seed changes the score": contract.seed_matters,
        "another split seed changes the score": contract.split_matters,
        "another purpose is scored on other rows": contract.purpose_matters,
        "two identical calls give the same score": contract.is_deterministic,
        "a part of the data changes the score": contract.data_matters,
    }
    answers = {True: "yes", False: "no", None: "not testable"}
    rows = [(name, answers[answer]) for name, answer in properties.items()]
    rows += [(f"largest change, {name}", value) for name, _, value in (note.partition(": ") for note in contract.notes)]
    rows += [("the data was not tested", contract.data_note)] if contract.data_note else []
    return pairs_table("The contract, as tested by short probes", rows)


def reproduce_section(record: CampaignRecord) -> Section:
    """The commands that repeat the campaign, and one of its training runs."""
    campaign, model, options = record.campaign, record.model, record.campaign.options
    state = ("retuned", "--state", str(record.state))
    commands = []
    if campaign.kind == "baseline":
        commands.append(shlex.join([*state, "baseline", model.name]))
    else:
        if model.settings_version != campaign.settings_version:
            commands.append(shlex.join([*state, "rollback", model.name, "--to", str(campaign.settings_version)]))
        words = [*state, "retune", model.name, "--seed", str(campaign.seed)]
        words += ["--strategy", options["strategy"]] if "strategy" in options else []
        words += ["--budget", f"{options['budget_s']:g}s"] if options.get("budget_s") is not None else []
        commands.append(shlex.join(words))
        if record.facts.continued is not None:
            more = str(record.facts.continued.more_pairs)
            commands.append(shlex.join([*state, "confirm", model.name, "--more", more]))
    commands.append(shlex.join([*state, "report", str(campaign.id), "--html", "report.html"]))
    sentences = (
        "The same seed with the same data, code, environment and earlier campaigns gives the same decisions and "
        "scores. In the current state folder, a repeated re-evaluation also knows this one: its best configurations "
        "start the search, and its noise sharpens delta.",
    )
    again, after = _one_training(record)
    return Section("reproduce", "How to reproduce the numbers", sentences, commands=(*commands, *again), after=after)


def _one_training(record: CampaignRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command of one recorded training run, for models that are commands, and where all runs are stored."""
    legs = record.state / "campaigns" / str(record.campaign.id) / "legs"
    where = f"Each run's request, reports and output are in its own folder under {legs}."
    chosen = next((result for result in record.results if _is_first_fresh_run(result.request)), None)
    command = record.file.training.argv
    if (
        chosen is None
        or command is None
        or any(isinstance(value, tuple) for value in chosen.request.configuration.values())
    ):
        return (), (where,)
    request, training = chosen.request, record.file.training
    snapshot = record.prepared.snapshot
    leg = legs / f"{request.name}.a1"
    config = None if training.template is None else str(leg / f"config{training.template.suffix}")
    inputs: dict[str, Value] = {"seed": request.seed, "split_seed": request.split_seed, "data": snapshot, "tmp": "."}
    inputs |= {} if config is None else {"config": config}
    cut = _names_of_cut_files(record)
    inputs |= cut
    environment = {
        "RETUNED_HYPERPARAMETERS": str(leg / "hyperparameters.json"),
        "RETUNED_SEED": str(request.seed),
        "RETUNED_SPLIT_SEED": str(request.split_seed), "RETUNED_PURPOSE": request.purpose.value,
        "RETUNED_DATA": snapshot, "RETUNED_FROM_STEP": f"{request.from_step:.17g}",
        "RETUNED_TO_STEP": f"{request.to_step:.17g}", "RETUNED_BUDGET_UNIT": training.budget.unit.value,
        "RETUNED_REPORT": "report.jsonl",
    }  # fmt: skip
    environment |= {} if config is None else {"RETUNED_CONFIG": config}
    environment |= {f"RETUNED_{name.upper()}": file for name, file in cut.items()}
    words = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    argv = masked(shlex.join(expand(command, {**inputs, **request.configuration})))
    run = f"cd {shlex.quote(str(training.workdir))} && {' '.join(words)} {argv}"
    reported = f"it reported {record.metric} {record.shown(chosen.score)}"
    files = " and ".join(cut.values())
    gone = f" Its files, {files} here, were cut for it and went with the campaign." if cut else ""
    return (run,), (f"The last command is a single training run ({request.trial}); {reported}.{gone}", where)


def _names_of_cut_files(record: CampaignRecord) -> dict[str, str]:
    """What to call the files that retuned cut for a run, in the data's own format; none where the training cuts."""
    data = record.file.data
    if data is None or data.split is None or data.path is None:
        return {}
    suffix = "".join(data.path.suffixes[-2:]) if data.path.suffix == ".gz" else data.path.suffix
    return {"train": f"train{suffix}", "eval": f"eval{suffix}"}


def _is_first_fresh_run(request: LegRequest) -> bool:
    """Whether this is the first replicate, or the incumbent's run of the first pair."""
    is_held_out = request.purpose in (Purpose.CONFIRM, Purpose.REPLICATE)
    return is_held_out and request.role is Role.INCUMBENT and request.number == 0

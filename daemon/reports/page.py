"""One self-contained page about one campaign, built from its records alone, for an owner to pass on."""

from pathlib import Path
from statistics import fmean, stdev

import jinja2

from ...strategies.records import LegEnd, Purpose, Role
from ...strategies.verdict.verdict_records import Verdict
from ...strategies.verdict.verdict_words import figure
from ...strategies.words import duration, readable
from .campaign_record import CampaignRecord
from .figures import curves_figure, replicates_figure
from .page_background import cost_section, provenance_section, reproduce_section
from .page_causes import causes_section
from .page_panda import panda_sections
from .page_parts import Page, Plot, Section, Table, Tile
from .page_verdict import (
    curves_section,
    evidence_section,
    meaning_of,
    search_section,
    settings_section,
    value_of,
    verdict_tiles,
)
from .self_contained import content_policy, plotly_script, script_json

_HERE = Path(__file__).parent


def page_of(record: CampaignRecord) -> Page:
    """The page about the campaign, as records."""
    verdict = record.campaign.verdict
    return _baseline_page(record) if verdict is None else _verdict_page(record, verdict)


def render_page(page: Page) -> str:
    """The page as HTML. Every text is escaped; only our own files and JSON without "<" are inserted verbatim."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_for_people
    )
    template = environment.from_string((_HERE / "page.html.j2").read_text(encoding="utf-8"))
    library, script = plotly_script(), (_HERE / "page.js").read_text(encoding="utf-8")
    return template.render(
        page=page,
        policy=content_policy(library, script),
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        library=library,
        script=script,
        figures=script_json({plot.id: plot.figure for plot in page.plots}),
    )


def _for_people(value: object) -> object:
    """What the template inserts: texts cleaned of what acts or hides, and our own markup as it is."""
    return readable(value, keep="\n") if type(value) is str else value


def _verdict_page(record: CampaignRecord, verdict: Verdict) -> Page:
    sections = (
        settings_section(record),
        causes_section(record),
        evidence_section(record, verdict),
        *panda_sections(record),
        search_section(record, verdict),
        curves_section(record, verdict),
        cost_section(record),
        provenance_section(record),
        reproduce_section(record),
    )
    return Page(
        title=f"{record.model.name}: {verdict.label} ({_date(record)})",
        model=record.model.name,
        kind="Re-evaluation of the hyperparameters in production",
        badge=verdict.label,
        tone=verdict.outcome.value,
        byline=_byline(record),
        lead=verdict.sentence.replace(" : 1", ":1"),  # verdicts of earlier versions have spaces in their odds
        meaning=meaning_of(record, verdict),
        tiles=verdict_tiles(record, verdict),
        sections=sections,
        footer=_footer(record),
    )


def _baseline_page(record: CampaignRecord) -> Page:
    trials = record.trials(Purpose.REPLICATE, Role.INCUMBENT)
    scores = [record.sign * trial.last.score for trial in trials if trial.last.score is not None]
    tiles = [Tile("runs completed", f"{len(scores)} of {len(trials)}")]
    if scores:
        tiles.insert(0, Tile(f"{record.metric}, mean", figure(fmean(scores)), record.direction))
    if len(scores) > 1:
        tiles.insert(1, Tile("standard deviation", figure(stdev(scores)), "the default yardstick for an improvement"))
    tiles.append(Tile("compute", duration(record.ended.compute_s), f"{record.ended.runs} training runs"))
    contract = record.contract
    meaning = "Later re-evaluations are compared with this baseline."
    if not contract.allows_stale:
        meaning = "Fix the training before the next re-evaluation: as it is, no error rate can be given."
    elif contract.why_no_causes:
        meaning += " Fix the training: as it is, no causes can be named."
    return Page(
        title=f"{record.model.name}: baseline of settings v{record.campaign.settings_version} ({_date(record)})",
        model=record.model.name,
        kind=f"Baseline of settings v{record.campaign.settings_version}",
        badge="BASELINE",
        tone="baseline",
        byline=_byline(record),
        lead=_baseline_sentence(record, scores, len(trials)),
        meaning=meaning,
        tiles=tuple(tiles),
        sections=(
            _replicates_section(record), causes_section(record), cost_section(record),
            provenance_section(record), reproduce_section(record),
        ),
        footer=_footer(record),
    )  # fmt: skip


def _baseline_sentence(record: CampaignRecord, scores: list[float], runs: int) -> str:
    if not scores:
        return f"None of {runs} training runs with the stored settings completed."
    spread = f", with a standard deviation of {figure(stdev(scores))} between runs" if len(scores) > 1 else ""
    contract = "keeps the contract" if not record.contract.all_breaches else "does not keep the contract"
    return (
        f"The stored settings reach {record.metric} {figure(fmean(scores))}{spread} "
        f"({len(scores)} of {runs} runs on fresh seeds and rows completed). The training {contract}."
    )


def _replicates_section(record: CampaignRecord) -> Section:
    trials = record.trials(Purpose.REPLICATE, Role.INCUMBENT)
    values = Table("The stored settings", ("hyperparameter", "stored", "search space"), tuple(
        (parameter.name, value_of(record.incumbent, parameter.name), parameter.allowed)
        for parameter in record.space.hyperparameters
    ))  # fmt: skip
    runs = Table("The replicates", ("replicate", record.metric, "seed", "split seed"), tuple(
        (str(number),
         record.shown(trial.last.score) if trial.last.end is LegEnd.COMPLETED else trial.last.end.value,
         str(trial.last.request.seed), str(trial.last.request.split_seed))
        for number, trial in enumerate(trials, 1)
    ))  # fmt: skip
    has_curves = any(len(leg.curve) > 1 for trial in trials for leg in trial.legs)
    groups = (("replicates", "@incumbent", trials),)
    unit = record.file.training.budget.unit.value
    drawn = curves_figure(record.metric, record.sign, unit, groups, None) if has_curves else None
    drawn = drawn or replicates_figure(record.metric, record.sign, trials)
    shows = f"{record.metric} of {len(trials)} training runs with the stored settings; {record.direction}."
    legend = (
        "One curve per replicate."
        if has_curves
        else "One point per replicate; lines at the mean and one standard deviation from it."
    )
    plot = None if drawn is None else Plot("replicates-plot", drawn, shows, legend)
    return Section("replicates", "The stored settings, trained again", plot=plot, tables=(values, runs))


def _byline(record: CampaignRecord) -> str:
    return f"{record.file.owner}, {_date(record)}, campaign {record.campaign.id}"


def _date(record: CampaignRecord) -> str:
    ended = record.campaign.ended_at
    assert ended is not None
    return f"{ended:%Y-%m-%d}"


def _footer(record: CampaignRecord) -> str:
    return f"Written by retuned from the records of campaign {record.campaign.id}. This page fetches nothing."

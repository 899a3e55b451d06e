"""The sections of a page that say what a re-evaluation found, and on what evidence."""

from collections.abc import Mapping

from ...strategies.legs.names import INCUMBENT, begins_with_trial
from ...strategies.records import LegEnd, LegResult, Outcome, Purpose, Role, Value
from ...strategies.verdict.margin import share_in_words
from ...strategies.verdict.notice import counted_at_floor, render
from ...strategies.verdict.verdict_records import BROKEN_AT, Verdict
from ...strategies.verdict.verdict_words import figure, odds
from ...strategies.words import capital, duration
from ..state.campaigns.campaign_facts import reached
from .campaign_record import CampaignRecord
from .figures import curves_figure, improvement_figure
from .page_parts import Plot, Section, Table, Tile
from .parallel_coordinates import coordinates_figure
from .trials import Trial

TOP = 5  # challengers shown without a click


def meaning_of(record: CampaignRecord, verdict: Verdict) -> str:
    """What the verdict means for the owner, in one or two sentences."""
    if verdict.outcome is Outcome.BROKEN and not verdict.challenger_confirmed:
        return "Look at the data and the training code first: no other values are confirmed to do better."
    if verdict.suspicions and verdict.outcome is Outcome.INCONCLUSIVE:
        return "Look at your data first, then re-evaluate again. Keep the settings in production until then."
    if verdict.outcome is Outcome.INCONCLUSIVE and verdict.watch:
        return f"{_MEANINGS[verdict.outcome]} The evidence for an improvement is worth watching, though."
    return _MEANINGS[verdict.outcome]


_MEANINGS: Mapping[Outcome, str] = {
    Outcome.FRESH: "Nothing needs to be done. Keep the settings in production.",
    Outcome.STALE: "The settings in production lose score on today's data. Adopt the new values.",
    Outcome.DEGRADED: "New hyperparameters would not help. Look at what changed in the data or the features.",
    Outcome.BROKEN: "Training with the settings in production is no longer reliable. Adopt the new values.",
    Outcome.INCONCLUSIVE: "Keep the settings in production for now: nothing was proven either way.",
}


def verdict_tiles(record: CampaignRecord, verdict: Verdict) -> tuple[Tile, ...]:
    """The numbers of the summary; those that the campaign did not measure are left out."""
    metric, tiles = record.metric, []
    if verdict.incumbent_mean is not None:
        note = "" if verdict.challenger_mean is None else f"challenger: {record.shown(verdict.challenger_mean)}"
        tiles.append(Tile(f"{metric}, stored settings", record.shown(verdict.incumbent_mean), note or record.direction))
    if verdict.mean is not None:
        tiles.append(Tile("improvement by the challenger", figure(verdict.mean), _range(verdict)))
        tiles.append(Tile("evidence for an improvement", odds(verdict.e_value), f"STALE at {verdict.stale_at:.0f}:1"))
    if verdict.incumbent_failed:
        of_runs = f"{verdict.incumbent_failed} of {verdict.incumbent_runs}"
        evidence = f"evidence {odds(verdict.divergence_e)}, BROKEN at {BROKEN_AT:.0f}:1"
        tiles.append(Tile("stored settings failed", of_runs, evidence))
    if verdict.outcome is Outcome.DEGRADED and verdict.drop is not None:
        tiles.append(Tile("lost since adoption", figure(verdict.drop), f"p = {figure(verdict.drop_p)}"))
    if verdict.n_pairs:
        tiles.append(Tile("pairs of fresh runs", str(verdict.n_pairs), f"at most {record.most_pairs}"))
    cost = f"{record.ended.runs} training runs"
    return (*tiles, Tile("compute", duration(record.ended.compute_s), cost))


def _range(verdict: Verdict) -> str:
    if verdict.lower is None and verdict.upper is None:
        return "no bounds: too few pairs, or no noise to measure against"
    low, high = ("no bound" if value is None else figure(value) for value in (verdict.lower, verdict.upper))
    return f"{low} to {high}"


def settings_section(record: CampaignRecord) -> Section:
    """The stored values next to the challenger's, and the command that adopts them."""
    challenger, parameters = record.challenger, record.space.hyperparameters
    title = "The new values" if record.recommended else "The settings"
    columns: tuple[str, ...] = ("hyperparameter", f"stored (v{record.campaign.settings_version})", "search space")
    rows: list[tuple[str, ...]]
    if challenger is None:
        rows = [
            (parameter.name, value_of(record.incumbent, parameter.name), parameter.allowed) for parameter in parameters
        ]
        marked: frozenset[int] = frozenset()
        sentences: tuple[str, ...] = ("The search named no challenger.",)
    else:
        name = "recommended" if record.recommended else "challenger, not recommended"
        columns = (columns[0], columns[1], name, columns[2])
        rows = [(parameter.name, value_of(record.incumbent, parameter.name), value_of(challenger, parameter.name),
                 parameter.allowed) for parameter in parameters]  # fmt: skip
        marked = frozenset(index for index, row in enumerate(rows) if row[1] != row[2])
        told = record.space.at_an_end(challenger)
        if not record.recommended:
            told = "The best challenger is shown only for comparison."
        sentences = (told,) if told else ()
    table = Table("Hyperparameters; rows that differ stand out" if marked else "Hyperparameters", columns, tuple(rows),
                  marked=marked)  # fmt: skip
    commands: tuple[str, ...] = ()
    if record.adopted is not None:
        sentences += (f"These values were adopted on {record.adopted.created_at:%Y-%m-%d} "
                      f"as settings v{record.adopted.version}.",)  # fmt: skip
    elif record.recommended:
        commands = (f"retuned adopt {record.model.name} --campaign {record.campaign.id}",)
    return Section("settings", title, sentences, tables=(table,), commands=commands)


def value_of(configuration: Mapping[str, Value], name: str) -> str:
    """A hyperparameter's value as text; inactive ones have none."""
    return render(configuration[name]) if name in configuration else "not in use"


def evidence_section(record: CampaignRecord, verdict: Verdict) -> Section:
    """The pairs, the path of the evidence, and how to read it."""
    title = "How sure: pairs on fresh seeds and rows"
    warnings: tuple[str, ...] = ()
    if not verdict.is_covered and verdict.covered not in verdict.sentence:
        warnings = (verdict.covered,)
    if record.campaign.failure is not None:
        warnings += (f"A later continuation did not finish: {record.campaign.failure}",)
    if not record.path.looks:
        alone = [trial.last for trial in record.trials(Purpose.CONFIRM, Role.INCUMBENT)]
        sentence = (
            "No pairs were run, because there was no challenger to compare with the stored settings. "
            f"{len(alone)} fresh runs of the stored settings alone show how well they do now."
        )
        return Section("evidence", title, (sentence,), warnings, tables=(_runs_table(record, alone),) if alone else ())
    rate = f"{100 * verdict.alpha:.4g}%"
    sentences: tuple[str, ...] = (
        "Stored settings and challenger were trained side by side, each pair on a seed and evaluation rows that the "
        f"search had never seen. The test looked at them after 4, 6, 8 ... pairs. STALE needs evidence of "
        f"{verdict.stale_at:.0f}:1, which settings that are still good reach in at most {rate} of re-evaluations, "
        "whenever the test stops."
        if verdict.is_covered else
        "Stored settings and challenger were trained side by side on new seeds, but the training breaks the contract, "
        "so no error rate can be given.",
    )  # fmt: skip
    sentences += (*counted_at_floor(verdict, record.sign, record.metric), *_continued(record))
    legend = (
        "Above: circles are single pairs, diamonds the mean so far with its interval L to U after each look; early "
        "intervals may extend beyond the frame. FRESH needs the improvement to lie below delta with evidence of "
        f"{verdict.fresh_at:.0f}:1, STALE an interval wholly above 0{_asked(record)}. "
        "Below: the evidence on a logarithmic scale."
    )
    shows = f"Improvement by the challenger over {verdict.n_pairs} pairs, and the evidence for it after each look."
    plot = Plot("improvement", improvement_figure(record.path, verdict), shows, legend)
    tables = (_looks_table(record, verdict), _pairs_table(record, verdict))
    return Section("evidence", title, sentences, warnings, plot, tables, _more_pairs(record, verdict))


def _asked(record: CampaignRecord) -> str:
    """The mean that STALE needs besides, where something says what matters in the unit of the score."""
    delta = None if record.plan is None else record.plan.delta
    return "" if delta is None else f" around a mean of at least {figure(delta)}"


def _continued(record: CampaignRecord) -> tuple[str, ...]:
    """The verdicts before the campaign was continued, if it was."""
    earlier = () if record.facts.continued is None else record.facts.continued.earlier_verdicts
    verdicts = ", ".join(f"{verdict.label} after {verdict.n_pairs} pairs" for verdict in earlier)
    return (
        (f"The campaign was continued with more pairs of the same kind; verdicts before that: {verdicts}.",)
        if earlier
        else ()
    )


def _more_pairs(record: CampaignRecord, verdict: Verdict) -> tuple[str, ...]:
    """The command that continues the campaign, where more pairs may settle it."""
    if not verdict.can_go_on:
        return ()
    more = 8 if verdict.pairs_needed is None else verdict.pairs_needed + verdict.pairs_needed % 2
    return (f"retuned confirm {record.model.name} --campaign {record.campaign.id} --more {more}",)


def _looks_table(record: CampaignRecord, verdict: Verdict) -> Table:
    rows = []
    for look in record.path.looks:
        bounds, is_last = look.bounds, look is record.path.looks[-1]
        numbers = ("–",) * 3 if bounds is None else (figure(bounds.mean), _bound(bounds.lower), _bound(bounds.upper))
        reading = verdict.outcome.value.upper() if is_last else "continue"
        evidence = odds(1.0 if bounds is None else bounds.e_value)
        failures = (odds(look.divergence_e),) if verdict.incumbent_failed else ()
        rows.append((str(look.n_pairs), *numbers, evidence, *failures, reading))
    more = ("evidence of more failures",) if verdict.incumbent_failed else ()
    columns = ("pairs", "mean improvement", "at least (L)", "at most (U)", "evidence for it", *more, "answer")
    delta = "unknown" if verdict.delta is None else figure(verdict.delta) + share_in_words(verdict.delta_share)
    return Table(f"The looks; delta, the smallest improvement that matters, is {delta}", columns, tuple(rows))


def _bound(value: float) -> str:
    return "no bound" if abs(value) == float("inf") else figure(value)


def _pairs_table(record: CampaignRecord, verdict: Verdict) -> Table:
    rows = [
        (str(place), *(_ended(record, result) for result in (pair.incumbent, pair.challenger)),
         "not counted" if pair.difference is None else figure(pair.difference),
         str(pair.incumbent.request.seed), str(pair.incumbent.request.split_seed))
        for place, pair in enumerate(record.path.pairs, 1)
    ]  # fmt: skip
    metric = record.metric
    columns = ("pair", f"{metric}, stored settings", f"{metric}, challenger", "improvement", "seed", "split seed")
    failed = any(pair.has_failure for pair in record.path.pairs) and verdict.floor is not None
    caption = f"The pairs; a failed run counts as {metric} {record.shown(verdict.floor)}" if failed else "The pairs"
    return Table(caption, columns, tuple(rows), is_folded=True)


def _runs_table(record: CampaignRecord, runs: list[LegResult]) -> Table:
    rows = [(str(place), _ended(record, run), str(run.request.seed), str(run.request.split_seed))
            for place, run in enumerate(runs, 1)]  # fmt: skip
    return Table("Runs of the stored settings", ("run", record.metric, "seed", "split seed"), tuple(rows))


def _ended(record: CampaignRecord, result: LegResult) -> str:
    return record.shown(result.score) if result.end is LegEnd.COMPLETED else result.end.value.replace("_", " ")


def search_section(record: CampaignRecord, verdict: Verdict) -> Section:
    """The search: its configurations, drawn and ranked by their scores on development rows."""
    trials = record.searched
    if not trials:
        return Section("search", "The search", ("No trial of the search ended.",))
    chosen, searched = reached(record.facts.chosen), reached(record.facts.searched)
    winner = searched.winner if record.challenger is not None else None
    ranked = sorted(trials, key=lambda trial: trial.rank, reverse=True)
    sentences = (
        f"{capital(chosen.choice)}. {_sentence(searched.reason)}",
        "The search only chooses the challenger. Its scores are from development rows and flatter the winner, "
        "so they are never reported as an improvement.",
    )
    legend = (
        "One line per configuration, axes scaled as in the search; darker (on dark screens: lighter) is better. "
        "Thick and dashed: the stored settings; thick: the challenger; dotted down to a cross: diverged or crashed, "
        "to an open circle: stopped as hopeless. Lines through an axis with few choices are slightly spread."
    )
    figure_ = coordinates_figure(record.space, record.metric, record.sign, trials, INCUMBENT, winner)
    plot = Plot("search-plot", figure_, f"{len(trials)} configurations in parallel coordinates.", legend)
    best = [trial for trial in ranked if trial.name in (INCUMBENT, winner)]
    best += [trial for trial in ranked if trial not in best][: TOP + 2 - len(best)]
    best.sort(key=lambda trial: trial.rank, reverse=True)
    some = _trials_table(record, "The best of the search, and the stored settings", best, winner, is_folded=False)
    everything = _trials_table(record, f"All {len(ranked)} configurations", ranked, winner, is_folded=True)
    return Section("search", "The search", sentences, plot=plot, tables=(some, everything))


def _trials_table(
    record: CampaignRecord, caption: str, trials: list[Trial], winner: str | None, *, is_folded: bool
) -> Table:
    names = [parameter.name for parameter in record.space.hyperparameters]
    labels = {INCUMBENT: " (stored settings)", winner: " (challenger)"}
    rows = [
        (trial.name + labels.get(trial.name, ""),
         *(value_of(trial.last.request.configuration, name) for name in names),
         _ended(record, trial.last), f"{_reached(trial):g} of {record.whole:g}")
        for trial in trials
    ]  # fmt: skip
    marked = frozenset(index for index, trial in enumerate(trials) if trial.name in labels)
    columns = ("trial", *names, f"{record.metric} (development)", record.file.training.budget.unit.value)
    return Table(caption, columns, tuple(rows), is_folded, marked)


def _reached(trial: Trial) -> float:
    """The step that the trial was trained to."""
    return trial.last.request.from_step + trial.last.trained


def _sentence(text: str) -> str:
    """A clause as a sentence; capitalized unless it begins with the name of a trial."""
    return f"{text.rstrip('.')}." if begins_with_trial(text) else f"{text[:1].upper()}{text[1:].rstrip('.')}."


def curves_section(record: CampaignRecord, verdict: Verdict) -> Section:
    """Learning curves of the pairs, those of the search behind them."""
    groups = (
        ("search", "@muted", record.searched),
        ("stored settings, fresh runs", "@incumbent", record.trials(Purpose.CONFIRM, Role.INCUMBENT)),
        ("challenger, fresh runs", "@challenger", record.trials(Purpose.CONFIRM, Role.CHALLENGER)),
    )
    unit = record.file.training.budget.unit.value
    drawn = curves_figure(record.metric, record.sign, unit, groups, verdict.floor)
    title = "Learning curves"
    if drawn is None:
        return Section("curves", title, ("No run reported anything before its end.",))
    trials = [trial for _, _, group in groups for trial in group]
    silent = sum(trial.has_failed and not trial.curve for trial in trials)
    once = all(len(leg.curve) <= 1 for trial in trials for leg in trial.legs)
    sentences = (
        *(("The training reports only at the end of each leg, so a curve is its end points.",) if once else ()),
        *((f"{silent} runs ended without a report and cannot be drawn.",) if silent else ()),
    )
    legend = (
        "Search runs are scored on development rows, fresh runs on held-out rows; a cross marks a failed run's end."
    )
    shows = f"{record.metric} over {unit} of training; {record.direction}."
    return Section("curves", title, sentences, plot=Plot("curves-plot", drawn, shows, legend))

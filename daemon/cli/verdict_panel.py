"""Panels about how a campaign ended."""

from collections.abc import Sequence
from statistics import fmean, stdev

from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from ...strategies.records import Configuration, Outcome
from ...strategies.verdict.margin import margin_of, share_in_words, skill_of, what_matters
from ...strategies.verdict.notice import counted_at_floor, render_changes
from ...strategies.verdict.verdict_records import Reason, TestPlan, Verdict
from ...strategies.verdict.verdict_words import divergence_odds, odds
from ...strategies.words import duration, in_digits, readable
from ..api.views import Replicates
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign
from ..state.models.registry import Model
from .next_commands import next_commands
from .screen import Text
from .tables import PANEL_WIDTH, STYLES, number


def baseline_panel(model: Model, campaign: Campaign, runs: Replicates) -> Panel:
    """The result of a baseline: score, noise, and whether the contract holds."""
    if campaign.phase != "done":
        return _panel(
            [Text(campaign.failure or campaign.phase)], f"{model.name}: baseline {campaign.phase}", campaign, "red"
        )
    sign = model.file.objective().sign
    scores = [sign * score for score in runs.scores]
    spread = f", standard deviation {in_digits(stdev(scores), 3)}" if len(scores) > 1 else ""
    mean = f"{model.file.goal.metric} {in_digits(fmean(scores), 4)}{spread}" if scores else "no run completed"
    contract = reached(campaign.facts.contract)
    lines: list[Text | Table] = [
        Text(f"settings v{campaign.settings_version}: {mean}; {len(scores)} of {runs.runs} runs completed"),
        *((Text(f"Failed: {readable(runs.failure)}", style="yellow"),) if runs.failure else ()),
        *((Text(_what_matters(model, scores)),) if scores else ()),
        Text(f"\n{contract.covered}"),
        *(Text(f"Note: {note}.") for note in (*reached(campaign.facts.prepared).notes, *_suspicions(campaign))),
    ]
    colour = "yellow" if contract.all_breaches else "green"
    return _panel(lines, f"{model.name}: baseline", campaign, colour)


def _what_matters(model: Model, values: Sequence[float]) -> str:
    """The smallest improvement that matters, given the baseline's values of the metric."""
    goal = model.file.goal
    skill = skill_of(values, goal.floor if goal.trivial is None else goal.trivial)
    return f"smallest improvement that matters: {what_matters(margin_of(goal.margin), skill)}"


def verdict_panel(model: Model, campaign: Campaign, incumbent: Configuration) -> Panel:
    """The end of a campaign on one screen."""
    if campaign.verdict is None or campaign.failure is not None:  # a failed continuation keeps its earlier verdict
        ended = campaign.phase if campaign.verdict is None else "not continued"
        return _panel([Text(campaign.failure or "no verdict")], f"{model.name}: {ended}", campaign, "red")
    verdict = campaign.verdict
    recommended = reached(campaign.facts.ended).recommended
    lines: list[Text | Table] = [Text(verdict.sentence)]
    if recommended is not None:
        values = model.space.validate(recommended)
        lines.append(Text(f"\nChange: {render_changes(incumbent, values)}", style="bold"))
        if at_an_end := model.space.at_an_end(values):
            lines.append(Text(at_an_end, style="yellow"))
    lines.append(_figures(model, campaign, verdict))
    sign = model.file.objective().sign
    lines += [Text(sentence) for sentence in counted_at_floor(verdict, sign, model.file.goal.metric)]
    lines += [Text(sentence) for sentence in _background(campaign, verdict)]
    if verdict.watch:
        lines.append(Text("\nWatch: the evidence for an improvement is 20:1 or more, but not enough for a verdict."))
    if verdict.can_go_on:
        challenger = reached(campaign.facts.searched).challenger
        if challenger is not None:
            lines.append(
                Text(f"\nChallenger: {render_changes(incumbent, model.space.validate(challenger, strict=False))}")
            )
    title = Text(f" {model.name}: {verdict.label} ", style=STYLES[verdict.outcome])
    return _panel(lines, title, campaign, STYLES[verdict.outcome].split()[-1])


def _panel(lines: Sequence[Text | Table], title: str | Text, campaign: Campaign, colour: str) -> Panel:
    """A panel that ends with what to type next."""
    commands = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for command, purpose in next_commands(campaign):
        commands.add_row(Text(command, style="bold"), Text(purpose, style="dim"))
    return Panel(
        Group(*lines, Text("\nNext:"), commands),
        title=title,
        subtitle=f"campaign {campaign.id}",
        border_style=colour,
        width=PANEL_WIDTH,
    )


def _figures(model: Model, campaign: Campaign, verdict: Verdict) -> Table:
    sign = model.file.objective().sign
    metric = model.file.goal.metric
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    pairs: list[tuple[str, str]] = []
    plan = reached(campaign.facts.searched).test_plan
    if plan.birth_scores:
        pairs.append((f"{metric}, at the baseline", number(sign * fmean(plan.birth_scores))))
    measured = " (as measured)" if counted_at_floor(verdict, sign, metric) else ""
    if verdict.incumbent_mean is not None:
        pairs.append((f"{metric}, stored settings", f"{number(sign * verdict.incumbent_mean)}{measured}"))
    if verdict.challenger_mean is not None:
        pairs.append((f"{metric}, challenger", f"{number(sign * verdict.challenger_mean)}{measured}"))
    if verdict.mean is not None:
        clipped = ", each run at the floor at least" if measured else ""
        pairs.append(("improvement in pairs", f"{number(verdict.mean, 3)} ({_bounds(verdict)}){clipped}"))
        pairs.append(("evidence", f"{odds(verdict.e_value)}, STALE at {verdict.stale_at:.0f}:1"))
    pairs += _deltas(plan, verdict)
    if verdict.n_pairs:
        pairs.append(("pairs", str(verdict.n_pairs)))
    if verdict.incumbent_failed:
        failed = f"{verdict.incumbent_failed} of {verdict.incumbent_runs} ({divergence_odds(verdict)})"
        pairs.append(("failed runs, stored settings", failed))
    ended = reached(campaign.facts.ended)
    cost = f"{ended.runs} training runs, {duration(ended.compute_s)} of compute"
    pairs.append(("cost", f"{cost}; seed {campaign.seed}"))
    for kind, seconds in ended.nodes.items():
        pairs.append((f"on {kind}", duration(seconds)))
    grid.add_row("", "")
    for name, value in pairs:
        grid.add_row(Text(name, style="dim"), Text(value))
    return grid


def _deltas(plan: TestPlan, verdict: Verdict) -> list[tuple[str, str]]:
    """What matters: a lower mean is not STALE, and FRESH rules out what may be more, by the noise of the pairs."""
    if verdict.delta is None:
        return []
    ruled_out = number(verdict.delta, 3) + share_in_words(verdict.delta_share)
    if plan.delta is None or plan.delta == verdict.delta:
        return [("smallest improvement that matters", ruled_out)]
    asked = number(plan.delta, 3) + share_in_words(None if plan.skill is None else plan.delta / plan.skill)
    asks = ("STALE asks, on average, for", asked)
    return [asks] if verdict.outcome in (Outcome.STALE, Outcome.BROKEN) else [asks, ("FRESH would rule out", ruled_out)]


def _bounds(verdict: Verdict) -> str:
    """The confidence bounds of the improvement; either may not exist yet."""
    if verdict.lower is None:
        return "no lower bound" if verdict.upper is None else f"no lower bound, at most {number(verdict.upper, 3)}"
    if verdict.upper is None:
        return f"at least {number(verdict.lower, 3)}"
    return f"at least {number(verdict.lower, 3)}, at most {number(verdict.upper, 3)}"


def _background(campaign: Campaign, verdict: Verdict) -> tuple[str, ...]:
    prepared, ended = reached(campaign.facts.prepared), reached(campaign.facts.ended)
    changes = f"\nSince these settings were adopted: {'; '.join(prepared.changes)}." if prepared.changes else ""
    notes = "\n".join(f"Note: {note}." for note in (*prepared.notes, *_suspicions(campaign)))
    reasons = (ended.causes, ended.cost_drift)
    why = [f"\n{reason.sentence}" for reason in reasons if reason is not None and reason.sentence]
    return tuple(line for line in (*why, changes, _covered(campaign, verdict), notes) if line)


def _covered(campaign: Campaign, verdict: Verdict) -> str:
    """Whether the error rates hold; empty where the verdict's sentence has said why they do not."""
    if not verdict.is_covered:
        return "" if verdict.covered in verdict.sentence else f"\n{verdict.covered}"
    rests = (
        ": another seed did not change the score when that was tried, so pairs may differ by their rows alone"
        if reached(campaign.facts.contract).draws_nothing
        else ""
    )
    return f"\nThe training keeps the contract, so these error rates hold{rests}."


def _suspicions(campaign: Campaign) -> tuple[str, ...]:
    """What looks like a glitch in the data, where the verdict itself does not say so."""
    if campaign.verdict is not None and campaign.verdict.reason is Reason.LOOK_AT_DATA:
        return ()
    return tuple(f"look at your data: {suspicion}" for suspicion in campaign.facts.suspicions)

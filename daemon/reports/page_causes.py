"""The section of a page that explains the verdict: causes, what changed, and suspected glitches in the data."""

from collections.abc import Sequence

from ...strategies.drift.cause_records import Causes, Effect, Finding
from ...strategies.records import Outcome
from ...strategies.verdict.verdict_words import figure
from .campaign_record import CampaignRecord
from .figures import effects_figure
from .page_parts import Plot, Section, Table

_FINDINGS = {  # the stored values are of an earlier wording
    Finding.GAIN_CONFIRMED: "improvement confirmed",
    Finding.NO_GAIN_CONFIRMED: "no improvement confirmed",
}


def causes_section(record: CampaignRecord) -> Section:
    """Why the verdict was reached, as far as the campaign found out."""
    causes, drift = record.ended.causes, record.ended.cost_drift
    sentences = [_what_changed(record)]
    if causes is not None:
        sentences.insert(0, causes.sentence)
    elif record.campaign.verdict is not None:
        sentences.append(_no_causes(record.campaign.verdict.outcome))
    sentences += [drift.sentence] if drift is not None and drift.sentence else []
    sentences += [f"Note: {_ended(note)}" for note in record.prepared.notes]
    effects = () if causes is None else causes.effects
    warnings = tuple(f"Look at your data: {_ended(suspicion)}" for suspicion in record.facts.suspicions)
    title = "Why, and what changed" if record.campaign.kind == "retune" else "What later campaigns are compared with"
    return Section(
        "causes", title, tuple(sentences), warnings, _plot(effects),
        tables=(_effects_table(causes, effects),) if causes is not None and effects else (),
    )  # fmt: skip


def _what_changed(record: CampaignRecord) -> str:
    changes = record.prepared.changes
    if record.campaign.kind == "baseline":
        return "Re-evaluations of these settings compare scores, data, code and environment with this baseline."
    if changes:
        return f"Since the stored settings were adopted: {'; '.join(changes)}."
    if not record.prepared.environment.has_software:
        return (
            "As far as is known, data and code are unchanged since the stored settings were adopted; of the "
            "environment only the machine is known, not which Python trains."
        )
    return "As far as is known, data, code and environment are unchanged since the stored settings were adopted."


def _no_causes(outcome: Outcome) -> str:
    if outcome in (Outcome.FRESH, Outcome.INCONCLUSIVE):
        return "Causes are investigated only when there is something to explain."
    return "This campaign did not investigate causes."


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def _plot(effects: Sequence[Effect]) -> Plot | None:
    measured = [(_name(effect), effect.mean, effect.low, effect.high) for effect in effects if effect.mean is not None]
    if not measured:
        return None
    shows = "What each cause does to the score, with its interval."
    return Plot("causes-plot", effects_figure(measured), shows, "Left of zero, the cause makes the score worse.")


def _effects_table(causes: Causes, effects: Sequence[Effect]) -> Table:
    rows = tuple(
        (
            _name(effect),
            _FINDINGS.get(effect.finding, effect.finding.value),
            _number(effect.mean),
            _interval(effect),
            effect.of,
        )
        for effect in effects
    )
    caption = f"Causes; intervals of data, environment and code cover {100 * causes.level:.0f}%"
    return Table(caption, ("cause", "finding", "change in score", "interval", "what is compared"), rows)


def _name(effect: Effect) -> str:
    """The cause for a reader; the record says 'settings' for the challenger's improvement, 'birth' for the same on the
    old data."""
    names = {"settings": "challenger, new data", "birth": "challenger, old data"}
    return names.get(effect.cause, effect.cause.value)


def _number(value: float | None) -> str:
    return "–" if value is None else figure(value)


def _interval(effect: Effect) -> str:
    low, high = effect.low, effect.high
    return "–" if low is None and high is None else f"{_number(low)} to {_number(high)}"

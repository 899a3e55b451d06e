"""The words of an alert: which model, how much is lost, what to use instead, how sure, what it cost, what to type."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..records import Configuration, Outcome, Value
from ..words import counted, duration, in_digits
from .verdict_records import BROKEN_AT, Reason, Verdict
from .verdict_words import divergence_odds, figure, odds

LEAST_DIGITS, MOST_DIGITS = 2, 4  # significant ones, of a value in a sentence
SHOWN_POINTS = 6  # of a schedule in a sentence; records and settings files hold all of them


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notice is about: the model, the metric in its own direction, and what was measured. `at_an_end`: of the
    recommended values, as `Space.at_an_end` says it."""

    model: str
    owner: str
    campaign_id: int
    metric: str
    lower_is_better: bool
    settings_version: int
    incumbent: Configuration
    recommended: Configuration | None
    compute_s: float
    runs: int
    changes: tuple[str, ...]
    why: tuple[str, ...] = ()
    at_an_end: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A title, the sentences below it, and a severity: 'alert' is sent at once, 'digest' waits for the digest."""

    title: str
    sentences: tuple[str, ...]
    severity: str
    commands: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole notice as plain text."""
        return "\n".join((self.title, "", *self.sentences, "", *(f"  {command}" for command in self.commands)))


def write_notice(subject: Subject, verdict: Verdict) -> Notice | None:
    """The notice that a verdict calls for; None for FRESH and INCONCLUSIVE, unless something is wrong."""
    if verdict.reason is Reason.LOOK_AT_DATA:
        return _look_at_data(subject, verdict)
    if verdict.reason is Reason.ALL_FAIL:
        return _all_fail(subject, verdict)
    if verdict.reason is Reason.SEARCH_TOO_SMALL and not verdict.has_fallen:
        return _search_too_small(subject, verdict)
    if verdict.outcome is Outcome.STALE:
        return _stale(subject, verdict)
    if verdict.outcome is Outcome.BROKEN:
        return _broken(subject, verdict)
    if verdict.outcome is Outcome.DEGRADED or (verdict.outcome is Outcome.INCONCLUSIVE and verdict.has_fallen):
        return _degraded(subject, verdict)
    return _fresh_on_odd_data(subject, verdict) if verdict.outcome is Outcome.FRESH and verdict.suspicions else None


def render(value: Value) -> str:
    """A hyperparameter value as text: four significant digits; a schedule as its points, a long one shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.{MOST_DIGITS}g}"
    if isinstance(value, tuple):
        points = [f"{step:g}: {rate:.4g}" for step, rate in value]
        if len(points) > SHOWN_POINTS + 1:
            points[SHOWN_POINTS // 2 : -SHOWN_POINTS // 2] = [f"... {len(points) - SHOWN_POINTS} points ..."]
        return "[" + ", ".join(points) + "]"
    return str(value)


def render_changes(incumbent: Configuration, recommended: Configuration) -> str:
    """The values that differ, as 'lr 0.03 -> 0.004, momentum 0.9 -> 0.5'; both sides of a change in one precision."""
    names = [name for name in {**recommended, **incumbent} if incumbent.get(name) != recommended.get(name)]
    return ", ".join(f"{name} {_change(incumbent, recommended, name)}" for name in names)


def _change(incumbent: Configuration, recommended: Configuration, name: str) -> str:
    before, after = incumbent.get(name), recommended.get(name)
    if not isinstance(before, float) or not isinstance(after, float):
        return f"{_side(incumbent, name)} -> {_side(recommended, name)}"
    for digits in range(max(LEAST_DIGITS, _significant_digits(before)), MOST_DIGITS):
        told = in_digits(before, digits), in_digits(after, digits)
        if told[0] != told[1]:
            return " -> ".join(told)
    return f"{render(before)} -> {render(after)}"


def _significant_digits(value: float) -> int:
    """How many digits the value has as `render` shows it: 2 of 0.044, 4 of 0.0007604."""
    mantissa = f"{value:.{MOST_DIGITS - 1}e}".partition("e")[0]
    return len(mantissa.replace(".", "").strip("-0"))


def _side(configuration: Mapping[str, Value], name: str) -> str:
    return render(configuration[name]) if name in configuration else "(unused)"


def _stale(subject: Subject, verdict: Verdict) -> Notice:
    title = f"{subject.model}: the stored hyperparameters are stale"
    critical = ("Critical: the evidence is at least ten times the bar.",) if verdict.critical else ()
    return Notice(
        title=f"Critical: {title}" if verdict.critical else title,
        sentences=(*critical, *_loss(subject, verdict), *_values(subject), _POOL, *_background(subject)),
        severity="alert",
        commands=_commands(subject),
    )


_POOL = (
    "This holds for the training rows that the model has now, which all runs share; on other rows the difference may "
    "be smaller."
)


def _broken(subject: Subject, verdict: Verdict) -> Notice:
    sentences = [
        f"Training with the stored settings (v{subject.settings_version}) now diverges or crashes more often than "
        f"at the baseline ({divergence_odds(verdict)}; the bar is {BROKEN_AT:.0f}:1).",
    ]
    if subject.recommended is not None:
        sentences += [*_loss(subject, verdict), *_values(subject)]
    else:
        sentences.append("No other settings were confirmed to do better; the data or the code may be at fault.")
    return Notice(
        title=f"{subject.model}: training with the stored hyperparameters is broken",
        sentences=(*sentences, *_background(subject)),
        severity="alert",
        commands=_commands(subject),
    )


_WITHOUT_BETTER = {
    Outcome.DEGRADED: "but no better hyperparameters were found",
    Outcome.INCONCLUSIVE: "and nothing could be decided about the hyperparameters",
}


def _degraded(subject: Subject, verdict: Verdict) -> Notice:
    return Notice(
        title=f"{subject.model}: scores fell, {_WITHOUT_BETTER[verdict.outcome]}",
        sentences=(verdict.sentence, *_suspicions(verdict), *_background(subject)),
        severity="digest",
        commands=(f"retuned drift {subject.model}",),
    )


def _look_at_data(subject: Subject, verdict: Verdict) -> Notice:
    return Notice(
        title=f"{subject.model}: look at your data",
        sentences=(
            "The re-evaluation reached no decision: a few values in the data are far from all others, and such values "
            "can make good settings look stale or broken.",
            *_suspicions(verdict),
            "Correct them and re-tune again. If they are right, first set accept_outliers = true under [data] in the "
            "model file and register it.",
            *_background(subject),
        ),
        severity="alert",
        commands=(f"retuned retune {subject.model}", f"retuned history {subject.model}"),
    )


def _fresh_on_odd_data(subject: Subject, verdict: Verdict) -> Notice:
    return Notice(
        title=f"{subject.model}: the stored hyperparameters are still good, but look at your data",
        sentences=(
            "A few values in the data are far from all others. They did not change this verdict, but the model may be "
            "trained on them.",
            *_suspicions(verdict),
            "If they are right, set accept_outliers = true under [data] in the model file and register it.",
            *_background(subject),
        ),
        severity="digest",
        commands=(f"retuned history {subject.model}",),
    )


def _all_fail(subject: Subject, verdict: Verdict) -> Notice:
    return Notice(
        title=f"{subject.model}: training fails now, whatever the hyperparameters",
        sentences=(verdict.sentence, *_background(subject)),
        severity="digest",
        commands=(f"retuned retune {subject.model}", f"retuned history {subject.model}"),
    )


def _search_too_small(subject: Subject, verdict: Verdict) -> Notice:
    return Notice(
        title=f"{subject.model}: the re-evaluation was too small to decide anything",
        sentences=(verdict.sentence, *_background(subject)),
        severity="digest",
        commands=(f"retuned plan {subject.model}", f"retuned retune {subject.model}"),
    )


def counted_at_floor(verdict: Verdict, sign: float, metric: str) -> tuple[str, ...]:
    """How failed and cut runs of the pairs count, in a sentence each; nothing where every run counts as measured.

    `sign` is -1.0 for a metric of which less is better.
    """
    if verdict.floor is None:
        return ()
    floor, sentences = f"{metric} {figure(sign * verdict.floor)}", []
    failed = verdict.incumbent_failed + verdict.challenger_failed
    if failed:
        sentences.append(
            f"{counted(failed, 'run')} failed ({verdict.incumbent_failed} with the stored settings, "
            f"{verdict.challenger_failed} with the challenger's); in a pair each counts as {floor}."
        )
    if verdict.cut:
        sentences.append(f"{counted(verdict.cut, 'run')} scored worse than the declared floor; each counts as {floor}.")
    return tuple(sentences)


def _suspicions(verdict: Verdict) -> tuple[str, ...]:
    return tuple(f"Look at your data: {suspicion}." for suspicion in verdict.suspicions)


def _loss(subject: Subject, verdict: Verdict) -> tuple[str, ...]:
    if verdict.lower is None or verdict.mean is None:
        return ()
    direction = "lower is better" if subject.lower_is_better else "higher is better"
    sign = -1.0 if subject.lower_is_better else 1.0
    means = ""
    if verdict.incumbent_mean is not None and verdict.challenger_mean is not None:
        now, then = figure(sign * verdict.incumbent_mean), figure(sign * verdict.challenger_mean)
        means = f" ({now} now, {then} with the new values)"
    return (
        f"Keeping these settings makes {subject.metric} worse by at least {in_digits(verdict.lower, 3)}, "
        f"{in_digits(verdict.mean, 3)} on average{means}; {direction}.",
        f"Measured on {verdict.n_pairs} pairs of fresh training runs, old and new settings side by side on the same "
        f"seeds and rows: evidence {odds(verdict.e_value)}; the bar is {verdict.stale_at:.0f}:1 "
        f"(settings that are still good pass it in at most {verdict.alpha:.2%} of campaigns).",
        *counted_at_floor(verdict, sign, subject.metric),
    )


def _values(subject: Subject) -> tuple[str, ...]:
    if subject.recommended is None:
        return ()
    values = ", ".join(f"{name} = {render(value)}" for name, value in subject.recommended.items())
    ends = (subject.at_an_end,) if subject.at_an_end else ()
    return (f"Change: {render_changes(subject.incumbent, subject.recommended)}.", f"Use: {values}.", *ends)


def _background(subject: Subject) -> tuple[str, ...]:
    cost = f"The re-evaluation took {subject.runs} training runs, {duration(subject.compute_s)} of compute."
    changes = f"Since these settings were adopted: {'; '.join(subject.changes)}." if subject.changes else ""
    return tuple(sentence for sentence in (*subject.why, changes, cost) if sentence)


def _commands(subject: Subject) -> tuple[str, ...]:
    adopt = (f"retuned adopt {subject.model}",) if subject.recommended is not None else ()
    return (*adopt, f"retuned drift {subject.model}", f"retuned history {subject.model}")

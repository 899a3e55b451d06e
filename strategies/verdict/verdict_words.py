"""A verdict in one sentence."""

from collections.abc import Callable, Mapping

from ..records import Outcome
from ..words import capital, counted, in_digits
from .margin import COARSE_SHARE, share_in_words
from .verdict_records import Reason, Verdict


def sentence_of(verdict: Verdict, searched: str) -> str:
    """The verdict in plain words for the owner, in score units.

    `searched` is the search's own reason; where it was too small, what was too small about it.
    """
    return _SENTENCES[verdict.outcome](verdict, searched)


def odds(e_value: float) -> str:
    """Evidence as odds in three significant digits: '259:1', 'over 10,000:1'."""
    return "over 10,000:1" if e_value > 10_000 else f"{figure(float(f'{e_value:.3g}'))}:1"


def divergence_odds(verdict: Verdict) -> str:
    """The evidence that the incumbent fails more often than its baseline, and after how many runs if more followed."""
    at = f" after the first {verdict.divergence_at} runs" if verdict.divergence_at < verdict.incumbent_runs else ""
    return f"evidence {odds(verdict.divergence_e)}{at}"


def figure(value: float | None) -> str:
    """A number in four significant digits, without an exponent unless it is very large or very small."""
    return "an unknown amount" if value is None else in_digits(value, 4)


def _stale(verdict: Verdict, _: str) -> str:
    return (
        f"The stored settings are stale: over {verdict.n_pairs} pairs of fresh runs the challenger is "
        f"{figure(verdict.mean)} better on average and at least {figure(verdict.lower)} better "
        f"(evidence {odds(verdict.e_value)}; settings that are still good reach {figure(verdict.stale_at)}:1 "
        f"in at most {figure(100 * verdict.alpha)}% of campaigns)."
    )


def _fresh(verdict: Verdict, searched: str) -> str:
    if verdict.reason is Reason.NOTHING_BETTER_FOUND:
        why = f" ({searched.rstrip('.')})" if searched else ""
        return f"The stored settings are still good: the search found nothing better{why}.{_would_find(verdict)}"
    least = f"{figure(verdict.delta)}{share_in_words(verdict.delta_share)}"
    claim = (
        f"a challenger is better, but by less than {least}"
        if verdict.reason is Reason.IMMATERIAL_GAIN
        else f"the best challenger does not improve on them by {least}"
    )
    error_rate = f"error rate {figure(100 * verdict.beta)}%" if verdict.is_covered else "no error rate can be given"
    return (
        f"The stored settings are still good: {claim}, the smallest improvement that matters (improvement over "
        f"{verdict.n_pairs} pairs of fresh runs: {figure(verdict.mean)} on average, at most {figure(verdict.upper)}; "
        f"{error_rate}).{_before(verdict)}{_would_find(verdict)}{_coarse(verdict)}"
    )


def _before(verdict: Verdict) -> str:
    """That another challenger was tested before this one; empty where none was."""
    if not verdict.pairs_before:
        return ""
    pairs = counted(verdict.pairs_before, "pair")
    return f" A first challenger, over {pairs}, did not improve on them by that much either."


def _would_find(verdict: Verdict) -> str:
    """What a larger loss would have looked like; empty where it is not known."""
    if verdict.would_find is None:
        return ""
    loss = f"{figure(float(f'{verdict.would_find:.2g}'))}{share_in_words(verdict.would_find_share)}"
    return f" A loss of {loss} would be found in about 8 of 10 such re-evaluations, by simulation."


def _coarse(verdict: Verdict) -> str:
    """A warning where a large part of the skill could be lost without a word; empty elsewhere."""
    if verdict.delta_share is None or verdict.delta_share <= COARSE_SHARE:
        return ""
    if verdict.delta_share > 1:
        return (
            " The scores lie so close to that of a model that has learned nothing that all of its skill could be lost "
            "without a word: see whether trivial under [objective] is right, state a margin, or evaluate on more rows."
        )
    return (
        f" A loss below {in_digits(100 * verdict.delta_share, 2)}% of the skill can go unnoticed: state a smaller "
        "margin under [objective], or evaluate on more rows."
    )


def _degraded(verdict: Verdict, _: str) -> str:
    return (
        f"The stored settings have got worse by {figure(verdict.drop)} since adoption "
        f"(p = {figure(verdict.drop_p)}), and no settings are materially better{_at_most(verdict)}."
    )


def _at_most(verdict: Verdict) -> str:
    return "" if verdict.upper is None else f": the best challenger's improvement is at most {figure(verdict.upper)}"


def _broken(verdict: Verdict, _: str) -> str:
    confirmed = (
        f"The challenger's values are confirmed to be at least {figure(verdict.lower)} better, over "
        f"{verdict.n_pairs} pairs."
        if verdict.challenger_confirmed
        else "No other values are confirmed to be better."
    )
    return (
        f"The stored settings are broken: {verdict.incumbent_failed} of {verdict.incumbent_runs} runs diverged or "
        f"crashed, more often than at the baseline ({divergence_odds(verdict)}). {confirmed}"
    )


def _inconclusive(verdict: Verdict, searched: str) -> str:
    if verdict.reason is Reason.LOOK_AT_DATA:
        return (
            f"No decision. Look at your data: {'; '.join(verdict.suspicions)}. "
            "A few such values can make good settings look stale or broken."
        )
    why = _small_gain(verdict) or _UNDECIDED.get(verdict.reason, verdict.covered)
    if verdict.reason is Reason.ALL_FAIL:
        last = f" The last one: {verdict.why_failed}." if verdict.why_failed else ""
        return f"No decision. {why}{last}"
    if verdict.reason is Reason.SEARCH_FAILED and searched:
        why = capital(searched.rstrip(".")) + "."
    if verdict.reason is Reason.SEARCH_TOO_SMALL:
        why = f"{why} {capital(searched.rstrip('.'))}." if searched else why
    improvement = ""
    if verdict.is_covered and verdict.lower is not None and verdict.upper is not None:
        improvement = (
            f" Over {verdict.n_pairs} pairs the challenger's improvement is {figure(verdict.mean)} on average "
            f"({figure(verdict.lower)} to {figure(verdict.upper)})."
        )
    more = (
        f" About {verdict.pairs_needed} more pairs would settle it at this improvement and noise."
        if verdict.pairs_needed is not None
        else ""
    )
    if more == "" and verdict.reason is Reason.UNDECIDED:
        more = (
            " The noise of a pair is large compared with the smallest improvement that matters, so more pairs alone "
            "may not settle it."
        )
    fell = f" The stored settings have got worse by {figure(verdict.drop)} since adoption."
    return f"No decision. {why}{improvement}{more}{fell if verdict.has_fallen else ''}"


def _small_gain(verdict: Verdict) -> str:
    """That an improvement is confirmed whose size is not known to matter; empty where that is not so."""
    is_undecided = verdict.reason in (Reason.UNDECIDED, Reason.BUDGET_SPENT, Reason.RUNS_LOST)
    if not is_undecided or not verdict.is_covered or verdict.lower is None or verdict.lower <= 0:
        return ""
    least = f"{figure(verdict.delta)}{share_in_words(verdict.delta_share)}"
    return f"The challenger is better, but it is not settled whether by {least}, the smallest improvement that matters."


_SENTENCES: Mapping[Outcome, Callable[[Verdict, str], str]] = {
    Outcome.STALE: _stale,
    Outcome.FRESH: _fresh,
    Outcome.DEGRADED: _degraded,
    Outcome.BROKEN: _broken,
    Outcome.INCONCLUSIVE: _inconclusive,
}


_UNDECIDED = {  # a breach of the contract has its own sentence, in `covered`
    Reason.UNDECIDED: "The allowed number of pairs does not settle whether the challenger is better.",
    Reason.BUDGET_SPENT: "The budget was spent before the pairs could settle it; allow more time.",
    Reason.SEARCH_FAILED: "The search could not name a challenger; read the output of its runs.",
    Reason.SEARCH_TOO_SMALL: "The search was too small to see whether other settings are better.",
    Reason.NO_NOISE: "All pairs differ by the same amount, so there is no noise to measure an improvement "
    "against; check that the training uses the hyperparameters, the seed and the split seed that it is given.",
    Reason.ALL_FAIL: "Training fails now whatever the settings, which says nothing about the stored ones: "
    "look at the machine, the services that the training needs, the data and the code, then re-tune again.",
    Reason.NO_FLOOR: "Runs diverged or crashed, and nothing says what such a run scores; "
    "declare a floor under [objective].",
    Reason.RUNS_LOST: "Too many runs were lost to machine failures; check the workers, then re-tune again.",
}

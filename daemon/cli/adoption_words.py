"""Adoptions in words: what would change, with the evidence, and what became of one that was made."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...strategies.legs.command import arguments_for
from ...strategies.records import configuration_of
from ...strategies.verdict.notice import render
from ...strategies.verdict.verdict_words import figure, odds
from ..state.models.adoption_log import Adoption, Kind
from ..state.models.auto_adoptions import AutoAdoption

if TYPE_CHECKING:
    from ..api.proposed_view import Proposed

UNUSED = "(unused)"
_KINDS = {
    Kind.ADOPTED: "adopted",
    Kind.BY_ITSELF: "adopted without a person",
    Kind.FROM_FILE: "adopted from the settings file",
    Kind.ROLLED_BACK: "rolled back to older values",
}


def proposed_lines(proposed: "Proposed") -> Iterator[str]:
    """What would change, old and new side by side, and why."""
    model = proposed.model
    yield f"{model.name} of {model.file.owner}: settings v{model.settings_version} -> {proposed.origin}"
    yield ""
    yield from _side_by_side(proposed)
    yield ""
    yield from _evidence(proposed)
    for name in proposed.edited:
        yield f"note: the settings file has another value of {name} than the registry, which is overwritten"
    file, hook = model.file.settings_file, model.file.settings.hook
    if file is not None:
        yield f"writes: {file}"
    else:
        yield "writes no file, since the model file names none under [settings]: set the values where you train"
        typed = arguments_for(model.file.training.argv or (), configuration_of(proposed.after))
        if typed:
            yield f"  {shlex.join(typed)}"
    if hook is not None:
        yield f"then runs: {' '.join(hook)}"


def adoption_lines(adoption: Adoption | None, only_hook: bool = False) -> Iterator[str]:
    """How the current settings were adopted and what came of it; of the hook alone, where that is wanted."""
    if adoption is None:
        return
    if not only_hook:
        why = "" if not adoption.why else f": {adoption.why}"
        words = _KINDS[adoption.kind]
        version = f"settings v{adoption.settings_version}"
        yield f"{version} {words} on {adoption.adopted_at:%Y-%m-%d} by {adoption.by}{why}"
        yield adoption.gain_sentence
    if adoption.hook_sentence:
        yield adoption.hook_sentence


def auto_lines(decision: AutoAdoption | None) -> Iterator[str]:
    """The last decision about adopting without a person."""
    if decision is not None:
        yield f"campaign {decision.campaign_id}: {decision.sentence}"


def _side_by_side(proposed: "Proposed") -> Iterator[str]:
    names = list({**proposed.before, **proposed.after})
    before, after = ({**configuration_of(side)} for side in (proposed.before, proposed.after))
    rows = [("hyperparameter", f"now (v{proposed.model.settings_version})", "new", "")]
    for name in names:
        old, new = (render(side[name]) if name in side else UNUSED for side in (before, after))
        rows.append((name, old, new, "" if before.get(name) != after.get(name) else "unchanged"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True))).rstrip()


def _evidence(proposed: "Proposed") -> Iterator[str]:
    verdict, model = proposed.verdict, proposed.model
    if verdict is None:
        version = proposed.to_version
        before = f"they were current as settings v{version}"
        yield f"evidence: none of a campaign; {'a person chose them' if version is None else before}"
        return
    metric = model.file.goal.metric
    when = "" if proposed.judged_at is None else f" of {proposed.judged_at:%Y-%m-%d}"
    yield f"evidence: campaign {proposed.campaign}{when}, verdict {verdict.label}"
    yield (
        f"  {metric} better by {figure(verdict.mean)} on average, at least {figure(verdict.lower)}, over "
        f"{verdict.n_pairs} pairs of fresh runs; odds {odds(verdict.e_value)}"
    )
    if proposed.judged_version != model.settings_version:
        yield (
            f"note: that campaign compared them with settings v{proposed.judged_version}, "
            f"not with the current v{model.settings_version}"
        )
    yield f"  its page: retuned report {proposed.campaign} --html {model.name}.html"

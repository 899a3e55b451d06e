"""What to type after a campaign: two or three commands, the most useful first."""

from collections.abc import Sequence

from ...strategies.records import Outcome
from ...strategies.verdict.contract import Breach
from ...strategies.verdict.verdict_records import Verdict
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign

_CONTRACT = frozenset(breach.value for breach in Breach)
"""Reasons of a verdict that a broken contract gives."""


def next_commands(campaign: Campaign) -> tuple[tuple[str, str], ...]:
    """(command, what it is for) of a campaign that has ended."""
    name = campaign.model
    if campaign.failure is not None or campaign.phase != "done":
        return (
            ("retuned doctor", "check what a training needs"),
            (f"retuned {campaign.kind} {name}", "try again"),
            (f"retuned history {name}", "what happened before"),
        )
    if campaign.verdict is None and reached(campaign.facts.contract).breaches:
        return _by_contract(name)
    if campaign.verdict is None:
        return (
            (f"retuned plan {name}", "what a re-evaluation would cost and detect"),
            (f"retuned retune {name}", "re-evaluate now"),
        )
    report = (f"retuned report {campaign.id} --html {name}.html", "the page, to read and send on")
    return (*_by_verdict(campaign, campaign.verdict), report)[:3]


def _by_contract(name: str) -> tuple[tuple[str, str], ...]:
    """Where the training breaks the contract: no re-evaluation is of use before that is mended."""
    return (
        (f"retuned check {name}", "what to change in the training, point by point"),
        (f"retuned baseline {name}", "test it again, once it is changed"),
    )


def _by_verdict(campaign: Campaign, verdict: Verdict) -> Sequence[tuple[str, str]]:
    name = campaign.model
    if verdict.can_go_on:
        more = 8 if verdict.pairs_needed is None else verdict.pairs_needed + verdict.pairs_needed % 2
        return ((f"retuned confirm {name} --more {more}", "continue with more pairs"),)
    if reached(campaign.facts.ended).recommended is not None:
        return ((f"retuned adopt {name}", "adopt the new values"),)
    if verdict.outcome is Outcome.FRESH:
        return ((f"retuned schedule {name}", "when it is due next"), (f"retuned drift {name}", "how it did over time"))
    if verdict.reason in _CONTRACT:
        return _by_contract(name)
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return ((f"retuned plan {name}", "what a re-evaluation can detect"),)
    return (
        (f"retuned look {name}", "what changed in data, code and environment"),
        (f"retuned drift {name}", "since when"),
    )

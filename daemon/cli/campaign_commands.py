"""Commands that train: run in this process, or by the service and watched from here."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ...strategies.errors import CampaignFailed, ConflictError, InputError
from ...strategies.records import Outcome
from ...strategies.schedule.due import parse_duration_s
from ..adoption.auto import adopt_what_waits
from ..adoption.hooks import run_waiting_hooks
from ..campaign.request import Request, ask_for, baseline_request, check_seed, refuse_retired, retune_request
from ..state.acting_user import login_user
from ..state.audit import Act, recorded
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.lease_file import holder_of
from ..state.models.registry import find_model
from ..state.outbox import due_messages
from .foreground import Display, conduct, finish_baseline, follow
from .json_output import campaign_json
from .output import print_json, say, say_aside
from .plan_view import refuse_beside_dry_run, show_plan
from .session import CLOCK, Json, Name, Named, Session

app = typer.Typer()

EXIT_CODES = {
    Outcome.FRESH: 0,
    Outcome.STALE: 10,
    Outcome.DEGRADED: 11,
    Outcome.BROKEN: 12,
    Outcome.INCONCLUSIVE: 13,
}

Detach = Annotated[bool, typer.Option("--detach", help="Leave the campaign to the service and print its number.")]


@app.command("baseline")
def _baseline(context: typer.Context, name: Name, detach: Detach = False) -> None:
    """Train the current settings on fresh seeds to measure their score and noise."""
    session: Session = context.obj
    verbs = session.verbs
    if session.is_remote or detach:
        _check_service(session, detach)
        campaign = verbs.baseline(name).campaign
        _leave(campaign, detach, as_json=False)
        follow(verbs, campaign.id, CLOCK, _display(), session.again)
    else:
        request = baseline_request(session.store, name)
        campaign = _asked(session, request)
        conduct(session.store, request.model, campaign, CLOCK, session.config, _display())
    _show_end(session, campaign.id, as_json=False)


@app.command("retune")
def _retune(
    context: typer.Context,
    name: Name,
    strategy: Annotated[str | None, typer.Option(help="auto, caviar or panda; default: the model file's.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Compute time of the campaign with its unit, such as 30m or 2h.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, data and history give the same verdict.")] = None,
    detach: Detach = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would do, as `retuned plan`.")] = False,
    as_json: Json = False,
) -> None:
    """Re-evaluate a model now. Exit code: 0 fresh, 10 stale, 11 degraded, 12 broken, 13 inconclusive."""
    session: Session = context.obj
    session.verbs.show(name)  # an unknown name is reported before a wrong option
    if dry_run:
        refuse_beside_dry_run({"--strategy": strategy, "--budget": budget, "--seed": seed, "--detach": detach or None})
        show_plan(session.verbs.plan(name), as_json)
        return
    budget_s = None if budget is None else _budget_s(budget)
    if session.is_remote or detach:
        _check_service(session, detach)
        number = _retune_remotely(session, name, strategy, budget_s, seed, detach, as_json)
    else:
        number = _retune_here(session, name, strategy, budget_s, seed, _display(is_quiet=as_json))
    _show_end(session, number, as_json)


@app.command("confirm")
def _confirm(
    context: typer.Context,
    name: Name,
    more: Annotated[int, typer.Option(help="How many more pairs, an even number.")] = 8,
    campaign: Annotated[int | None, typer.Option(help="Continue this re-evaluation, not the last one.")] = None,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Continue an INCONCLUSIVE re-evaluation with more pairs of the same challenger; its error rate holds."""
    session: Session = context.obj
    verbs, display = session.verbs, _display(is_quiet=as_json)
    if session.is_remote or detach:
        _check_service(session, detach)
        reopened = verbs.confirm(name, more, campaign)
        _leave(reopened, detach, as_json)
        follow(verbs, reopened.id, CLOCK, display, session.again)
    else:
        reopened = verbs.confirm(name, more, campaign)
        _conduct(session, reopened, display)
    _show_end(session, reopened.id, as_json)


@app.command("watch")
def _watch(context: typer.Context, named: Named, as_json: Json = False) -> None:
    """Watch a campaign, or a model's open ones, to the end; Ctrl-C leaves them running. Exit code as for retune."""
    session: Session = context.obj
    campaigns = session.verbs.open_of(named)
    if not campaigns:
        raise ConflictError(f"{named} has no open campaign", "", f"see: retuned history {named}")
    for campaign in campaigns:
        if campaign.is_open and not session.is_remote and holder_of(session.config.state, campaign.id) is None:
            raise ConflictError(
                f"no process is running campaign {campaign.id} of {campaign.model}",
                "a running service, or the command that runs the campaign",
                f"retuned serve, or: retuned {campaign.kind} {campaign.model}",
            )
        follow(session.verbs, campaign.id, CLOCK, _display(is_quiet=as_json), session.again)
    _show_end(session, campaigns[-1].id, as_json)


@app.command("selftest")
def _selftest(
    context: typer.Context,
    name: Name,
    keep: Annotated[bool, typer.Option("--keep", help="Keep its state folder, STATE/selftest/NAME.")] = False,
    seed: Annotated[int | None, typer.Option(help="The same seed on the same data gives the same result.")] = None,
    as_json: Json = False,
) -> None:
    """Check on the model's own training that bad settings are found and equal ones pass. Exit code: 0 passed, 1 not."""
    from .selftest import selftest

    session: Session = context.obj
    model = session.verbs.show(name).model
    refuse_retired(model)
    check_seed(seed)
    config = session.own_config
    result = selftest(model, CLOCK, config, os.environ, _display(is_quiet=as_json), keep=keep, seed=seed)
    if as_json:
        print_json(result.to_json())
    else:
        say("\n".join(result.sentences))
        if keep:
            say(f"kept: {Path(config.state) / 'selftest' / name}")
    raise typer.Exit(0 if result.is_passed else 1)


def _budget_s(text: str) -> float:
    """The seconds of a compute budget as typed."""
    try:
        return parse_duration_s(text)
    except InputError as error:
        raise InputError(f"--budget {error.found}", error.allowed, error.remedy) from None


def _retune_here(
    session: Session, name: str, strategy: str | None, budget_s: float | None, seed: int | None, display: Display
) -> int:
    """Re-evaluate in this process; the campaign's number."""
    request = retune_request(session.store, name, strategy, budget_s, seed)
    finish_baseline(session.store, request.model, CLOCK, session.config, display)
    campaign = _asked(session, request)
    _conduct(session, campaign, display)
    return campaign.id


def _asked(session: Session, request: Request) -> Campaign:
    """The campaign of a request, which the audit knows of."""
    act = Act(login_user(), request.kind, request.model.name)
    with recorded(session.store, act, CLOCK.now()):
        return ask_for(session.store, request, CLOCK)


def _conduct(session: Session, campaign: Campaign, display: Display) -> None:
    model = find_model(session.store, campaign.model)
    conduct(session.store, model, campaign, CLOCK, session.config, display)
    for decided in adopt_what_waits(session.store, session.config, CLOCK):
        say_aside(f"{decided.model}: {decided.sentence}")
    run_waiting_hooks(session.store, CLOCK)
    if due_messages(session.store, CLOCK.now(), 1):
        _deliver(session)


def _deliver(session: Session) -> None:
    from ..alerts.channels import Outlet  # with it comes what posts and mails, which most campaigns here do not need
    from ..alerts.webhooks import deliver_due

    deliver_due(session.store, CLOCK.now(), outlet=Outlet.of(session.config))


def _retune_remotely(
    session: Session,
    name: str,
    strategy: str | None,
    budget_s: float | None,
    seed: int | None,
    detach: bool,
    as_json: bool,
) -> int:
    """Have the service re-evaluate, and watch it; the campaign's number."""
    queued = session.verbs.retune(name, strategy, budget_s, seed)
    _leave(queued.campaign, detach, as_json)
    display = _display(is_quiet=as_json)
    if queued.baseline is not None:
        baseline = follow(session.verbs, queued.baseline.id, CLOCK, display, session.again)
        if baseline.phase != "done":
            session.verbs.cancel(str(queued.campaign.id))
            raise CampaignFailed(f"the baseline of {name} {baseline.phase}: {baseline.failure}")
    return follow(session.verbs, queued.campaign.id, CLOCK, display, session.again).id


def _check_service(session: Session, detach: bool) -> None:
    if detach and not session.is_remote:
        raise InputError(
            f"no service runs on {session.config.state}", "--detach leaves a campaign to a running service",
            "start one: retuned serve; or omit --detach",
        )  # fmt: skip


def _leave(campaign: Campaign, detach: bool, as_json: bool) -> None:
    """Exit with the campaign's number where the caller does not want to watch."""
    if not detach:
        return
    if as_json:
        print_json({"campaign": campaign.id, "model": campaign.model, "state": campaign.phase})
    else:
        say(f"campaign {campaign.id} of {campaign.model} is queued; watch it: retuned watch {campaign.id}")
    raise typer.Exit(0)


def _show_end(session: Session, number: int, as_json: bool) -> NoReturn:
    """Show how a campaign ended, and exit with its verdict's code."""
    ended = session.verbs.ended(number)
    campaign, is_baseline = ended.campaign, ended.campaign.kind == "baseline"
    if as_json:
        print_json(campaign_json(campaign, ended.model.file.objective().sign))
    else:
        from .campaign_end import show_end

        show_end(ended)
    if is_baseline:
        raise typer.Exit(0 if campaign.phase == "done" else 1)
    verdict = campaign.verdict
    raise typer.Exit(1 if verdict is None or campaign.failure is not None else EXIT_CODES[verdict.outcome])


def _display(is_quiet: bool = False) -> Display:
    from .live_progress import live_progress, no_progress

    return no_progress if is_quiet else live_progress

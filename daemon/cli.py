"""The command `retuned`: one command a verb. Heavy libraries load only in the commands that need them."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ..strategies.due import parse_duration_s
from ..strategies.errors import ConflictError, InputError, RetunedError
from ..strategies.judgement import Verdict
from ..strategies.records import Outcome
from .adoption import adopt, adopt_file, rollback, write_pending_settings
from .alert import list_alerts
from .clock import SystemClock
from .config import Config, load_config
from .continuation import reopen
from .export import alert_json, campaign_json, model_json, point_json, settings_json
from .foreground import Display, conduct, finish_baseline, interruptible, open_or_queue
from .ledger import Campaign, campaigns_of, cancel_campaign, open_campaigns
from .logs import configure
from .model_file import load_model_file
from .model_paths import check_paths
from .outbox import deliver_due
from .registry import Model, all_models, find_model, register, set_state, settings_of
from .report import drift_points, write_plot
from .service import serve
from .store import Store

EXIT_CODES = {
    Outcome.FRESH: 0,
    Outcome.STALE: 10,
    Outcome.DEGRADED: 11,
    Outcome.BROKEN: 12,
    Outcome.INCONCLUSIVE: 13,
}
INTERRUPTED = 130
CLOCK = SystemClock()

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Re-evaluates the hyperparameters of production models and says when they have gone stale.",
)
"""The commands; `main` runs them and turns errors into lines and exit codes."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="A registered model.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Session:
    """What every command has: the configuration and, opened on first use, the state database."""

    def __init__(self, config: Config, arguments: tuple[str, ...]) -> None:
        self.config = config
        self.arguments = arguments
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The state database."""
        if self._store is None:
            self._store = Store(self.config.state)
        return self._store


@app.callback()
def _options(
    context: typer.Context,
    state: Annotated[Path | None, typer.Option(help="Folder of the database, campaigns and snapshots.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file; see config.example.toml.")] = None,
) -> None:
    loaded = load_config(config, os.environ)
    if state is not None:
        loaded = loaded.model_copy(update={"state": state.absolute()})
    named = ("--config", str(config.absolute())) if config else ()
    context.obj = Session(loaded, ("--state", str(loaded.state), *named))


@app.command("register")
def _register(context: typer.Context, file: Annotated[Path, typer.Argument(help="The model file (TOML).")]) -> None:
    """Register a model, or take up a changed model file as a new version."""
    model_file = load_model_file(file)
    check_paths(model_file)
    store = context.obj.store
    done = register(store, model_file, file, CLOCK.now())
    print(done.sentence)
    if any(campaign.kind == "baseline" for campaign in open_campaigns(store, done.model.id)):
        print(f"`retuned serve` runs the baseline by itself; to run it now: retuned baseline {done.model.name}")


@app.command("models")
def _models(context: typer.Context, as_json: Json = False) -> None:
    """List the registered models."""
    store = context.obj.store
    found = [(model, _last_verdict(store, model)) for model in all_models(store)]
    if as_json:
        _print_json([model_json(model, verdict) for model, verdict in found])
        return
    from .terminal import console, models_table

    models_table(console(), found)


@app.command("show")
def _show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show a model: its settings in force, its search space and where it stands."""
    store = context.obj.store
    model = find_model(store, name)
    if as_json:
        file = {"file": json.loads(model.file.to_json()), "source": str(model.source)}
        _print_json(model_json(model, _last_verdict(store, model)) | file)
        return
    from .terminal import console, show_model

    show_model(console(), model, open_campaigns(store, model.id))


@app.command("history")
def _history(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show the settings versions and the campaigns of a model."""
    store = context.obj.store
    model = find_model(store, name)
    versions, campaigns = settings_of(store, model), campaigns_of(store, model.id)
    if as_json:
        settings = [settings_json(version) for version in versions]
        _print_json({"settings": settings, "campaigns": [campaign_json(campaign, model) for campaign in campaigns]})
        return
    from .terminal import console, history_tables

    history_tables(console(), model, versions, campaigns)


@app.command("pause")
def _pause(context: typer.Context, name: Name) -> None:
    """Stop scheduled re-evaluations of a model until it is resumed."""
    set_state(context.obj.store, name, "paused")
    print(f"{name} is paused; retuned resume {name} brings it back")


@app.command("resume")
def _resume(context: typer.Context, name: Name) -> None:
    """Let scheduled re-evaluations of a paused or retired model go on."""
    set_state(context.obj.store, name, "active")
    print(f"{name} is active")


@app.command("retire")
def _retire(context: typer.Context, name: Name) -> None:
    """Take a model out of service; its history stays."""
    model = set_state(context.obj.store, name, "retired")
    for campaign in open_campaigns(context.obj.store, model.id):
        cancel_campaign(context.obj.store, campaign, CLOCK.now())
    print(f"{name} is retired, its history stays; retuned resume {name} brings it back")


@app.command("baseline")
def _baseline(context: typer.Context, name: Name) -> None:
    """Train the settings in force on fresh seeds, to know their score and noise and to compare with later."""
    session: Session = context.obj
    model = find_model(session.store, name)
    _refuse_retired(model)
    campaign = open_or_queue(session.store, model, "baseline", None, {}, CLOCK)
    ended = conduct(session.store, model, campaign, CLOCK, session.config, _display())
    from .terminal import baseline_panel, console

    console().print(baseline_panel(session.store, model, ended))
    raise typer.Exit(0 if ended.phase == "done" else 1)


@app.command("retune")
def _retune(
    context: typer.Context,
    name: Name,
    strategy: Annotated[str | None, typer.Option(help="auto or caviar; default: the model file's.")] = None,
    budget: Annotated[str | None, typer.Option(help="Compute time of the campaign, such as 30m or 2h.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, data and history give the same verdict.")] = None,
    as_json: Json = False,
) -> None:
    """Re-evaluate a model now. Exit code: 0 fresh, 10 stale, 11 degraded, 12 broken, 13 inconclusive."""
    session: Session = context.obj
    model = find_model(session.store, name)
    _refuse_retired(model)
    options = _retune_options(strategy, budget, seed)
    write_pending_settings(session.store, model)
    display = _display(is_quiet=as_json)
    finish_baseline(session.store, model, CLOCK, session.config, display)
    campaign = open_or_queue(session.store, model, "retune", seed, options, CLOCK)
    _carry_out(session, model, campaign, display, as_json)


@app.command("confirm")
def _confirm(
    context: typer.Context,
    name: Name,
    more: Annotated[int, typer.Option(help="How many more pairs, an even number.")] = 8,
    campaign: Annotated[int | None, typer.Option(help="This re-evaluation, not the last one.")] = None,
    as_json: Json = False,
) -> None:
    """Continue a re-evaluation that ended INCONCLUSIVE by more pairs of the same; its error rate stays."""
    session: Session = context.obj
    model = find_model(session.store, name)
    _refuse_retired(model)
    reopened = reopen(session.store, model, more, campaign)
    _carry_out(session, model, reopened, _display(is_quiet=as_json), as_json)


@app.command("cancel")
def _cancel(context: typer.Context, name: Name) -> None:
    """Cancel the open campaigns of a model; what they recorded stays."""
    model = find_model(context.obj.store, name)
    campaigns = open_campaigns(context.obj.store, model.id)
    for campaign in campaigns:
        cancel_campaign(context.obj.store, campaign, CLOCK.now())
        print(f"campaign {campaign.id} ({campaign.kind}) is cancelled")
    if not campaigns:
        print(f"{name} has no open campaign")


@app.command("plan")
def _plan(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show what a re-evaluation would do, take and be able to detect, without running it."""
    from .plan import plan_of

    model = find_model(context.obj.store, name)
    plan = plan_of(context.obj.store, model, context.obj.config)
    if as_json:
        _print_json(plan.to_json())
        return
    for sentence in plan.sentences:
        print(f"- {sentence}")


@app.command("selftest")
def _selftest(
    context: typer.Context,
    name: Name,
    keep: Annotated[bool, typer.Option("--keep", help="Leave its state folder, STATE/selftest/NAME.")] = False,
    seed: Annotated[int | None, typer.Option(help="The same seed on the same data gives the same answer.")] = None,
    as_json: Json = False,
) -> None:
    """Check on the model's own training that bad settings are found and equal ones pass. Exit code: 0 passed, 1 not."""
    from .selftest import selftest

    session: Session = context.obj
    model = find_model(session.store, name)
    _refuse_retired(model)
    _check_seed(seed)
    display = _display(is_quiet=as_json)
    done = selftest(model, CLOCK, session.config, os.environ, display, keep=keep, seed=seed)
    if as_json:
        _print_json(done.to_json())
    else:
        print("\n".join(done.sentences))
        if keep:
            print(f"kept: {session.config.state / 'selftest' / name}")
    raise typer.Exit(0 if done.is_passed else 1)


@app.command("adopt")
def _adopt(
    context: typer.Context,
    name: Name,
    campaign: Annotated[
        int | None, typer.Option(help="Take this campaign's values, not the last confirmed ones.")
    ] = None,
    from_file: Annotated[
        bool, typer.Option("--from-file", help="Take the values edited in the settings file.")
    ] = False,
) -> None:
    """Put the values in force that a campaign recommended, and write the model's settings file."""
    store = context.obj.store
    _say_in_force(adopt_file(store, name, CLOCK.now()) if from_file else adopt(store, name, campaign, CLOCK.now()))


@app.command("rollback")
def _rollback(
    context: typer.Context,
    name: Name,
    to: Annotated[int | None, typer.Option(help="Settings version to go back to; default: the one before.")] = None,
) -> None:
    """Put an older version of the settings in force again."""
    _say_in_force(rollback(context.obj.store, name, to, CLOCK.now()))


@app.command("alerts")
def _alerts(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model's.")] = None,
    as_json: Json = False,
) -> None:
    """List alerts, newest first, and how their deliveries stand."""
    if name is not None:
        find_model(context.obj.store, name)
    found = list_alerts(context.obj.store, name)
    if as_json:
        _print_json([alert_json(alert) for alert in found])
        return
    for alert in found:
        print(f"[{alert.created_at:%Y-%m-%d %H:%M} UTC] campaign {alert.campaign_id}, {alert.severity}\n{alert.text}")
        print("".join(f"  ({line})\n" for line in alert.deliveries or ("no webhook is set: listed here only",)))
    if not found:
        print("no alerts")


@app.command("drift")
def _drift(
    context: typer.Context,
    name: Name,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this .png, .svg or .html file.")] = None,
    as_json: Json = False,
) -> None:
    """Show how the stored settings fared over time."""
    store = context.obj.store
    model = find_model(store, name)
    points = drift_points(store, model)
    if plot is not None:
        write_plot(model, points, plot)
    if as_json:
        _print_json([point_json(point, model) for point in points])
        return
    from .terminal import console, drift_table

    drift_table(console(), model, points)
    if plot is not None:
        print(f"\ndrawn: {plot}")


@app.command("report")
def _report(
    context: typer.Context,
    campaign: Annotated[str, typer.Argument(help="Its number, or a model's name for its last re-evaluation.")],
    html: Annotated[Path, typer.Option(help="Write the page into this .html file.")],
) -> None:
    """Write one self-contained page about a finished campaign: what it found, how sure, why, at what cost."""
    from .page import write_page

    number = write_page(context.obj.store, campaign, html)
    print(f"campaign {number}: {html}")


@app.command("serve")
def _serve(context: typer.Context) -> None:
    """Run the service: due campaigns and alerts, until SIGTERM."""
    session: Session = context.obj
    configure(session.config.service.log)
    serve(session.config.state, session.config, CLOCK, session.arguments)


@app.command("campaign", hidden=True)
def _campaign(context: typer.Context, campaign_id: int) -> None:
    """Work on one campaign; the service starts this."""
    from .campaign import run_campaign

    session: Session = context.obj
    with interruptible():
        run_campaign(session.store, campaign_id, clock=CLOCK, config=session.config, environ=os.environ)


def main() -> NoReturn:
    """The console command: a user's mistake is one line on stderr and exit code 2."""
    code: object = 0
    try:
        words = sys.argv[1:] or ["--help"]
        code = typer.main.get_command(app).main(words, prog_name="retuned", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this, without a word
            raise KeyboardInterrupt
    except RetunedError as error:
        code = _say_error(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = _say_error("interrupted; an open campaign goes on when the command is given again", INTERRUPTED)
    except typer.TyperException as error:
        sentence = error.format_message() if isinstance(error, typer.BadParameter.__bases__) else str(error)
        code = _say_error(f"{' '.join(sentence.split()).rstrip('.')}; see: retuned --help", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more
        code = 141
    sys.exit(code if isinstance(code, int) else 0)


def _carry_out(session: Session, model: Model, campaign: Campaign, display: Display, as_json: bool) -> NoReturn:
    """Bring a re-evaluation to its end, show it, and leave with the exit code of its verdict."""
    campaign = conduct(session.store, model, campaign, CLOCK, session.config, display)
    deliver_due(session.store, CLOCK.now())
    if as_json:
        _print_json(campaign_json(campaign, model))
    else:
        from .terminal import console, verdict_panel

        values = {version.version: version.configuration for version in settings_of(session.store, model)}
        console().print(verdict_panel(model, campaign, values[campaign.settings_version]))
    verdict = campaign.verdict
    raise typer.Exit(1 if verdict is None or campaign.failure is not None else EXIT_CODES[verdict.outcome])


def _retune_options(strategy: str | None, budget: str | None, seed: int | None) -> dict[str, Any]:
    if strategy not in (None, "auto", "caviar"):
        raise InputError(
            f"--strategy {strategy} is not available", "allowed: auto, caviar", "leave it out for the model file's"
        )
    _check_seed(seed)
    budget_s = None if budget is None else parse_duration_s(budget)
    given = {"strategy": strategy, "budget_s": budget_s}
    return {name: value for name, value in given.items() if value is not None}


def _check_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= seed < 2**31:
        raise InputError(f"--seed {seed} is out of range", "allowed: 0 to 2147483647", "choose another")


def _refuse_retired(model: Model) -> None:
    if model.state == "retired":
        raise ConflictError(
            f"{model.name} is retired", "active and paused models can be trained", f"retuned resume {model.name}"
        )


def _display(is_quiet: bool = False) -> Display:
    from .terminal import live_progress, no_progress

    return no_progress if is_quiet else live_progress


def _last_verdict(store: Store, model: Model) -> Verdict | None:
    verdicts = [campaign.verdict for campaign in campaigns_of(store, model.id, "retune") if campaign.verdict]
    return verdicts[-1] if verdicts else None


def _say_in_force(model: Model) -> None:
    from .terminal import configuration_text

    print(f"{model.name}: settings v{model.settings_version} are in force: {configuration_text(model.configuration)}")
    if model.file.settings_file is not None:
        print(f"written to {model.file.settings_file}")
    else:
        print("nothing was written, for the model file names no [settings] file: copy the values to your training")
    print("a baseline of them is queued; retuned rollback " + model.name + " takes this back")


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _say_error(sentence: str, code: int) -> int:
    print(f"retuned: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()

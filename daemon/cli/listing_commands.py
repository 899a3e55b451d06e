"""Commands that list what there is. They load little: the list of models is what people type most."""

from typing import Annotated

import typer

from .alert_words import standing
from .listing_json import alert_json, listed_json, planned_json
from .output import print_json_list, say
from .paged import All, Limit, pages, say_more, wants_all
from .session import CLOCK, Json

app = typer.Typer()
OneModel = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")]


@app.command("models")
def _models(
    context: typer.Context,
    tag: Annotated[str | None, typer.Option(help="Only models with this tag (tags in the table alerts).")] = None,
    limit: Limit = None,
    is_all: All = False,
    as_json: Json = False,
) -> None:
    """List the registered models."""
    is_whole, verbs = wants_all(limit, is_all, as_json), context.obj.listing
    found = pages(lambda rows, cursor: verbs.models(rows, cursor, tag), limit, is_whole)
    if as_json:
        print_json_list(listed_json(model) for page in found for model in page.models)
        return
    from .listing_tables import models_table
    from .screen import console

    for page in found:
        models_table(console(), page.models, tag)
        say_more(page, is_whole)


@app.command("schedule")
def _schedule(
    context: typer.Context,
    name: OneModel = None,
    months: Annotated[int, typer.Option(help="How far ahead, 1 to 120.")] = 12,
    limit: Limit = None,
    is_all: All = False,
    as_json: Json = False,
) -> None:
    """Show when each model is due in the coming months, and by which rule."""
    is_whole, verbs = wants_all(limit, is_all, as_json), context.obj.listing
    found = pages(lambda rows, cursor: verbs.schedule(months, name, rows, cursor), limit, is_whole)
    if as_json:
        print_json_list(planned_json(planned) for page in found for planned in page.dates)
        return
    from .listing_tables import schedule_table
    from .screen import console

    for page in found:
        schedule_table(console(), page.dates, months)
        say_more(page, is_whole)


@app.command("alerts")
def _alerts(
    context: typer.Context,
    name: OneModel = None,
    limit: Limit = None,
    is_all: All = False,
    as_json: Json = False,
) -> None:
    """List alerts, open ones first, with who answered them and the state of their deliveries."""
    is_whole, verbs = wants_all(limit, is_all, as_json), context.obj.listing
    found = pages(lambda rows, cursor: verbs.alerts(name, rows, cursor), limit, is_whole)
    if as_json:
        print_json_list(alert_json(alert) for page in found for alert in page.alerts)
        return
    for page in found:
        for alert in page.alerts:
            say(f"{standing(alert, CLOCK.now())}\n{alert.text}")
            say("".join(f"  ({line})\n" for line in alert.deliveries or ("no webhook is set; listed here only",)))
        if not page.alerts:
            say("no alerts")
        say_more(page, is_whole)

"""Commands that show what is recorded about a model or a campaign."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api.views import History
from ..reports.drift_plot import write_plot
from ..reports.self_contained import cannot_write, check_target
from ..state.paging import Order
from .adoption_json import made_json
from .adoption_words import adoption_lines, auto_lines
from .history_export import export_history
from .json_output import campaign_json, drift_json, settings_json
from .output import print_json_list, print_json_lists, say
from .paged import All, Limit, pages, say_more, wants_all
from .plan_view import show_plan
from .session import Json, Name

app = typer.Typer()


@app.command("history")
def _history(
    context: typer.Context,
    name: Name,
    limit: Limit = None,
    is_all: All = False,
    as_json: Json = False,
    csv: Annotated[Path | None, typer.Option(help="Write all campaigns to this .csv file, a row each.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="The same as JSON, an object a line.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="The same as Parquet (needs the extra 'parquet').")] = None,
) -> None:
    """Show the settings versions and the campaigns of a model, oldest first."""
    files = {"csv": csv, "jsonl": jsonl, "parquet": parquet}
    if any(file is not None for file in files.values()):
        say(export_history(context.obj.record, name, files, is_all=limit is None, as_json=as_json))
        return
    is_whole = wants_all(limit, is_all, as_json)
    order, verbs = Order.OLDEST if is_whole else Order.NEWEST, context.obj.record
    found = pages(lambda rows, cursor: _oldest_first(verbs.history(name, rows, cursor, order), order), limit, is_whole)
    if as_json:
        settings: list[dict[str, Any]] = []
        made: list[dict[str, Any]] = []
        print_json_lists({"campaigns": _history_json(found, settings, made), "settings": settings, "adoptions": made})
        return
    from .screen import console
    from .tables import history_tables

    for page in found:
        history_tables(console(), page.model, page.settings, page.campaigns)
        say_adoptions(page)
        say_more(page, is_whole)


def _oldest_first(history: History, order: Order) -> History:
    if order is Order.OLDEST:
        return history
    return replace(history, settings=history.settings[::-1], campaigns=history.campaigns[::-1])


def _history_json(
    found: Iterable[History], settings: list[dict[str, Any]], adoptions: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The campaigns of pages, one after the other; their settings and adoptions, which are small, are put aside."""
    for page in found:
        settings += [settings_json(version) for version in page.settings]
        adoptions += [made_json(made) for made in page.adoptions]
        signs = {measured.version: -1.0 if measured.lower_is_better else 1.0 for measured in page.measured}
        for campaign in page.campaigns:
            yield campaign_json(campaign, signs.get(campaign.model_version, 1.0))


def say_adoptions(page: History) -> None:
    """What became of the adoptions on a page, and what re-tuning has earned in all."""
    lines = [line for made in page.adoptions for line in adoption_lines(made)]
    lines += [line for decision in page.auto_adoptions for line in auto_lines(decision)]
    lines += [page.account] if page.account else []
    if lines:
        say("\n" + "\n".join(lines))


@app.command("plan")
def _plan(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show what a re-evaluation would do, cost and be able to detect, without running it."""
    show_plan(context.obj.reading.plan(name), as_json)


@app.command("drift")
def _drift(
    context: typer.Context,
    name: Name,
    plot: Annotated[Path | None, typer.Option(help="Plot all of it to this .png, .svg or .html file.")] = None,
    limit: Limit = None,
    is_all: All = False,
    as_json: Json = False,
) -> None:
    """Show how the stored settings fared over time, of a long record the last part."""
    is_whole = wants_all(limit, is_all, as_json) or (plot is not None and limit is None)
    order, verbs = Order.OLDEST if is_whole else Order.NEWEST, context.obj.record
    found = list(pages(lambda rows, cursor: verbs.drift(name, rows, cursor, order), limit, is_whole))
    model, points = found[0].model, [point for page in found for point in page.points]
    points = points if is_whole else points[::-1]
    if plot is not None:
        write_plot(model, points, plot)
    if as_json:
        print_json_list(drift_json(points))
        return
    from .screen import console
    from .tables import drift_table

    drift_table(console(), model, points)
    say_more(found[-1], is_whole)
    if plot is not None:
        say(f"\nplot: {plot}")


@app.command("report")
def _report(
    context: typer.Context,
    campaign: Annotated[str, typer.Argument(help="A campaign's number, or a model's name for its last re-evaluation.")],
    html: Annotated[Path | None, typer.Option(help="Write it as a self-contained page to this .html file.")] = None,
) -> None:
    """Show what a finished campaign found, how certain, why, and at what cost; with --html as a self-contained page."""
    if html is not None:
        check_target(html, "--html", (".html", ".htm"), "for instance report.html")
    page = context.obj.reading.report(campaign)
    if html is None:
        from .campaign_end import show_end

        show_end(context.obj.verbs.ended(page.campaign))
        return
    try:
        html.write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise cannot_write(html, error) from None
    say(f"campaign {page.campaign}: {html}")

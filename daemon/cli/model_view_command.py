"""The command that shows a model."""

import json

import typer

from .looks import looks_text
from .output import print_json, say
from .session import Json, Name

app = typer.Typer()


@app.command("show")
def _show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show a model: its current settings, its search space and its open campaigns."""
    shown = context.obj.model.show(name)
    if as_json:
        from .adoption_json import adoption_json
        from .model_json import looks_json, model_json

        file = {"file": json.loads(shown.model.file.to_json()), "source": str(shown.model.source)}
        made = adoption_json(shown.adoption, shown.auto_adoption, shown.account)
        print_json(model_json(shown.model, shown.last) | file | looks_json(shown.next_look_at, shown.cool_down) | made)
        return
    from .adoption_words import adoption_lines, auto_lines
    from .model_table import show_model
    from .screen import console

    show_model(console(), shown.model, shown.campaigns, looks_text(shown))
    lines = (*adoption_lines(shown.adoption), *auto_lines(shown.auto_adoption), *filter(None, (shown.account,)))
    if lines:
        say("\n" + "\n".join(lines))

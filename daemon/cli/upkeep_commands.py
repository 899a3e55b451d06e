"""Commands that keep the database."""

from pathlib import Path
from typing import Annotated

import typer

from ...strategies.words import counted
from ..state.acting_user import login_user
from ..state.audit import Act, note_act
from ..upkeep.backup import restore
from .output import say
from .session import CLOCK, Session

app = typer.Typer()


@app.command("backup")
def _backup(context: typer.Context) -> None:
    """Make a checked copy of the database now, in addition to those that the service makes each day."""
    copy = context.obj.verbs.backup()
    say(f"{copy.file} ({copy.size_bytes:,} bytes)")


@app.command("restore")
def _restore(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A copy that retuned made, see: retuned backup.")]
) -> None:
    """Replace the database by a copy; the one in use is kept. Only while no service runs."""
    session: Session = context.obj
    session.refuse_root()
    restored = restore(session.config.state, file.absolute(), CLOCK.now())
    with session.store.transaction():  # in the copy, which knows nothing of what came after it
        note_act(session.store, Act(login_user(), "restore", subject=file.name), {}, {}, CLOCK.now())
    say(f"restored {file}: {counted(restored.campaigns, 'campaign')}")
    if restored.kept_as is not None:
        say(f"the previous database is kept: {restored.kept_as}")
    for folder in restored.set_aside:
        say(f"moved aside, because the copy does not know it: {folder}")

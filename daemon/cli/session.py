"""What every command uses: the configuration, and the verbs, in this process or in a service."""

import contextlib
import os
import pwd
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...strategies.errors import RetunedError, StateError
from ..api.find_service import find_service
from ..clock import SystemClock
from ..config.config import Config, load_config
from ..state.database_errors import Unreadable, damaged
from ..state.running_service import Place
from ..state.store import FILE_NAME, Store
from .paged import pages

if TYPE_CHECKING:
    from ..api.listing_verbs import ListingVerbs
    from ..api.model_verb import ModelVerb
    from ..api.reading_verbs import ReadingVerbs
    from ..api.record_verbs import RecordVerbs
    from ..api.status_verb import StatusVerb
    from ..api.verbs import Verbs

CLOCK = SystemClock()


def _complete_model(context: typer.Context, incomplete: str) -> list[str]:
    """The names of registered models that begin so; none where they cannot be read, or no state folder is there yet."""
    options = context.find_root().params
    with contextlib.suppress(RetunedError, OSError):
        session = open_session(options.get("state"), options.get("config"))
        if session.is_remote or (session.config.state / FILE_NAME).exists():
            names = (model.name for page in pages(session.listing.models, None, True) for model in page.models)
            return [name for name in names if name.startswith(incomplete)]
    return []


Name = Annotated[str, typer.Argument(metavar="NAME", help="A registered model.", autocompletion=_complete_model)]
Named = Annotated[
    str,
    typer.Argument(
        metavar="CAMPAIGN|NAME", help="A campaign's number, or a model's name.", autocompletion=_complete_model
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Session:
    """The configuration and, opened on first use, the state database or the service that owns it."""

    def __init__(self, config: Config, arguments: tuple[str, ...], config_file: Path | None = None) -> None:
        """`config_file`: the one that was named on the command line."""
        self.config = config
        self.config_file = config_file
        self.arguments = arguments
        self._store: Store | None = None
        self._verbs: Verbs | None = None

    @property
    def store(self) -> Store:
        """The state database, for commands that this process runs itself."""
        if self._store is None:
            self.refuse_root()
            self._store = Store(self.config.state, backups=self.config.backup.folder)
        return self._store

    def refuse_root(self) -> None:
        """Raise StateError for root on another user's state folder, which that user could then no longer write."""
        _refuse_root(self.config.state)

    @cached_property
    def place(self) -> Place | None:
        """The service that owns the state folder; None: this process runs the command itself."""
        return find_service(self.config, os.environ)

    def again(self) -> "Verbs | None":
        """The verbs of the service that succeeds one that went away; None while there is none."""
        place = find_service(self.config, os.environ)
        if place is None:
            return None
        self.place, self._verbs = place, self._remote(place)
        return self._verbs

    @property
    def is_remote(self) -> bool:
        """Whether a service runs the command."""
        return self.place is not None

    @property
    def own_config(self) -> Config:
        """The configuration with a state folder that this user may write: another user's service has its own."""
        if self.is_remote and not os.access(self.config.state, os.W_OK):
            return self.config.model_copy(
                update={"state": load_config(None, {**os.environ, "RETUNED_STATE": ""}).state}
            )
        return self.config

    @property
    def verbs(self) -> "Verbs":
        """The verbs: the service's where one owns the state folder, else this process's own."""
        if self._verbs is None:
            self._verbs = self._own() if self.place is None else self._remote(self.place)
        return self._verbs

    @property
    def reading(self) -> "ReadingVerbs":
        """Those that read, without loading what the others need."""
        if self._verbs is not None or self.place is not None:
            return self.verbs
        from ..api.reading_verbs import ReadingVerbs

        return ReadingVerbs(self.store, self.config, CLOCK)

    @property
    def record(self) -> "RecordVerbs":
        """Those that show the record of a model."""
        if self._verbs is not None or self.place is not None:
            return self.verbs
        from ..api.record_verbs import RecordVerbs

        return RecordVerbs(self.store, self.config, CLOCK)

    @property
    def listing(self) -> "ListingVerbs":
        """Those that list, which load least."""
        if self._verbs is not None or self.place is not None:
            return self.verbs
        from ..api.listing_verbs import ListingVerbs

        return ListingVerbs(self.store, self.config, CLOCK)

    @property
    def model(self) -> "ModelVerb":
        """show alone."""
        if self._verbs is not None or self.place is not None:
            return self.verbs
        from ..api.model_verb import ModelVerb

        return ModelVerb(self.store, self.config, CLOCK)

    @property
    def status(self) -> "StatusVerb":
        """status alone."""
        if self._verbs is not None or self.place is not None:
            return self.verbs
        from ..api.status_verb import StatusVerb

        return StatusVerb(self.store, self.config, CLOCK)

    def _own(self) -> "Verbs":
        from ..api.verbs import Verbs

        return Verbs(self.store, self.config, CLOCK)

    def _remote(self, place: Place) -> "Verbs":
        from ..api.client import remote

        return remote(place)


def _refuse_root(state: Path) -> None:
    """Raise StateError where root would write files that the state folder's owner could not write again."""
    if os.geteuid() != 0 or not state.exists() or state.stat().st_uid == 0:
        return
    try:
        owner = pwd.getpwuid(state.stat().st_uid).pw_name
    except KeyError:
        owner = str(state.stat().st_uid)
    raise StateError(
        f"the state folder {state} belongs to user {owner}, and no service runs on it",
        "allowed: that user alone",
        f"run the command as: runuser -u {owner} -- retuned ...",
    )


def open_session(state: Path | None, config: Path | None) -> Session:
    """The session of a command line with these values of --state and --config; raises InputError."""
    loaded = load_config(config, os.environ)
    if state is not None:
        loaded = loaded.model_copy(update={"state": state.absolute()})
    named = ("--config", str(config.absolute())) if config else ()
    return Session(loaded, ("--state", str(loaded.state), *named), config)


def explained(session: Session, error: RetunedError) -> RetunedError:
    """The error; one over what the database holds says which copy to restore."""
    if isinstance(error, Unreadable):
        from ..upkeep.backup import folder_of_backups

        return damaged(session.config.state / FILE_NAME, error.found, folder_of_backups(session.config))
    return error

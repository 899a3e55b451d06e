"""The pages of a campaign: live while it runs, its report when it has ended, the output of its runs, its events."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from ...strategies.errors import UnknownName
from ..api.routes import PREFIX
from ..state.campaigns.campaigns import find_campaign
from ..state.tokens import Role
from . import views
from .answering import Answering
from .events import Events
from .live import log_of
from .render import HEADERS, REPORT_HEADERS
from .sessions import Session
from .visit import Visit

VENDORED = Path(__file__).with_name("vendored")
SCRIPTS = {"htmx.min.js": VENDORED, "sse.min.js": VENDORED, "local_times.js": VENDORED.parent}
"""Where each script lies that pages ask for."""


class CampaignPages:
    """The handlers of these pages."""

    def __init__(self, answering: Answering) -> None:
        """`answering`: those who are signed in."""
        self._answering = answering
        self._events = Events(answering)

    def add_to(self, app: FastAPI) -> None:
        """Add the addresses."""
        handlers = {
            "/campaigns/{campaign}": self.campaign,
            "/campaigns/{campaign}/live": self.live,
            "/campaigns/{campaign}/events": self._events.of_page,
            "/campaigns/{campaign}/runs/{leg}": self.log,
            "/scripts/{name}": _script,
            f"{PREFIX}/campaigns/{{campaign}}/events": self._events.of_program,
        }
        for path, handler in handlers.items():
            app.add_api_route(path, handler, methods=["GET"], include_in_schema=False)

    async def campaign(self, request: Request) -> Response:
        """A campaign: the report once it has ended, how far it is until then."""

        def first(visit: Visit) -> Response | None:
            shown = views.campaign(visit)
            return None if shown is None else self._answering.page(visit.session, *shown)

        def show(_: Session, report: Any) -> Response:  # noqa: ANN401 - the verb's result
            return Response(report.html, 200, REPORT_HEADERS, media_type="text/html")

        named = {"named": request.path_params["campaign"]}
        return await self._answering.computed(request, "report", named, show, first)

    async def live(self, request: Request) -> Response:
        """The part of a running campaign's page that changes; once it has ended, the whole page is loaded again."""

        def answer(visit: Visit) -> Response:
            shown = views.campaign(visit)
            if shown is None or not shown[1]["campaign"].is_open:
                return Response(status_code=200, headers={**HEADERS, "hx-refresh": "true"})
            return Response(str(shown[1]["live"]), 200, HEADERS, media_type="text/html")

        return await self._answering.visited(request, Role.VIEWER, answer)

    async def log(self, request: Request) -> Response:
        """What a training run has printed; it may quote paths and commands, so viewers do not see it."""

        def answer(visit: Visit) -> Response:
            campaign, leg = find_campaign(visit.store, views.number_in(visit.path["campaign"])), visit.path["leg"]
            text = log_of(visit.store, campaign, leg, visit.say)
            return self._answering.page(visit.session, "run", {"campaign": campaign, "leg": leg, "text": text})

        return await self._answering.visited(request, Role.OPERATOR, answer)


async def _script(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in SCRIPTS:
        error = UnknownName(f"no script is called {name[:40]}", f"allowed: {', '.join(SCRIPTS)}")
        return Response(str(error), 404, HEADERS, media_type="text/plain")
    headers = {**HEADERS, "cache-control": "max-age=3600"}
    return Response((SCRIPTS[name] / name).read_bytes(), 200, headers, media_type="text/javascript")

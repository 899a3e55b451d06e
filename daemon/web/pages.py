"""The addresses of the pages, who may see them, and what their forms do: the same verbs as everywhere else."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response

from ..api.inside import Inside
from ..state.tokens import Role
from . import admin_views, views
from .admin_pages import AdminPages
from .answering import Answering, Form, checked_form, redirect
from .calendar_view import schedule
from .campaign_pages import CampaignPages
from .fleet_view import back_to, fleet
from .forms import arguments_in
from .page_error import PageError
from .render import HEADERS
from .sessions import Session, Sessions
from .signing_in import SigningIn
from .visit import Visit

STYLE = Path(__file__).with_name("page.css")

View = Callable[[Visit], tuple[str, dict[str, Any]]]
"""Gives a template's name and values."""

VIEWS: Mapping[str, View] = {
    "/": fleet,
    "/models/{name}": views.model,
    "/alerts": views.alerts,
    "/schedule": schedule,
    "/health": views.health,
}
OPERATORS_VIEWS: Mapping[str, View] = {
    "/models/{name}/adopt": admin_views.adoption,
    "/models/{name}/rollback": admin_views.rollback,
}
ADMINS_VIEWS: Mapping[str, View] = {"/audit": admin_views.audit, "/register": admin_views.register}
ACTIONS = {
    "retune": "name", "baseline": "name", "pause": "name", "resume": "name", "adopt": "name", "rollback": "name",
    "cancel": "named",
}  # fmt: skip
ANSWERS = {"ack": "alert", "snooze": "named", "unsnooze": "named"}
"""Verbs that forms of the pages may use, of a model and of an alert, and the argument that says which."""


def add_pages(app: FastAPI, inside: Inside) -> None:
    """Add the pages to the server's addresses."""
    sessions = Sessions()
    answering = Answering(inside, sessions)
    pages = Pages(answering)
    SigningIn(inside, sessions).add_to(app)
    AdminPages(answering).add_to(app)
    CampaignPages(answering).add_to(app)
    for role, shown in ((Role.VIEWER, VIEWS), (Role.OPERATOR, OPERATORS_VIEWS), (Role.ADMIN, ADMINS_VIEWS)):
        for path, view in shown.items():
            app.add_api_route(path, pages.view(view, role), methods=["GET"], include_in_schema=False)
    app.add_api_route("/models/{name}/plan", pages.plan, methods=["GET"], include_in_schema=False)
    app.add_api_route("/snooze", pages.snooze, methods=["POST"], include_in_schema=False)
    app.add_api_route("/models/{name}/look", pages.look, methods=["POST"], include_in_schema=False)
    app.add_api_route("/models/{name}/{verb}", pages.act, methods=["POST"], include_in_schema=False)
    app.add_api_route("/alerts/{name}/{verb}", pages.answer, methods=["POST"], include_in_schema=False)
    app.add_api_route("/page.css", _style, methods=["GET"], include_in_schema=False)


class Pages:
    """The handlers of the pages that everybody reads, and of the forms on them."""

    def __init__(self, answering: Answering) -> None:
        """`answering`: those who are signed in."""
        self._answering = answering

    def view(self, view: View, least: Role) -> Callable[[Request], Awaitable[Response]]:
        """The handler of a page that is read from the database."""

        def answer(visit: Visit) -> Response:
            template, values = view(visit)
            return self._answering.page(visit.session, template, values)

        async def handler(request: Request) -> Response:
            return await self._answering.visited(request, least, answer)

        return handler

    async def plan(self, request: Request) -> Response:
        """What a re-evaluation of a model would do."""
        name = request.path_params["name"]

        def show(session: Session, plan: Any) -> Response:  # noqa: ANN401 - the verb's result
            return self._answering.page(session, "plan", {"name": name, "sentences": plan.sentences})

        return await self._answering.computed(request, "plan", {"name": name}, show)

    async def act(self, request: Request) -> Response:
        """What a form asks for of a model; then the model's page again, which says what was done."""
        back = f"/models/{quote(request.path_params['name'], safe='')}"
        return await self._answering.acted(request, lambda visit, form: self._ask(visit, form, ACTIONS), back)

    async def look(self, request: Request) -> Response:
        """Look now whether data, code or environment of a model have changed; its page says what was seen."""
        body, name = await request.body(), request.path_params["name"]

        def first(visit: Visit) -> None:
            checked_form(visit.session, request, body)

        def show(session: Session, looked: Any) -> Response:  # noqa: ANN401 - the verb's result
            seen = "; ".join(f"{part.part}: {part.words}" for part in looked.parts)
            words = session.say.gettext("Looked just now. %(seen)s. %(follows)s")
            session.news = words % {"seen": seen, "follows": looked.follows}
            return redirect(f"/models/{quote(name, safe='')}")

        return await self._answering.computed(request, "look", {"name": name}, show, first)

    async def snooze(self, request: Request) -> Response:
        """Put off the alerts of a model, as its row asks for; then the fleet again, with what was chosen of it."""

        def act(visit: Visit, form: Form) -> str:
            wanted = {
                "named": form.get("model", ""),
                "length": form.get("length", ""),
                "reason": form.get("reason", ""),
            }
            return views.done("snooze", self._answering.ask(visit, "snooze", wanted), visit.say)

        return await self._answering.acted(request, act, lambda form: back_to(form.get("back", "")))

    async def answer(self, request: Request) -> Response:
        """The answer to an alert; then the alerts again."""
        return await self._answering.acted(request, lambda visit, form: self._ask(visit, form, ANSWERS), "/alerts")

    def _ask(self, visit: Visit, form: Form, verbs: Mapping[str, str]) -> str:
        verb = visit.path["verb"]
        if verb not in verbs:
            say = visit.say
            found = say.gettext("this page has no action '%(verb)s'") % {"verb": verb[:40]}
            raise PageError(404, found, say.gettext("allowed: %(what)s") % {"what": ", ".join(verbs)})
        named: dict[str, object] = {verbs[verb]: visit.path["name"]}
        return views.done(verb, self._answering.ask(visit, verb, arguments_in(form) | named), visit.say)


async def _style(_: Request) -> Response:
    return Response(STYLE.read_bytes(), 200, {**HEADERS, "cache-control": "max-age=300"}, media_type="text/css")

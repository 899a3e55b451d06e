"""The addresses of the pages, who may see them, and what their forms do: the same verbs as everywhere else."""

from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import FastAPI, Request, Response

from ...strategies.errors import RetunedError
from ..api.answers import STATUS, Refused, as_error
from ..api.inside import Computation, Inside
from ..api.redaction import redacted_error
from ..api.routes import BY_VERB, PREFIX
from ..api.verbs import Verbs
from ..api.wire import load_arguments, load_result
from ..logs import log
from ..state.tokens import Role
from . import views
from .render import HEADERS, REPORT_HEADERS, render
from .sessions import Session, Sessions
from .visit import Visit

COOKIE = "retuned_session"
SIGN_IN = "/sign-in"
STYLE = Path(__file__).with_name("page.css")


View = Callable[[Visit], tuple[str, dict[str, Any]]]
"""Gives a template's name and values."""

VIEWS: Mapping[str, View] = {
    "/": views.fleet,
    "/models/{name}": views.model,
    "/alerts": views.alerts,
    "/schedule": views.schedule,
    "/health": views.health,
}
ACTIONS = {
    "retune": "name", "baseline": "name", "pause": "name", "resume": "name", "adopt": "name", "rollback": "name",
    "cancel": "named",
}  # fmt: skip
ANSWERS = {"ack": "alert", "snooze": "named", "unsnooze": "named"}
"""Verbs that forms of the pages may use, of a model and of an alert, and the argument that says which."""


def add_pages(app: FastAPI, inside: Inside) -> None:
    """Add the pages to the server's addresses."""
    pages = Pages(inside)
    for path, view in VIEWS.items():
        app.add_api_route(path, pages.view(view), methods=["GET"], include_in_schema=False)
    app.add_api_route("/models/{name}/plan", pages.plan, methods=["GET"], include_in_schema=False)
    app.add_api_route("/campaigns/{campaign}", pages.campaign, methods=["GET"], include_in_schema=False)
    app.add_api_route("/models/{name}/{verb}", pages.act, methods=["POST"], include_in_schema=False)
    app.add_api_route("/alerts/{name}/{verb}", pages.answer, methods=["POST"], include_in_schema=False)
    app.add_api_route(SIGN_IN, pages.sign_in_form, methods=["GET"], include_in_schema=False)
    app.add_api_route(SIGN_IN, pages.sign_in, methods=["POST"], include_in_schema=False)
    app.add_api_route("/sign-out", pages.sign_out, methods=["POST"], include_in_schema=False)
    app.add_api_route("/page.css", _style, methods=["GET"], include_in_schema=False)
    app.add_api_route(f"{PREFIX}/sign-in-links", pages.make_link, methods=["POST"], include_in_schema=False)


class Pages:
    """The handlers of the pages, with the sessions of this service."""

    def __init__(self, inside: Inside) -> None:
        """`inside`: of the server that the pages are part of."""
        self._inside = inside
        self._sessions = Sessions()

    def view(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        """The handler of a page that is read from the database."""

        def answer(visit: Visit) -> Response:
            template, values = view(visit)
            return self._page(visit.session, template, values)

        async def handler(request: Request) -> Response:
            return await self._visited(request, Role.VIEWER, answer)

        return handler

    async def plan(self, request: Request) -> Response:
        """What a re-evaluation of a model would do."""
        return await self._computed(request, "plan", {"name": request.path_params["name"]})

    async def campaign(self, request: Request) -> Response:
        """A campaign: the report once it has ended, how far it is until then."""

        def answer(visit: Visit) -> Response | None:
            shown = views.campaign(visit)
            return None if shown is None else self._page(visit.session, *shown)

        return await self._computed(request, "report", {"named": request.path_params["campaign"]}, answer)

    async def act(self, request: Request) -> Response:
        """What a form asks for of a model; then the model's page again, which says what was done."""
        return await self._acted(request, ACTIONS, f"/models/{quote(request.path_params['name'], safe='')}")

    async def answer(self, request: Request) -> Response:
        """The answer to an alert; then the alerts again."""
        return await self._acted(request, ANSWERS, "/alerts")

    async def sign_in_form(self, request: Request) -> Response:
        """The form to sign in, or with the secret of a link the session itself."""
        link = request.query_params.get("link")
        return self._form("") if link is None else await self._signed_in(request, "", link)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session with a token."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=10))
        return await self._signed_in(request, form.get("token", "").strip(), None)

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = _redirect(SIGN_IN)
        answer.delete_cookie(COOKIE)
        return answer

    async def make_link(self, request: Request) -> Response:
        """A link, good once and for two minutes, for whoever has a token or is the service's own command line."""

        def answer() -> Response:
            with self._inside.store() as store:
                try:
                    caller = self._inside.callers.enter(store, request.headers, Role.VIEWER)
                except RetunedError as error:
                    return as_error(error)
            secret = self._sessions.link(caller, self._inside.clock.now())
            log.info("sign_in_link_made", by=caller.name)
            return Response(f"{SIGN_IN}?{urlencode({'link': secret})}", headers=HEADERS, media_type="text/plain")

        return await self._inside.in_thread(request, answer)

    async def _acted(self, request: Request, verbs: Mapping[str, str], back: str) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=50))

        def answer(visit: Visit) -> Response:
            if not compare_digest(form.pop("csrf", "").encode(), visit.session.csrf.encode()):
                raise Refused(403, "the form is of another session", "", "go back, reload the page and try again")
            verb = visit.path["verb"]
            if verb not in verbs:
                raise Refused(404, f"this page has no action '{verb[:40]}'", f"allowed: {', '.join(verbs)}")
            route = BY_VERB[verb]
            if visit.caller.role < route.role:
                raise Refused(403, f"you are signed in as {visit.caller.role.word}", f"allowed: {route.role.word}s")
            named: dict[str, object] = {verbs[verb]: visit.path["name"]}
            given = {key: _value(value) if key in _NUMBERS else value for key, value in form.items() if value}
            result = getattr(visit.verbs, verb)(**load_arguments(verb, given | named))
            visit.session.news = views.done(verb, result)
            self._inside.note_act(route, visit.caller.name)
            return _redirect(back)

        return await self._visited(request, Role.OPERATOR, answer)

    async def _signed_in(self, request: Request, token: str, link: str | None) -> Response:
        now = self._inside.clock.now()
        if not self._sessions.may_try(now):
            return self._form("Too many attempts failed: wait a minute, then try again.", 429)

        def begin() -> str | None:
            if link is not None:
                return self._sessions.begin_with_link(link, now)
            with self._inside.store() as store:
                return self._sessions.begin_with_token(store, token, now)

        cookie = await self._inside.in_thread(request, begin)
        if cookie is None:
            wrong = "This link was used already or is too old: retuned open makes another."
            return self._form(wrong if link is not None else "The token is unknown or was revoked.", 401)
        answer = _redirect("/")
        # a proxy with TLS says so; who pretends it loses no more than a cookie of their own
        is_secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=is_secure, path="/")
        return answer

    def _form(self, error: str, status: int = 200) -> Response:
        return Response(render("sign_in", error=error, session=None), status, HEADERS, media_type="text/html")

    def _page(self, session: Session, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        news, session.news = session.news, ""
        is_operator = session.caller.role >= Role.OPERATOR
        body = render(template, session=session, news=news, is_operator=is_operator, **values)
        return Response(body, status, HEADERS, media_type="text/html")

    async def _visited(self, request: Request, least: Role, answer: Callable[[Visit], Response]) -> Response:
        """The answer to somebody who is signed in with that role; others are asked to sign in."""

        def work() -> Response:
            now = self._inside.clock.now()
            with self._inside.store() as store:
                session = self._sessions.session_of(store, request.cookies.get(COOKIE, ""), now)
                if session is None:
                    return _redirect(SIGN_IN)
                try:
                    if session.caller.role < least:
                        raise Refused(403, f"you are signed in as {session.caller.role.word}", f"{least.word}s may")
                    verbs = Verbs(store, self._inside.config, self._inside.clock, self._inside.user,
                                  caller=session.caller.name)  # fmt: skip
                    visit = Visit(session, store, verbs, now, request.query_params, request.path_params)
                    return answer(visit)
                except RetunedError as error:
                    return self._wrong(session, error)
                except Exception:
                    log.exception("api_failed")
                    return self._wrong(session, RetunedError("the service failed to answer", remedy="see its log"))

        return await self._inside.in_thread(request, work)

    async def _computed(
        self,
        request: Request,
        verb: str,
        arguments: dict[str, Any],
        first: Callable[[Visit], Response | None] = lambda _: None,
    ) -> Response:
        """A page whose content another process computes, unless `first` answers."""
        found: list[tuple[Session, Computation]] = []

        def answer(visit: Visit) -> Response:
            known = first(visit)
            if known is not None:
                return known
            checked = load_arguments(verb, arguments)
            found.append((visit.session, Computation(visit.caller.name, BY_VERB[verb], checked, visit.is_viewer)))
            return Response()

        answered = await self._visited(request, Role.VIEWER, answer)
        if not found:
            return answered
        session, wanted = found[0]
        try:
            result = load_result(verb, await self._inside.compute(wanted))
        except RetunedError as error:
            return self._wrong(session, error)
        if verb == "report":
            return Response(result.html, 200, REPORT_HEADERS, media_type="text/html")
        return self._page(session, "plan", {"name": arguments["name"], "sentences": result.sentences})

    def _wrong(self, session: Session, error: RetunedError) -> Response:
        """A page about an error, without paths for those who may not see them."""
        shown = error if session.caller.role >= Role.OPERATOR else redacted_error(error)
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        status = error.status if isinstance(error, Refused) else status
        return self._page(session, "wrong", {"error": shown}, status)


_NUMBERS = frozenset({"budget_s", "seed", "to", "campaign"})
"""Fields of forms that are numbers."""


def _value(text: str) -> object:
    """A form's value as a verb's argument."""
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def _redirect(to: str) -> Response:
    return Response(status_code=303, headers={**HEADERS, "location": to})


async def _style(_: Request) -> Response:
    return Response(STYLE.read_bytes(), 200, {**HEADERS, "cache-control": "max-age=300"}, media_type="text/css")

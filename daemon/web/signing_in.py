"""Signing in with a token or a link, signing out, and making the link."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from fastapi import FastAPI, Request, Response

from ...strategies.errors import RetunedError
from ..api.answers import as_error
from ..api.inside import Inside
from ..api.routes import PREFIX
from ..logs import log
from ..state.tokens import Role
from .answering import COOKIE, SIGN_IN, language_in, redirect
from .forms import fields_of
from .languages import COOKIE as LANGUAGE
from .languages import LANGUAGES, say_in
from .render import HEADERS, render
from .sessions import Sessions

YEAR_S = 365 * 24 * 3600


class SigningIn:
    """The handlers of those who are not signed in yet, or no longer want to be."""

    def __init__(self, inside: Inside, sessions: Sessions) -> None:
        """`inside`: of the server that the pages are part of."""
        self._inside = inside
        self._sessions = sessions

    def add_to(self, app: FastAPI) -> None:
        """Add the addresses."""
        app.add_api_route(SIGN_IN, self.form, methods=["GET"], include_in_schema=False)
        app.add_api_route(SIGN_IN, self.sign_in, methods=["POST"], include_in_schema=False)
        app.add_api_route("/language", self.choose, methods=["GET"], include_in_schema=False)
        app.add_api_route("/sign-out", self.sign_out, methods=["POST"], include_in_schema=False)
        app.add_api_route(f"{PREFIX}/sign-in-links", self.make_link, methods=["POST"], include_in_schema=False)

    async def form(self, request: Request) -> Response:
        """The form to sign in, or with the secret of a link the session itself."""
        link = request.query_params.get("link")
        return _form(request) if link is None else await self._signed_in(request, "", link)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session with a token."""
        try:
            fields = fields_of(request.headers.get("content-type", ""), await request.body())
        except RetunedError as error:
            return _form(request, error.found, 400)
        return await self._signed_in(request, fields.get("token", "").strip(), None)

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = redirect(SIGN_IN)
        answer.delete_cookie(COOKIE)
        return answer

    async def choose(self, request: Request) -> Response:
        """Keep the language that was chosen; then the page that it was chosen on."""
        answer = redirect(_back_to(request))
        chosen = request.query_params.get("to", "")
        if chosen in LANGUAGES:
            is_secure = request.url.scheme == "https"
            answer.set_cookie(LANGUAGE, chosen, YEAR_S, httponly=True, samesite="strict", secure=is_secure, path="/")
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

    async def _signed_in(self, request: Request, token: str, link: str | None) -> Response:
        now, say = self._inside.clock.now(), say_in(language_in(request))
        if not self._sessions.may_try(now):
            return _form(request, say.gettext("Too many attempts failed: wait a minute, then try again."), 429)

        def begin() -> str | None:
            if link is not None:
                return self._sessions.begin_with_link(link, now)
            with self._inside.store() as store:
                return self._sessions.begin_with_token(store, token, now)

        cookie = await self._inside.in_thread(request, begin)
        if cookie is None:
            used = say.gettext("This link was used already or is too old: retuned open makes another.")
            return _form(
                request, used if link is not None else say.gettext("The token is unknown or was revoked."), 401
            )
        answer = redirect("/")
        is_secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=is_secure, path="/")
        return answer


def _form(request: Request, error: str = "", status: int = 200) -> Response:
    page = render("sign_in", language_in(request), error=error, session=None)
    return Response(page, status, HEADERS, media_type="text/html")


def _back_to(request: Request) -> str:
    """The page of ours that a request came from, without the host; the fleet where it came from elsewhere."""
    from_page = urlsplit(request.headers.get("referer", ""))
    is_ours = from_page.netloc == request.headers.get("host") and from_page.path.startswith("/")
    if not is_ours or from_page.path.startswith(("//", "/\\", "/language")):
        return "/"
    return urlunsplit(("", "", from_page.path, from_page.query, ""))

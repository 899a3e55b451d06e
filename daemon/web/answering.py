"""How every page and every form is answered: who is signed in, what they may, and what an error looks like."""

from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any

from fastapi import Request, Response

from ...strategies.errors import RetunedError
from ..api.answers import STATUS, Refused
from ..api.inside import Computation, Inside
from ..api.redaction import redacted_error
from ..api.routes import BY_VERB
from ..api.verbs import Verbs
from ..api.wire import load_arguments, load_result
from ..logs import log
from ..state.tokens import Role
from .forms import fields_of
from .kept import Kept
from .languages import COOKIE as LANGUAGE
from .languages import language_of
from .page_error import PageError
from .render import HEADERS, render
from .sessions import Session, Sessions
from .terms import role_of
from .visit import Visit

COOKIE = "retuned_session"
SIGN_IN = "/sign-in"
Show = Callable[[Session, Any], Response]
"""The page of a result that was computed."""
Form = dict[str, str]


class Answering:
    """Answers those who are signed in; others are asked to sign in."""

    def __init__(self, inside: Inside, sessions: Sessions) -> None:
        """`inside`: of the server that the pages are part of."""
        self.inside = inside
        self.sessions = sessions
        self.kept = Kept(inside.config.state)

    async def visited(self, request: Request, least: Role, answer: Callable[[Visit], Response]) -> Response:
        """The answer to somebody with that role."""

        def work() -> Response:
            now = self.inside.clock.now()
            with self.inside.store() as store:
                cookie = request.cookies.get(COOKIE, "")
                session = self.sessions.session_of(store, cookie, now)
                if session is None:
                    return redirect(SIGN_IN)
                session.language = language_in(request)
                try:
                    _check_role(session, least)
                    verbs = Verbs(store, self.inside.config, self.inside.clock, self.inside.user,
                                  caller=session.caller.name)  # fmt: skip
                    visit = Visit(session, store, verbs, now, request.query_params, request.path_params,
                                  self.kept)  # fmt: skip
                    return answer(visit)
                except RetunedError as error:
                    return self.wrong(session, error)
                except Exception:
                    log.exception("api_failed")
                    return self.wrong(session, _failed(session))

        return await self.inside.in_thread(request, work)

    async def acted(
        self, request: Request, act: Callable[[Visit, Form], str], back: str | Callable[[Form], str],
        least: Role = Role.OPERATOR,
    ) -> Response:  # fmt: skip
        """What a form asks for, which `act` does and says in a sentence; then the page at `back`, which shows it."""
        body = await request.body()

        def answer(visit: Visit) -> Response:
            form = checked_form(visit.session, request, body)
            to = back if isinstance(back, str) else back(form)
            visit.session.news = act(visit, form)
            return redirect(to)

        return await self.visited(request, least, answer)

    def ask(self, visit: Visit, verb: str, arguments: Mapping[str, object]) -> Any:  # noqa: ANN401 - of any verb
        """The result of a verb that acts, if the visitor may use it."""
        route = BY_VERB[verb]
        _check_role(visit.session, route.role)
        result = getattr(visit.verbs, verb)(**load_arguments(verb, arguments))
        self.inside.note_act(route, visit.caller.name)
        return result

    async def computed(
        self,
        request: Request,
        verb: str,
        arguments: Mapping[str, object],
        show: Show,
        first: Callable[[Visit], Response | None] = lambda _: None,
    ) -> Response:
        """A page whose content another process computes, unless `first` answers."""
        found: list[tuple[Session, Computation]] = []
        route = BY_VERB[verb]

        def answer(visit: Visit) -> Response:
            known = first(visit)
            if known is not None:
                return known
            checked = load_arguments(verb, arguments)
            found.append((visit.session, Computation(visit.caller.name, route, checked, visit.is_viewer)))
            return Response()

        answered = await self.visited(request, route.role, answer)
        if not found:
            return answered
        session, wanted = found[0]
        try:
            result = load_result(verb, await self.inside.compute(wanted))
        except RetunedError as error:
            return self.wrong(session, error)
        if route.is_acting:
            self.inside.note_act(route, wanted.caller)
        return show(session, result)

    def page(self, session: Session, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """A page, with what the last action did."""
        news, session.news = session.news, ""
        role = session.caller.role
        body = render(template, session.language, session=session, news=news, is_operator=role >= Role.OPERATOR,
                      is_admin=role >= Role.ADMIN, **values)  # fmt: skip
        return Response(body, status, HEADERS, media_type="text/html")

    def wrong(self, session: Session, error: RetunedError) -> Response:
        """A page about an error, without paths for those who may not see them."""
        shown = error if session.caller.role >= Role.OPERATOR else redacted_error(error)
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        status = error.status if isinstance(error, Refused) else status
        return self.page(session, "wrong", {"error": shown, "is_said": isinstance(error, PageError)}, status)


def checked_form(session: Session, request: Request, body: bytes) -> Form:
    """The fields of a form of this session; raises Refused for one that another page made up."""
    form = fields_of(request.headers.get("content-type", ""), body)
    if not compare_digest(form.pop("csrf", "").encode(errors="replace"), session.csrf.encode()):
        say = session.say
        raise PageError(
            403,
            say.gettext("the form is of another session"),
            "",
            say.gettext("go back, reload the page and try again"),
        )
    return form


def language_in(request: Request) -> str:
    """The language of whoever asks."""
    return language_of(request.cookies.get(LANGUAGE, ""), request.headers.get("accept-language", ""))


def redirect(to: str) -> Response:
    """An answer that leads to another page."""
    return Response(status_code=303, headers={**HEADERS, "location": to})


def _check_role(session: Session, least: Role) -> None:
    if session.caller.role < least:
        say = session.say
        found = say.gettext("you are signed in as %(role)s") % {"role": role_of(session.caller.role.word, say)}
        raise PageError(
            403, found, say.gettext("allowed: the role %(role)s or above") % {"role": role_of(least.word, say)}
        )


def _failed(session: Session) -> PageError:
    say = session.say
    return PageError(500, say.gettext("the service failed to answer"), "", say.gettext("see its log"))

"""The pages of those who look after the service: its tokens, sessions and channels, what doctor finds, registering."""

from pathlib import PurePosixPath
from typing import Any

from fastapi import FastAPI, Request, Response

from ...strategies.words import capital
from ..state.tokens import Role
from .answering import Answering, Form, checked_form, redirect
from .demo import NAME, demo_model_file, next_step
from .forms import arguments_in
from .page_error import PageError
from .sessions import Session
from .terms import role_of
from .visit import Visit

SETTINGS = "/settings"


class AdminPages:
    """The handlers of these pages and of their forms."""

    def __init__(self, answering: Answering) -> None:
        """`answering`: those who are signed in."""
        self._answering = answering

    def add_to(self, app: FastAPI) -> None:
        """Add the addresses."""
        for path, handler in (("/settings", self.settings), ("/doctor", self.doctor)):
            app.add_api_route(path, handler, methods=["GET"], include_in_schema=False)
        forms = {
            "/register": self.register,
            "/demo": self.demo,
            "/settings/tokens": self.create_token,
            "/settings/tokens/{name}/revoke": self.revoke_token,
            "/settings/sessions/{number}/end": self.end_session,
            "/settings/channels/{name}/test": self.test_channel,
        }
        for path, handler in forms.items():
            app.add_api_route(path, handler, methods=["POST"], include_in_schema=False)

    async def settings(self, request: Request) -> Response:
        """Channels and the sessions of the visitor; for administrators all sessions and the tokens."""

        def answer(visit: Visit) -> Response:
            tokens = visit.verbs.token_list() if visit.caller.role >= Role.ADMIN else ()
            values = {
                "channels": visit.shown(visit.verbs.channels()),
                "sessions": self._answering.sessions.seen_by(visit.session, visit.now),
                "tokens": [token for token in tokens if token.revoked_at is None],
                "revoked": sum(token.revoked_at is not None for token in tokens),
                "roles": [role.word for role in Role],
            }
            return self._answering.page(visit.session, "settings", values)

        return await self._answering.visited(request, Role.VIEWER, answer)

    async def doctor(self, request: Request) -> Response:
        """Everything that the service needs, checked now."""

        def show(session: Session, findings: Any) -> Response:  # noqa: ANN401 - the verb's result
            return self._answering.page(session, "doctor", {"findings": findings})

        return await self._answering.computed(request, "doctor", {}, show)

    async def demo(self, request: Request) -> Response:
        """Register the example on flights; then its page, which says what to try next."""

        def act(visit: Visit, _: Form) -> str:
            file = demo_model_file(self._answering.inside.config.state)
            done = self._answering.ask(visit, "register", {"content": file.read_text(), "file": str(file)})
            return f"{capital(done.sentence)}. {next_step(file, visit.say)}"

        return await self._answering.acted(request, act, f"/models/{NAME}", Role.ADMIN)

    async def register(self, request: Request) -> Response:
        """Register the model file that was uploaded or pasted; then the fleet, which says what was done."""

        def act(visit: Visit, form: Form) -> str:
            say = visit.say
            content, folder = form.get("upload", "").strip("\n") or form.get("content", ""), form.get("folder", "")
            if not content.strip():
                raise PageError(
                    400,
                    say.gettext("the form has no model file"),
                    say.gettext("allowed: a file, or its text"),
                    say.gettext("choose one or paste it"),
                )
            if not folder.startswith("/"):
                raise PageError(
                    400,
                    say.gettext("the folder is '%(folder)s'") % {"folder": folder[:100]},
                    say.gettext("allowed: an absolute path on the service's machine, such as /srv/line"),
                    say.gettext(
                        "say where the training's files are: relative paths in the model file count from there"
                    ),
                )
            file = str(PurePosixPath(folder) / "model.toml")
            done = self._answering.ask(visit, "register", {"content": content.replace("\r\n", "\n"), "file": file})
            return f"{capital(done.sentence)}."

        return await self._answering.acted(request, act, "/", Role.ADMIN)

    async def create_token(self, request: Request) -> Response:
        """Create a token; the page that follows shows its secret, once."""

        def act(visit: Visit, form: Form) -> str:
            made = self._answering.ask(visit, "token_create", arguments_in(form))
            words = visit.say.gettext("Token %(name)s (%(role)s); its secret is shown this once: %(secret)s")
            role = role_of(made.token.role, visit.say)
            return words % {"name": made.token.name, "role": role, "secret": made.secret}

        return await self._answering.acted(request, act, SETTINGS, Role.ADMIN)

    async def revoke_token(self, request: Request) -> Response:
        """Revoke a token, which ends its sessions."""

        def act(visit: Visit, _: Form) -> str:
            token = self._answering.ask(visit, "token_revoke", {"name": visit.path["name"]})
            words = visit.say.gettext("Token %(name)s is revoked, and its sessions have ended.")
            return words % {"name": token.name}

        return await self._answering.acted(request, act, SETTINGS, Role.ADMIN)

    async def end_session(self, request: Request) -> Response:
        """End one of the visitor's sessions; an administrator may end any."""

        def act(visit: Visit, _: Form) -> str:
            self._answering.sessions.end_numbered(visit.session, visit.path["number"], visit.now)
            return visit.say.gettext("The session has ended.")

        return await self._answering.acted(request, act, SETTINGS, Role.VIEWER)

    async def test_channel(self, request: Request) -> Response:
        """Send a message to a channel now, and say what the other side answered."""
        body = await request.body()

        def first(visit: Visit) -> None:
            checked_form(visit.session, request, body)

        def show(session: Session, tested: Any) -> Response:  # noqa: ANN401 - the verb's result
            say = session.say
            accepted = say.gettext("%(channel)s accepted the message: %(answer)s. Where to look: %(look)s.")
            refused = say.gettext("%(channel)s did not accept the message: %(answer)s. Where to look: %(look)s.")
            words = {"channel": tested.name, "answer": tested.said, "look": tested.look}
            session.news = (accepted if tested.is_accepted else refused) % words
            return redirect(SETTINGS)

        name = {"channel": request.path_params["name"]}
        return await self._answering.computed(request, "channel_test", name, show, first)

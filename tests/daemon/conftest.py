"""A service's HTTP interface over a desk, for the tests of its addresses and of its pages."""

import pytest
import requests
from retuned.daemon.api.server import Api
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import ApiTable, Config
from retuned.daemon.state.tokens import Role, create_token


class Served:
    """A desk with its API, a token for each role, and how often the service was woken."""

    def __init__(self, desk, listen="127.0.0.1:0", add_pages=None, **table):
        self.desk = desk
        self.woken = []
        config = Config(state=desk.config.state, api=ApiTable(listen=listen, **table))
        self.api = Api(desk.config.state, config, SystemClock(), lambda: self.woken.append(True), add_pages)
        self.url = self.api.start()
        now = SystemClock().now()
        self.secrets = {role: create_token(desk.store, role.word, role.word, now).secret for role in Role}

    def ask(self, method, path, role=Role.VIEWER, headers=(), **options):
        sent = dict(headers)
        if role is not None:
            sent.setdefault("authorization", f"Bearer {self.secrets[role]}")
        return requests.request(method, self.url + path, headers=sent, timeout=60, **options)

    def browser(self, role):
        """A browser that is signed in."""
        browser = requests.Session()
        answer = browser.post(f"{self.url}/sign-in", data={"token": self.secrets[role]}, timeout=30)
        assert answer.status_code == 200
        return browser


@pytest.fixture(scope="session")
def serve():
    """Serves a desk."""
    return Served

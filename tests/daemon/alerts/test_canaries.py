"""A recognisable secret in every place that takes one, a real service that succeeds and fails with them all, and a
search for them in everything that it writes, answers and shows."""

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import requests
from retuned.daemon.state.channel_outbox import enqueue_for
from retuned.daemon.state.models.adoption import make_current, proposal
from retuned.daemon.state.models.adoption_log import adoption_of
from retuned.daemon.state.outbox import enqueue
from retuned.daemon.state.tokens import Role, create_token
from retuned.strategies.alerting.sample import sample_message

CANARY = "canary-5d1e"
SECRETS = {
    "HOOK_URL": f"/{CANARY}-hook?sig={CANARY}-sig", "OLD": f"{CANARY}-old", "NEW": f"{CANARY}-new",
    "SLACK_URL": f"/services/{CANARY}-slack", "TEAMS_URL": f"/workflows/{CANARY}-teams?sig={CANARY}-teams-sig",
    "KEY": f"{CANARY}-routing", "AM_URL": f"/{CANARY}-alertmanager", "AM_TOKEN": f"{CANARY}-bearer",
    "APPRISE_URL": f"/{CANARY}-apprise", "PASSWORD": f"{CANARY}-password", "HOUSE": f"{CANARY}-house",
    "OWN": f"{CANARY}-own", "TRAIN": f"{CANARY}-train", "FORGE": f"{CANARY}-forge",
}  # fmt: skip
PLACES = ("HOOK_URL", "SLACK_URL", "TEAMS_URL", "AM_URL", "APPRISE_URL")
PLAIN = "path-77aa"
"""In the address of a plain webhook, which the configuration holds as it is, and the database with its messages."""
HOOK = "import os, sys; print('forge', os.environ['FORGE']); sys.exit(3)"
COMMANDS = [("status",), ("doctor",), ("channels",), ("alerts",), ("audit",), ("history", "toy"), ("backup",)]
SHOWN = ("/api/v1/status", "/api/v1/channels", "/api/v1/alerts", "/api/v1/models/toy", "/api/v1/models/toy/history",
         "/api/v1/reports/3", "/metrics", "/openapi.json")  # fmt: skip
PAGES = ("/", "/models/toy", "/alerts", "/schedule", "/health", "/campaigns/3")


def configuration(good, echoes, mailbox):
    """Channels with a receiver that takes what it is sent, and channels with one that echoes it as an error."""
    tables = [
        f'[alerts]\nallow = ["127.0.0.0/8"]\nwebhook = "{echoes["HOUSE"]}/{PLAIN}"\nwebhook_secret = "env:HOUSE"',
        '[channels.hook]\nkind = "webhook"\ninsecure = true\nurl = "env:HOOK_URL"\nsecrets = ["env:OLD", "env:NEW"]',
        f'[channels.hook2]\nkind = "webhook"\ninsecure = true\nurl = "{good}"\nsecrets = ["env:OLD", "env:NEW"]',
        '[channels.slack]\nkind = "slack"\ninsecure = true\nurl = "env:SLACK_URL"',
        '[channels.teams]\nkind = "teams"\ninsecure = true\nurl = "env:TEAMS_URL"',
        f'[channels.pager]\nkind = "pagerduty"\ninsecure = true\nurl = "{echoes["KEY"]}"\nrouting_key = "env:KEY"',
        '[channels.am]\nkind = "alertmanager"\ninsecure = true\nurl = "env:AM_URL"\ntoken = "env:AM_TOKEN"',
        '[channels.apprise]\nkind = "apprise"\nurl = "env:APPRISE_URL"',
        f'[channels.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = {mailbox.port}\ninsecure = true\n'
        'security = "none"\n'
        'username = "me"\npassword = "env:PASSWORD"\nsender = "retuned@example.org"\nto = ["ann@example.org"]',
    ]
    return "\n".join(tables), ("hook", "hook2", "slack", "teams", "pager", "am", "apprise", "mail")


class Watched:
    """The arguments of every process that this user runs, looked at again and again."""

    def __init__(self):
        self.seen, self.is_over = set(), threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        while not self.is_over.is_set():
            for process in psutil.process_iter(["cmdline"]):
                self.seen.add(" ".join(process.info["cmdline"] or ()))
            time.sleep(0.02)


@pytest.fixture
def watched():
    made = Watched()
    yield made
    made.is_over.set()


def make_echo(receive):
    """A receiver that answers with an error and whatever it was told; and what that was."""
    heads = []

    def echo(connection):
        body = json.dumps(heads[-1]).encode() + receiver.bodies[-1]
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    receiver = receive(echo, keep=heads)
    return receiver.url.removesuffix("/hook"), heads


@pytest.mark.timeout(600)  # a dozen processes, one after another
def test_no_secret_is_in_a_log_the_database_an_answer_a_report_a_backup_or_an_argument(
    served, judged_copy, box, receive, good, mailbox, watched
):
    made = {name: make_echo(receive) for name in (*PLACES, "KEY", "HOUSE", "OWN")}
    echoes = {name: url for name, (url, _) in made.items()}
    text, channels = configuration(good.url, echoes, mailbox)
    urls = {name: echoes[name] + SECRETS[name] for name in PLACES}
    urls["APPRISE_URL"] = urls["APPRISE_URL"].replace("http:", "json:")
    served.configure(text, **(SECRETS | urls))
    desk = judged_copy
    training = desk.training_table(Path(__file__).parents[2] / "toys" / "quadratic.py")
    hook = json.dumps([served.command[0], "-c", HOOK])
    desk.register(
        training=f'{training}\npass_env = ["TRAIN"]',
        settings=f'file = "live.json"\nhook = {hook}\npass_env = ["FORGE"]',
        alerts=f'webhook = "{echoes["OWN"]}/{PLAIN}"\nwebhook_secret = "env:OWN"',
    )  # fmt: skip
    make_current(desk.store, proposal(desk.store, "toy", None), datetime.now(UTC))
    message = sample_message("ops", "host-1", "msg_1", datetime.now(UTC))
    with box.transaction():
        for name in channels:
            enqueue_for(box, message, name, None, None, datetime.now(UTC))
        for name in ("HOUSE", "OWN"):
            enqueue(box, message_id=f"msg_{name}", alert_id=None, url=f"{echoes[name]}/{PLAIN}", payload="{}",
                    secret_reference=f"env:{name}", now=datetime.now(UTC))  # fmt: skip
    token = create_token(box, "watcher", Role.VIEWER.word, datetime.now(UTC)).secret
    served.start()
    served.wait_for(
        lambda: len(box.rows("SELECT * FROM attempts WHERE ended_at IS NOT NULL")) >= len(channels) + 2, 120.0
    )
    served.wait_for(lambda: adoption_of(box, 1, 2).hook_state == "failed", 120.0)
    said = {" ".join(words): (answer := served.say(*words)).stdout + answer.stderr for words in COMMANDS}
    place = json.loads((box.state / "api.json").read_text())["url"]
    session = requests.Session()
    said |= {path: session.get(place + path, headers={"authorization": f"Bearer {token}"}, timeout=60).text
             for path in SHOWN}  # fmt: skip
    assert session.post(f"{place}/sign-in", data={"token": token}, timeout=60).ok
    said |= {path: session.get(place + path, timeout=60).text for path in PAGES}
    assert served.end() == 0
    said |= {"log": served.log.read_text(), "arguments": "\n".join(watched.seen)}
    assert {row["error"] is None for row in box.rows("SELECT error FROM attempts")} == {True, False}
    assert [name for name, (_, heads) in made.items() if not heads] == []
    assert {name for name, text in said.items() if CANARY in text} == set()
    assert {name for name, text in said.items() if PLAIN in text} == set()
    assert {name for name, text in said.items() if token in text} == set()
    files = {path: path.read_bytes() for path in box.state.rglob("*") if path.is_file()}
    assert any("backups" in path.parts for path in files)
    assert {path for path, content in files.items() if CANARY.encode() in content} == set()
    assert {path for path, content in files.items() if token.encode() in content} == set()

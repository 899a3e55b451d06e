"""`retuned channels`, `channels test` and `webhooks verify`, as a person types them."""

import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from retuned.daemon.__main__ import main
from retuned.daemon.alerts.signing import sign
from retuned.daemon.clock import SystemClock

CANARY = "canary-4711"
SECRET = "whsec_a2V5a2V5a2V5a2V5a2V5a2V5"
BODY = b'{"a":1}'


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(json.loads(body))
        status, said = self.server.answer
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def slack(monkeypatch):
    """A receiver that answers as Slack does; its address, with the canary in it, is in SLACK_URL."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.bodies, server.answer = [], (200, b"ok")
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("SLACK_URL", f"http://127.0.0.1:{server.server_port}/services/{CANARY}")
        yield server
        server.shutdown()


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command line inside this process, on a configuration with one channel: exit code, output and errors."""
    file = tmp_path / "config.toml"
    file.write_text(
        f'state = "{tmp_path}/state"\n[alerts]\nallow = ["127.0.0.1"]\n'
        '[channels.ops]\nkind = "slack"\nurl = "env:SLACK_URL"\ninsecure = true\nkinds = ["stale", "broken"]\n'
    )

    def run(*words):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["retuned", "--config", str(file), *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    run.file = file
    return run


def test_channels_are_listed_with_what_they_take_and_how_they_fare(call, slack):
    code, out, _ = call("channels")
    assert code == 0
    assert [word in out for word in ("ops", "slack", "kind stale or broken", "never", "ok")] == [True] * 5
    (channel,) = json.loads(call("channels", "--json")[1])
    assert (channel["name"], channel["kind"], channel["problem"], channel["pending"]) == ("ops", "slack", None, 0)


def test_a_channel_whose_secret_is_not_there_says_so(call):
    (channel,) = json.loads(call("channels", "--json")[1])
    assert channel["problem"] == "the environment variable SLACK_URL is not set; set it where retuned is started"


def test_a_test_message_is_recognisable_and_the_answer_is_told(call, slack):
    code, out, _ = call("channels", "test", "ops")
    assert (code, out.splitlines()) == (
        0,
        [
            "ops (slack): the other side answered: accepted",
            "look at: the Slack channel that the webhook was made for",
        ],
    )
    (body,) = slack.bodies
    assert "Test message: retuned on" in body["text"]


def test_a_test_message_that_does_not_arrive_says_why_without_the_address(call, slack):
    slack.answer = (404, b"no_service")
    code, out, err = call("channels", "test", "ops")
    assert code == 1
    assert "not delivered: HTTP status 404: Slack knows no such webhook" in out
    assert CANARY not in out + err


def test_a_test_message_of_a_private_receiver_that_is_not_allowed_is_not_sent(call, slack):
    call.file.write_text(call.file.read_text().replace('allow = ["127.0.0.1"]', ""))
    code, out, _ = call("channels", "test", "ops")
    assert (code, slack.bodies) == (1, [])
    assert "the receiver's address 127.0.0.1 is this machine's own" in out


def test_a_channel_that_is_not_there_is_answered_with_those_that_are(call):
    code, _, err = call("channels", "test", "opps")
    assert (code, err.count("\n")) == (2, 1)
    assert "no channel is called 'opps'; the channels: ops;" in err


def test_the_doctor_tries_each_channel(call, slack, monkeypatch):
    assert "ops: its receiver accepts connections" in call("doctor")[1]
    monkeypatch.delenv("SLACK_URL")
    assert "ops: the environment variable SLACK_URL is not set" in call("doctor")[1]


def test_a_model_that_names_a_channel_which_is_not_configured_is_not_registered(call, tmp_path):
    model = tmp_path / "model.toml"
    model.write_text(
        'name = "line"\nowner = "ann"\n'
        'training = {command = ["true", "{lr}", "{seed}"], budget = {epochs = 1}}\n'
        'objective = {metric = "loss", direction = "minimize"}\nalerts = {channels = ["pos"]}\n'
        'hyperparameters.lr = {type = "float", low = 0.1, high = 1.0, value = 0.2}\n'
    )
    code, _, err = call("register", model)
    assert code == 2
    assert "alerts.channels names 'pos', which is not configured; the channels: ops;" in err


def verify(call, monkeypatch, body, signature, at):
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    return call(
        "webhooks", "verify", "--id", "msg_1", "--timestamp", at, "--signature", signature, "--secret", "env:SECRET"
    )


def test_a_signature_is_verified_from_standard_input(call, monkeypatch):
    at = str(int(SystemClock().now().timestamp()))
    signature = sign("msg_1", at, BODY, SECRET)
    assert verify(call, monkeypatch, BODY, signature, at) == (0, "the signature is valid\n", "")
    code, _, err = verify(call, monkeypatch, BODY + b" ", signature, at)
    assert code == 2
    assert err.startswith("retuned: the signature does not match; ")
    assert SECRET not in err

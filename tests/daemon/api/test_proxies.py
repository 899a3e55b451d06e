"""An address that other machines can reach: behind proxies that are named, or refused."""

import asyncio
import json

import pytest
from retuned.daemon.api.request_guard import Guard
from retuned.daemon.config.config import ApiTable, load_config

BEHIND = {"listen": "0.0.0.0:8719", "behind_proxy": True, "trusted": ("10.0.0.5", "10.1.0.0/24"),
          "names": ("retuned.example.org",)}  # fmt: skip


def answered(table, client, host="127.0.0.1"):
    """The status and error of a request from that address."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "client": client, "headers": [(b"host", host.encode())]}
    asyncio.run(Guard(app, table)(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"]).get("found", "")


@pytest.mark.parametrize(
    ("client", "status"),
    [
        (("10.0.0.5", 4711), 200),  # a proxy by address
        (("10.1.0.77", 4711), 200),  # one by network
        (("127.0.0.1", 4711), 200),  # the machine itself
        (None, 200),  # a socket in the file system
        (("10.0.0.6", 4711), 403),
        (("2001:db8::1", 4711), 403),
    ],
)
def test_only_proxies_and_this_machine_come_in(client, status):
    assert answered(ApiTable(**BEHIND), client)[0] == status


@pytest.mark.parametrize(("host", "status"), [("retuned.example.org", 200), ("evil.example", 421)])
def test_the_proxys_name_is_one_of_ours_and_no_other_is(host, status):
    assert answered(ApiTable(**BEHIND), ("10.0.0.5", 4711), host)[0] == status


def test_without_a_proxy_nobody_is_asked_where_they_come_from():
    assert answered(ApiTable(), ("192.0.2.1", 4711))[0] == 200


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('listen = "0.0.0.0:8719"', "which other machines can reach"),
        ("behind_proxy = true", "allowed: both, or neither"),
        ('trusted = ["10.0.0.5"]', "allowed: both, or neither"),
        ('behind_proxy = true\ntrusted = ["proxy"]', "allowed: addresses and networks"),
        ('behind_proxy = true\ntrusted = ["10.0.0.5"]\nnames = ["https://x"]', "allowed: host names"),
    ],
)
def test_a_table_that_would_leave_it_open_is_refused(refused, table, said):
    refused(table, said)


def test_behind_a_proxy_a_public_address_is_taken(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[api]\nlisten = "0.0.0.0:8719"\nbehind_proxy = true\ntrusted = ["10.0.0.5"]\n')
    assert load_config(path, {"HOME": str(tmp_path)}).api.trusted == ("10.0.0.5/32",)

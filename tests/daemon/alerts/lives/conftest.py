"""Alerts from their opening to their end: a real service's rounds, real receivers, a clock that the test moves."""

import json
from dataclasses import replace
from datetime import datetime

import pytest
from pydantic import TypeAdapter
from retuned.daemon.alerts.channels import Outlet
from retuned.daemon.alerts.deliveries import Deliveries
from retuned.daemon.config.channel_tables import Channels
from retuned.daemon.config.config import AlertsTable, ApiTable, Config, ServiceTable
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.service.alert_round import AlertRound
from retuned.daemon.service.campaign_processes import CampaignProcesses
from retuned.daemon.service.service import Part, Service
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.alert_raising import Found, raise_alert
from retuned.daemon.state.alert_rows import resolve_alerts
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.models.registry import find_model, register
from retuned.daemon.state.store import Store
from retuned.strategies.alerting.message import Kind, Severity
from retuned.strategies.schedule.grants import Machine
from retuned.strategies.verdict.notice import Notice

MACHINE = Machine(slots=8, memory_bytes=24 << 30, gpus=(), campaigns=4)
PATIENCE_S = 60.0  # for a receiver that answers, on a machine with much else to do
STALE = Found(Kind.STALE, "settings v1", Severity.WARNING, "toy: stale", ("It loses.",), ("retuned adopt toy",))


class Scene:
    """A state folder with models, a service whose rounds the test runs, and a receiver of its messages."""

    def __init__(self, desk, clock, alerts, channels=None, environ=None):
        self.desk, self.clock, self.alerts = desk, clock, alerts
        self.channels, self.environ, self.slow = channels or {}, environ or {}, frozenset()
        self.sending, self.public_url = None, None
        self.restart()

    def restart(self, **alerts):
        """Another service over the same state folder; what the one before had under way is cut."""
        self.stop()
        self.alerts |= alerts
        self.config = Config(
            state=self.desk.config.state, alerts=AlertsTable.model_validate(self.alerts), service=ServiceTable(),
            channels=TypeAdapter(Channels).validate_python(self.channels), api=ApiTable(public_url=self.public_url),
        )  # fmt: skip
        self.store = Store(self.config.state)
        processes = CampaignProcesses(self.config.state, None, self.clock)
        self.round = AlertRound(self.store, self.config)
        outlet = Outlet.of(self.config, self.environ)
        self.sending = Deliveries(self.store, self.clock, lambda: None, self.environ, outlet)
        self.service = Service(
            self.store, self.config, self.clock, processes, lambda: MACHINE,
            (Part("alerts", lambda: self.round.step(self.clock.now()), is_first=True),), deliver=self._deliver,
        )  # fmt: skip

    def stop(self):
        if self.sending is not None:
            self.sending.stop()

    def _deliver(self):
        """What is due now, to the end: the tries run beside the rounds, and the clock stands meanwhile. Receivers in
        `slow`, by channel or address, are not waited for."""
        ended = list(self.sending.step())
        while waiting := [lane for name, lane in self.sending._lanes.items() if name not in self.slow]:
            for lane in waiting:
                lane.trying._thread.join(PATIENCE_S)
            ended += self.sending.step()
        return ended

    def add(self, name):
        """A model whose baseline nobody wants."""
        path = self.desk.write_model(top=f'name = "{name}"\nowner = "tests"')
        model = register(self.store, load_model_file(path), path, self.clock.now()).model
        cancel_campaign(self.store, open_campaigns(self.store, model.id)[0], self.clock.now())
        return model

    def find(self, name="toy", change="", **changes):
        """A verdict's transaction, which raises an alert about the model."""
        model = find_model(self.store, name)
        found = replace(STALE, title=f"{name}: stale", commands=(f"retuned adopt {name}",), change=change, **changes)
        with self.store.transaction():
            campaign = self.store.row("SELECT id FROM campaigns WHERE model_id = ?", (model.id,))
            number = find_campaign(self.store, campaign["id"])
            notice = Notice(found.title, found.sentences, "alert", found.commands)
            return raise_alert(self.store, model, number, notice, {}, self.config, self.clock.now(), found)

    def settle(self, name="toy"):
        """The cause of a model's alerts is gone."""
        with self.store.transaction():
            resolve_alerts(self.store, find_model(self.store, name).id, tuple(Kind), "adopted", self.clock.now())

    def run(self, hours, step=1.0):
        for _ in range(round(hours / step)):
            assert self.service.tick() == ()
            self.clock.move(hours=step)
        self.service.tick()

    def run_alerts(self, hours, step=1):
        """Without the queue, which would say anew why a campaign waits."""
        for _ in range(hours // step):
            self.round.step(self.clock.now())
            self._deliver()
            self.clock.move(hours=step)

    def alert(self, number=1):
        return next(alert for alert in list_alerts(self.store) if alert.id == number)


class Plain(Scene):
    """One with a single receiver, the service's plain webhook."""

    def __init__(self, desk, clock, receiver):
        self.receiver = receiver
        super().__init__(desk, clock, {"webhook": receiver.url})

    @property
    def heard(self):
        """What the receiver was told, oldest first: the event and the title's beginning."""
        bodies = [json.loads(body)["data"] for body in self.receiver.bodies]
        return [(data["event"], data["title"]) for data in bodies]

    @property
    def events(self):
        return [event for event, _ in self.heard]


@pytest.fixture
def scene(desk, clock, good):
    made = Plain(desk, clock, good)
    made.add("toy")
    yield made
    made.stop()


@pytest.fixture
def make_scene(desk, clock):
    """Scenes with other receivers."""
    made = []

    def build(alerts, channels=None, environ=None):
        made.append(Scene(desk, clock, alerts, channels, environ))
        return made[-1]

    yield build
    for scene in made:
        scene.stop()


FIRST_WORDS = {
    "Still open": "repeated",
    "Nobody has answered": "escalated",
    "Snooze over": "snooze_ended",
    "Resolved": "resolved",
}
ACTIONS = {"trigger": "opened", "acknowledge": "acknowledged", "resolve": "resolved"}
TITLES = {
    "slack": lambda body: body["blocks"][0]["text"]["text"][2:],
    "teams": lambda body: body["attachments"][0]["content"]["body"][0]["inlines"][0]["text"],
    "apprise": lambda body: body["title"],
}
ACCEPTS = {"slack": "200 OK", "teams": "202 Accepted", "pagerduty": "202 Accepted", "alertmanager": "200 OK"}


class Collector:
    """A receiver of one kind of channel: what it heard, and after how many hours by the test's clock.

    It answers with `answers` one after the other, then accepts; an answer is a status line and headers, or what to do
    with the connection.
    """

    def __init__(self, kind, receive, clock):
        self.kind, self.receive, self.clock, self.start = kind, receive, clock, clock.now()
        self.heard, self.answers = [], []
        self.receiver = receive(self._behave)

    def go_down(self):
        self.receiver.close()

    def come_back(self):
        old = self.receiver
        self.receiver = self.receive(self._behave, port=int(old.url.split(":")[2].split("/")[0]))
        self.receiver.bodies, self.receiver.ids = old.bodies, old.ids

    @property
    def events(self):
        return [event for _, event in self.heard]

    def between(self, first, last):
        """The events that came in these hours."""
        return [event for hours, event in self.heard if first <= hours <= last]

    @property
    def titles(self):
        return [self._title(json.loads(body)) for body in self.receiver.bodies]

    @property
    def channel(self):
        """Its table in the configuration, and the secrets that it names."""
        address = self.receiver.url.removesuffix("/hook" if self.kind in ("pagerduty", "alertmanager") else "")
        if self.kind == "pagerduty":
            return {"kind": "pagerduty", "insecure": True, "url": address, "routing_key": "env:KEY"}, {"KEY": "R0"}
        if self.kind == "apprise":
            address = address.replace("http://", "json://")
        more = {"every": "12h"} if self.kind == "alertmanager" else {}
        variable = f"{self.kind.upper()}_URL"
        return {"kind": self.kind, "insecure": True, "url": f"env:{variable}", **more}, {variable: address}

    def _behave(self, connection):
        hours = (self.clock.now() - self.start).total_seconds() / 3600
        self.heard.append((round(hours, 3), self._event(json.loads(self.receiver.bodies[-1]))))
        answer = self.answers.pop(0) if self.answers else (ACCEPTS.get(self.kind, "204 No Content"),)
        if callable(answer):
            answer(connection)
            return
        text = "ok" if self.kind == "slack" and answer[0].startswith("200") else ""
        lines = (f"HTTP/1.1 {answer[0]}", *answer[1:], f"Content-Length: {len(text)}", "", text)
        connection.sendall("\r\n".join(lines).encode())

    def _title(self, body):
        return TITLES[self.kind](body) if self.kind in TITLES else body["data"]["title"]

    def _event(self, body):
        if self.kind == "webhook":
            return body["data"]["event"]
        if self.kind == "pagerduty":
            return ACTIONS[body["event_action"]] if "event_action" in body else "change"
        if self.kind == "alertmanager":
            is_over = all(datetime.fromisoformat(alert["endsAt"]) <= self.clock.now() for alert in body)
            return "resolved" if is_over else "opened"
        title = self._title(body)
        return next((event for words, event in FIRST_WORDS.items() if title.startswith(f"{words}: ")), "opened")


@pytest.fixture
def stage(make_scene, receive, clock):
    """A scene with a model and a collector of each kind, under its kind as its name; `channels`: further keys."""

    def build(*kinds, alerts=None, **channels):
        collectors = {kind: Collector(kind, receive, clock) for kind in kinds}
        tables, environ = {}, {}
        for name, collector in collectors.items():
            table, secrets = collector.channel
            tables[name] = table | channels.get(name, {})
            environ |= secrets
        scene = make_scene({"allow": ["127.0.0.0/8"], **(alerts or {})}, tables, environ)
        scene.told = collectors
        scene.add("toy")
        return scene

    return build

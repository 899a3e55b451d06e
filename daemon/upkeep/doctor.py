"""`retuned doctor`: checks everything that the service needs, reports what is wrong and what to do, changes nothing."""

import os
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from ...strategies.errors import InputError
from ..certificates import ends_at
from ..clock import Clock
from ..config.config import Config
from ..state.faults import get_fact
from ..state.running_service import UNIX, is_serving, read_place
from ..state.store import Store
from .doctor_channels import check_channels
from .doctor_cluster import check_cluster
from .doctor_findings import Case, Finding
from .doctor_models import check_machine, check_models, check_slices, sample_of
from .doctor_state import (
    can_be_opened,
    check_backups,
    check_configuration,
    check_database,
    check_disk,
    check_folder,
)
from .health import longest_silence_s

ANSWER_TIMEOUT_S = 3.0
CERTIFICATE_ENDS_SOON = timedelta(days=14)
EARLIEST, LATEST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
UNIT = "retuned.service"


def examine(config: Config, environ: Mapping[str, str], clock: Clock, file: Path | None = None) -> tuple[Finding, ...]:
    """Every finding, good ones included. `file`: the configuration file given with --config."""
    return examine_case(Case(config, environ, clock.now(), file))


def examine_case(case: Case) -> tuple[Finding, ...]:
    """The same for a described machine. A check that crashes is a finding, and the others still run."""
    without_database: tuple[tuple[str, Callable[[Case], Iterator[Finding]]], ...] = (
        ("configuration", check_configuration),
        ("state folder", check_folder),
        ("disk", check_disk),
        ("database", check_database),
        ("api", check_api),
        ("certificate", check_certificate),
        ("systemd", check_unit),
    )
    findings = [finding for part, check in without_database for finding in _caught(part, partial(check, case))]
    findings += _caught("database", lambda: _with_database(case))
    return tuple(findings)


def _with_database(case: Case) -> Iterator[Finding]:
    if not can_be_opened(case):
        yield from _caught("clock", lambda: check_clock(case, None))
        yield from _caught("channels", lambda: check_channels(case, ()))
        yield from _caught("machine", lambda: check_machine(case, ()))
        yield from _caught("cluster", lambda: check_cluster(case, ()))
        return
    with closing(Store(case.config.state, busy_timeout_s=ANSWER_TIMEOUT_S)) as store:
        yield from _caught("service", lambda: check_service(case, store))
        yield from _caught("clock", lambda: check_clock(case, store))
        yield from _caught("backups", lambda: check_backups(case, store))
        models, count, broken = sample_of(store)
        yield from broken
        yield from _caught("models", lambda: check_models(models, count))
        yield from _caught("slices", lambda: check_slices(store, models))
        yield from _caught("machine", lambda: check_machine(case, models))
        yield from _caught("cluster", lambda: check_cluster(case, models))
        yield from _caught("channels", lambda: check_channels(case, models))


def check_service(case: Case, store: Store) -> Iterator[Finding]:
    """That a service runs and has finished a round recently."""
    if not is_serving(case.config.state):
        yield Finding(
            "service", "warning", "it does not run, so nothing is re-evaluated automatically",
            "retuned serve, or: systemctl start retuned",
        )  # fmt: skip
        return
    beat = get_fact(store, "heartbeat")
    if beat is None:
        yield Finding("service", "warning", "it runs but has not finished a round yet", "check again in a minute")
        return
    pid, age_s = beat[0]["pid"], (case.now - beat[1]).total_seconds()
    if age_s > longest_silence_s(case.config):
        yield Finding(
            "service", "error", f"it runs (process {pid}), but its last round ended {age_s:.0f} s ago",
            "see its log (journalctl -u retuned), then: systemctl restart retuned",
        )  # fmt: skip
    else:
        yield Finding("service", "ok", f"it runs (process {pid}); a round took {beat[0]['tick_s'] * 1000:.0f} ms")


def check_clock(case: Case, store: Store | None) -> Iterator[Finding]:
    """That the clock is plausible and was not set back, and that the time zone is known."""
    zone = case.config.schedule.timezone
    ZoneInfo(zone)
    beat = None if store is None else get_fact(store, "heartbeat")
    if not EARLIEST <= case.now < LATEST:
        yield Finding("clock", "error", f"it says {case.now:%Y-%m-%d}", "set it: timedatectl set-ntp true")
    elif beat is not None and (beat[1] - case.now).total_seconds() > 120:
        yield Finding(
            "clock", "error", f"it was set back: the last round was at {beat[1]:%Y-%m-%d %H:%M} UTC, and it says"
            f" {case.now:%Y-%m-%d %H:%M}",
            "set it: timedatectl set-ntp true",
        )  # fmt: skip
    else:
        yield Finding("clock", "ok", f"it says {case.now:%Y-%m-%d %H:%M} UTC; schedules are in {zone}")


def check_api(case: Case) -> Iterator[Finding]:
    """That a running service answers at its recorded address."""
    lock = case.config.state / "service.lock"
    if case.config.api.listen == "off" or not lock.exists() or not is_serving(case.config.state):
        return
    place = read_place(case.config.state)
    if place is None:
        yield Finding(
            "api", "error", "the service runs but has not recorded its address",
            "check again in a minute, then see its log",
        )  # fmt: skip
        return
    why = _why_silent(place.url)
    if why:
        yield Finding("api", "error", f"{place.url} does not answer: {why}", "see the service's log, then restart it")
    else:
        yield Finding("api", "ok", f"{place.url} answers")


def check_certificate(case: Case) -> Iterator[Finding]:
    """That the certificate of [api] can be used with its key, and for how long."""
    cert, key = case.config.api.tls_cert, case.config.api.tls_key
    if cert is None or key is None:
        return
    renew = "renew it; the service reads the new files within a minute"
    try:
        ends = ends_at(cert, key)
    except InputError as error:
        yield Finding("certificate", "error", error.found, f"{error.allowed}; {error.remedy}")
        return
    if ends is None or ends <= case.now:
        yield Finding("certificate", "error", f"{cert} has ended, or has not begun", renew)
    elif ends - case.now < CERTIFICATE_ENDS_SOON:
        yield Finding("certificate", "warning", f"{cert} ends on {ends:%Y-%m-%d}", renew)
    else:
        yield Finding("certificate", "ok", f"{cert} is good until {ends:%Y-%m-%d}")


def check_unit(case: Case) -> Iterator[Finding]:
    """That the systemd unit, if there is one, is enabled and starts a program that exists."""
    unit = case.units / UNIT
    if not unit.exists():
        return
    commands = [
        line.partition("=")[2].strip().lstrip("-@:+!").split(" ")[0]
        for line in unit.read_text(errors="replace").splitlines()
        if line.startswith("ExecStart=")
    ]
    missing = [command for command in commands if not os.access(command, os.X_OK)]
    if missing:
        yield Finding("systemd", "error", f"{unit} starts {missing[0]}, which does not exist", "run deploy/install.sh")
    elif not any(case.units.glob(f"*.wants/{UNIT}")):
        yield Finding("systemd", "warning", "the service does not start with the machine", "systemctl enable retuned")
    else:
        yield Finding("systemd", "ok", f"{unit} starts with the machine")


def _why_silent(url: str) -> str:
    """Why nothing answers at the address; empty if something does."""
    try:
        if url.startswith(UNIX):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(ANSWER_TIMEOUT_S)
                probe.connect(url.removeprefix(UNIX))
            return ""
        with requests.Session() as session, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of urllib3, that the certificate is not looked at
            session.trust_env = False
            session.verify = False  # whether it answers; the certificate is another check
            status = session.get(f"{url}/healthz", timeout=ANSWER_TIMEOUT_S).status_code
    except (OSError, ValueError) as error:
        return type(error).__name__
    return "" if status == 200 else f"HTTP status {status}"


def _caught(part: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of a check; if it crashes, that is the last one."""
    findings: list[Finding] = []
    try:
        for finding in check():
            findings.append(finding)  # noqa: PERF402 - one by one: what it found before it crashed is kept
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        findings.append(Finding(part, "error", f"this check failed: {why}", "fix what it names, then check again"))
    return findings

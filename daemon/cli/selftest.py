"""Whether the detector works on the owner's own training: known-bad settings must be found, equal ones must pass.

Everything happens in a throw-away state folder, on a copy of the present data, with the campaigns that the service
itself runs; registry, alerts, webhooks and the settings file of the model are never touched.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...strategies.errors import ConflictError
from ...strategies.legs.names import INCUMBENT
from ...strategies.records import LegRequest, Outcome, Purpose, Role
from ...strategies.search.planting import Plant, plants
from ...strategies.space import configuration_key, derive_seed
from ...strategies.verdict.notice import render_changes
from ...strategies.verdict.runs import Pair, Run, SearchSummary
from ...strategies.verdict.verdict import judge
from ...strategies.verdict.verdict_records import Continue, TestPlan, Verdict
from ..campaign.confirm import freeze_plan
from ..campaign.context import CampaignContext, costs_of, full_run, open_context, slice_base
from ..campaign.request import open_or_queue
from ..clock import Clock
from ..config.config import Config
from ..config.model_tables import AlertsTable, SettingsTable
from ..reports.progress import progress_of
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaign_writes import cancel_campaign, move_baselines
from ..state.campaigns.campaigns import Campaign, find_campaign, open_campaigns
from ..state.campaigns.lease import Lease
from ..state.campaigns.phase_records import Searched
from ..state.models.adoption import put_in_force
from ..state.models.registry import Model, find_model, register
from ..state.store import Store
from .foreground import Display, conduct, finish_baseline, interruptible


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, and what came out; `verdict` is None where the campaign failed."""

    tried: str
    expected: str
    verdict: Verdict | None
    failure: str | None
    is_passed: bool

    @property
    def sentence(self) -> str:
        """What was tried and what came out."""
        said = f"failed: {self.failure}" if self.verdict is None else f"{self.verdict.label}: {self.verdict.sentence}"
        return f"{self.tried}: {said} Expected: {self.expected}: {'ok' if self.is_passed else 'NOT MET'}."

    def to_json(self) -> dict[str, Any]:
        """The check as JSON values."""
        return {
            "tried": self.tried,
            "expected": self.expected,
            "outcome": None if self.verdict is None else self.verdict.outcome.value,
            "reason": None if self.verdict is None else self.verdict.reason.value,
            "pairs": None if self.verdict is None else self.verdict.n_pairs,
            "e_value": None if self.verdict is None else self.verdict.e_value,
            "failure": self.failure,
            "is_passed": self.is_passed,
        }


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a self-test tried. Of the planted values one must be found: mild ones may still be good."""

    identical: Check
    planted: tuple[Check, ...]

    @property
    def is_passed(self) -> bool:
        """True when equal settings passed and bad ones were found."""
        return self.identical.is_passed and any(check.is_passed for check in self.planted)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was tried, what came out, and whether the test is passed."""
        end = "The self-test is passed." if self.is_passed else "The self-test is NOT passed."
        return (*(check.sentence for check in (self.identical, *self.planted)), end)

    def to_json(self) -> dict[str, Any]:
        """The self-test as JSON values."""
        return {
            "is_passed": self.is_passed,
            "identical": self.identical.to_json(),
            "planted": [check.to_json() for check in self.planted],
        }


def selftest(
    model: Model,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    display: Display,
    *,
    keep: bool = False,
    seed: int | None = None,
) -> SelfTest:
    """Test the detector on the model: its settings against themselves, then planted bad settings in their place.

    A detector that works calls equal settings stale with probability alpha, so one failure in some eighty is no
    defect; the same seed gives the same answer. `keep` leaves the state folder, STATE/selftest/NAME. Raises
    CampaignFailed when not even the stored settings can be trained, InputError when nothing can be planted.
    """
    candidates = plants(model.space, model.configuration)
    with _throw_away_folder(config.state / "selftest", model.name, keep) as state:
        config = config.model_copy(update={"state": state, "alerts": type(config.alerts)()})
        store = Store(state)
        try:
            model = _registered(store, model, clock)
            finish_baseline(store, model, clock, config, display)
            identical = _against_itself(store, model, clock, config, environ, display, seed)
            planted: list[Check] = []
            for plant in candidates:
                planted.append(_planted(store, model, plant, clock, config, display, seed))
                if planted[-1].is_passed:
                    break
        finally:
            store.close()
    return SelfTest(identical, tuple(planted))


def _registered(store: Store, model: Model, clock: Clock) -> Model:
    """The model in the throw-away registry, with the settings in force and without ways out of it."""
    data = None if model.file.data is None else model.file.data.model_copy(update={"prepare": None})
    inward = {"settings": SettingsTable(), "alerts": AlertsTable(), "data": data}
    copy = register(store, model.file.model_copy(update=inward), model.source, clock.now()).model
    if configuration_key(copy.configuration) == configuration_key(model.configuration):
        return copy
    return put_in_force(store, copy, model.configuration, "in force", clock.now())


def _planted(
    store: Store, model: Model, plant: Plant, clock: Clock, config: Config, display: Display, seed: int | None
) -> Check:
    """A re-evaluation as the service runs it, with a bad value in force instead of the good one."""
    changed = render_changes(model.configuration, plant.configuration)
    rusted = _rust(store, model, plant, clock)
    campaign = open_or_queue(store, rusted, "retune", seed, {}, clock)
    ended = conduct(store, rusted, campaign, clock, config, display)
    verdict = ended.verdict
    is_found = verdict is not None and verdict.outcome in (Outcome.STALE, Outcome.BROKEN)
    return Check(f"planted {changed} ({plant.how})", "STALE or BROKEN", verdict, ended.failure, is_found)


def _rust(store: Store, model: Model, plant: Plant, clock: Clock) -> Model:
    """Put the planted values in force, with the good settings' baseline as theirs: they were good at birth."""
    rusted = put_in_force(store, find_model(store, model.name), plant.configuration, "planted", clock.now())
    for campaign in open_campaigns(store, model.id):
        cancel_campaign(store, campaign, clock.now())  # the baseline of the bad values
    with store.transaction():
        move_baselines(store, rusted.settings_version)
    return rusted


def _against_itself(
    store: Store,
    model: Model,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    display: Display,
    seed: int | None,
) -> Check:
    """The settings in force on both sides of every pair: same rows, another training seed on each side."""
    queued = open_or_queue(store, model, "retune", None if seed is None else derive_seed(seed, "identical"), {}, clock)

    def read() -> tuple[Campaign, Any]:
        present = find_campaign(store, queued.id)
        return present, progress_of(store, present)

    lease = Lease(store, queued.id)
    try:
        with (
            display(model, read) as show,
            interruptible(),
            open_context(store, lease, clock, config, environ, show) as context,
        ):
            plan = freeze_plan(context)
            searched = Searched(plan, "the stored settings against themselves", INCUMBENT, context.configuration, ())
            lease.advance("confirm", lambda facts: replace(facts, searched=searched), clock.now())
            verdict = _judge_identical(context, plan)
            ended = costs_of(context)
            with store.transaction():
                lease.finish(verdict, lambda facts: replace(facts, ended=ended), clock.now())
    finally:
        lease.release()
    tried = "the stored settings against themselves, with other training seeds"
    return Check(tried, "not STALE", verdict, None, verdict.outcome is not Outcome.STALE)


def _judge_identical(context: CampaignContext, plan: TestPlan) -> Verdict:
    assert context.baseline is not None
    contract = reached(context.baseline.facts.contract)
    pairs: tuple[Pair, ...] = ()
    while True:
        answer = judge(plan, contract, SearchSummary(), pairs)
        if isinstance(answer, Verdict):
            return answer
        assert isinstance(answer, Continue)
        requests = [side for number in range(answer.pairs) for side in _sides(context, number)]
        runs = [Run.of(result) for result in context.runs.run(requests)]
        pairs = tuple(Pair(number, runs[2 * number], runs[2 * number + 1]) for number in range(answer.pairs))


def _sides(context: CampaignContext, number: int) -> tuple[LegRequest, LegRequest]:
    base = slice_base(context.campaign.seed, "confirm")
    ours = full_run(context, Purpose.CONFIRM, Role.INCUMBENT, number, context.configuration, base)
    theirs = full_run(context, Purpose.CONFIRM, Role.CHALLENGER, number, context.configuration, base)
    return ours, replace(theirs, seed=derive_seed(theirs.seed, "other side"))


@contextmanager
def _throw_away_folder(parent: Path, name: str, keep: bool) -> Iterator[Path]:
    """An empty folder of this name, gone at the end unless it is to be kept; one self-test at a time below `parent`."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = parent / name
    lock = os.open(parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)  # what an earlier one kept, or left when it was killed
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        raise ConflictError("a self-test already runs", "one at a time in a state folder", "wait for it") from None
    finally:
        os.close(lock)

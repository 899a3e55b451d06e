"""What a re-evaluation would do, cost and be able to detect, from what is known before it runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ...strategies.records import LegResult
from ...strategies.schedule import triggers
from ...strategies.schedule.grants import Machine, alone_on
from ...strategies.search import choose
from ...strategies.search.detection import Offer, detection_by, offers
from ...strategies.search.search_size import coordinates_of
from ...strategies.verdict import power
from ...strategies.verdict.margin import share_in_words
from ...strategies.verdict.test_plan import YEARLY_ALPHA
from ...strategies.verdict.verdict_records import TestPlan
from ...strategies.words import duration
from ..config.config import Config
from ..state.campaigns.campaigns import Campaign, campaigns_of, finished_baseline
from ..state.campaigns.legs import results_of
from ..state.models.model_calendar import campaigns_a_year
from ..state.models.registry import Model
from ..state.store import Store
from ..training.machine import machine_of
from ..training.splits.cut import slices_in_words
from .confirm import noise_before, rules_of
from .forecast import PROBE_RUNS, Forecast, forecast, need_of
from .smaller_search import Noise, smaller_search


@dataclass(frozen=True, slots=True)
class FoundLoss:
    """The loss that 8 of 10 such re-evaluations find, search included, in score units; what other sizes would find of
    it."""

    loss: float
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The strategy, the cost and the power of the next campaign, as sentences and as numbers."""

    sentences: tuple[str, ...]
    choice: choose.Choice
    cost: choose.CostEstimate
    test: TestPlan
    power: power.Detectable | None
    found: FoundLoss | None = None

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "sentences": list(self.sentences),
            "strategy": self.choice.strategy.value,
            "challengers": self.choice.challengers,
            "stages": self.choice.stages,
            "runs_search": self.cost.runs_search,
            "runs_confirm_expected": self.cost.runs_confirm_expected,
            "runs_confirm_max": self.cost.runs_confirm_max,
            "seconds_expected": self.cost.seconds_expected,
            "seconds_max": self.cost.seconds_max,
            "alpha": self.test.alpha,
            "delta": self.test.delta,
            "n_max": self.test.n_max,
            "detectable_loss": None if self.power is None else self.power.loss,
            "detected_with": power.WANTED,
            "pairs_unchanged": None if self.power is None else self.power.pairs_unchanged,
            "sigma_of_pairs": None if self.power is None else self.power.sigma,
            "is_sigma_of_pairs_known": self.power is not None and self.power.is_known,
            "loss_found_in_8_of_10": None if self.found is None else self.found.loss,
            "offers": [] if self.found is None else [asdict(offer) for offer in self.found.offers],
        }


def plan_of(store: Store, model: Model, config: Config, now: datetime) -> Plan:
    """The plan of the model's next campaign; without a baseline, time and noise are still unknown."""
    baseline = finished_baseline(store, model.id, model.settings_version)
    results = () if baseline is None else results_of(store, baseline.id)
    machine = machine_of(config)
    found = forecast(model.file, results, machine, config, probe_runs=0 if baseline else PROBE_RUNS)
    noise = noise_before(store, model.id, model.settings_version)
    test = rules_of(model.file, results, noise, campaigns_a_year(store, model, now), found.choice.stages)
    detectable = power.detectable(test, tuple(differences for _, differences in noise))
    would_find = _would_find(model, found.choice, test, detectable)
    sentences = (
        found.sentence,
        found.cost.sentence,
        _of_the_machine(model, machine),
        *_split_sentences(model, baseline),
        *_test_sentences(model, test, detectable),
        *_found_sentences(model, test, would_find, found.seconds_per_run),
        *_smaller_sentences(model, results, found, machine, config, test, detectable),
        *_year_sentences(store, model, test, now),
    )
    return Plan((*sentences, _watched(model)), found.choice, found.cost, test, detectable, would_find)


def _split_sentences(model: Model, baseline: Campaign | None) -> tuple[str, ...]:
    """How the data is cut, where retuned does it: as it was at the baseline, whose data may have been others."""
    split = model.file.split
    if split is None:
        return ()
    cut = None if baseline is None or baseline.facts.prepared is None else baseline.facts.prepared.cut
    if cut is None:
        slices = split.shares(model.file.search.max_pairs).slices
        known = f"how large they are is known once a baseline has run, or by: retuned check {model.name} --quick"
        return (f"[data.split] cuts the data by {split.by} into {slices} held-out slices, one a pair; {known}",)
    return (f"{slices_in_words(cut, split)}, as it was at the baseline",)


def _year_sentences(store: Store, model: Model, test: TestPlan, now: datetime) -> tuple[str, ...]:
    """Where triggers brought more re-evaluations than the schedule has, the year's error budget may be overdrawn."""
    since = now - timedelta(days=365)
    unasked = [
        each for each in campaigns_of(store, model.id, "retune") if each.trigger != "manual" and each.created_at > since
    ]
    spent = sum(each.facts.searched.test_plan.alpha for each in unasked if each.facts.searched is not None)
    if spent + test.alpha <= YEARLY_ALPHA * (1 + 1e-9) or all(each.trigger == "schedule" for each in unasked):
        return ()
    return (
        f"with those of the last 365 days that is {spent + test.alpha:.1%} in a year, more than {YEARLY_ALPHA:.0%}:"
        " triggers brought more re-evaluations than the schedule has",
    )


def _watched(model: Model) -> str:
    table = model.file.triggers
    has_data = model.file.data is not None or table.fingerprint is not None
    parts = triggers.watched(table.data, table.code, table.environment, has_data)
    if not parts:
        return "nothing is watched between the dates"
    return f"watched between the dates, at the earliest {table.cool_down} after a campaign: {parts}"


def _test_sentences(model: Model, test: TestPlan, found: power.Detectable | None) -> tuple[str, ...]:
    metric = model.file.goal.metric
    share = f"{YEARLY_ALPHA:.0%} in a year, which up to {max(1.0, YEARLY_ALPHA / test.alpha):.0f} campaigns share"
    rate = f"settings that are still good are called stale in at most {test.alpha:.2%} of campaigns ({share})"
    if found is None:
        return (f"{rate}; what loss is found is known once the baseline has run: retuned baseline {model.name}",)
    source = (
        f"known from {found.known_pairs} pairs of earlier campaigns"
        if found.is_known
        else "a guess from single runs of the baseline: too few pairs were made yet"
    )
    noise = f"where the differences of pairs vary by {found.sigma:.3g} ({source})"
    wanted = f"{power.WANTED:.0%}"
    loss = (
        f"detects a loss of {found.loss:.3g} {metric}{_share(test, found.loss)} with {wanted} once the search has"
        f" better values, {noise}"
        if found.loss is not None
        else f"no loss is detected with {wanted} in {test.n_max} pairs; raise max_pairs under [search]"
    )
    return (rate, loss, f"about {found.pairs_unchanged:.1f} pairs decide it where nothing changed")


def _would_find(
    model: Model, choice: choose.Choice, test: TestPlan, known: power.Detectable | None
) -> FoundLoss | None:
    """What is found where the search must find better values itself; None where no table says."""
    coordinates = coordinates_of(model.space)
    detection = detection_by(choice.strategy, model.file.search.sampler, coordinates, choice.challengers, choice.stages)
    if known is None or detection is None:
        return None
    gap = detection.gap()
    return FoundLoss(power.loss_told(test, gap, known.sigma), offers(coordinates, gap))


def _smaller_sentences(
    model: Model, results: Sequence[LegResult], found: Forecast, machine: Machine, config: Config, test: TestPlan,
    known: power.Detectable | None,
) -> tuple[str, ...]:  # fmt: skip
    noise = None if known is None else Noise(known.sigma, known.sigma, test.skill)
    less = smaller_search(model.file, results, found, machine, config, noise)
    return (less,) if less else ()


def _found_sentences(
    model: Model, test: TestPlan, found: FoundLoss | None, seconds_per_run: float | None
) -> tuple[str, ...]:
    if found is None:
        return ()
    loss = f"a loss of {found.loss:.2g} {model.file.goal.metric}{_share(test, found.loss)}"
    bought = "; ".join(offer.sentence for offer in found.offers)
    bought += "" if seconds_per_run is None else f"; a run takes {duration(seconds_per_run)}"
    return (f"search included, finds {loss} in about 8 of 10 re-evaluations, by simulation: {bought}",)


def _share(test: TestPlan, loss: float) -> str:
    return share_in_words(None if test.skill is None else loss / test.skill)


def _of_the_machine(model: Model, machine: Machine) -> str:
    return alone_on(machine, need_of(model.file.training, machine))

"""What a running campaign has found so far: its curves, those of running trainings too, its pairs and its cost."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...strategies.legs.names import INCUMBENT
from ...strategies.records import SECOND_STAGE, LegEnd, LegResult, Purpose, Role
from ..config.model_file import ModelFile
from ..foreign_files import read_plain
from ..reports.progress import Progress
from ..reports.trials import Trial, trials_of
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.lease_file import folder_of
from ..state.campaigns.legs import LegState, leg_states, results_of
from ..state.store import Store
from ..training.report_tail import ReportTail
from ..training.spool import Spool, check_leg_name
from .curves import Curve, Differences, Drawing, Thinned, differences, drawn, points_for
from .languages import ENGLISH, Say
from .page_error import PageError
from .search_drawings import Coordinates, PandaPath, Rung, coordinates, path_of, rungs_of

MOST_CURVES = 500
MOST_RUNNING = 16
LARGEST_LOG = 1 << 20


@dataclass(frozen=True, slots=True)
class Live:
    """The drawings; None where there is nothing to draw. `runs`: the legs, those that have not ended first; `left_s`:
    seconds of training still expected, None where nothing says how many. `rungs`: of a search that has any."""

    curves: Drawing | None
    pairs: Differences | None
    rungs: tuple[Rung, ...]
    coordinates: Coordinates | None
    path: PandaPath | None
    runs: tuple[LegState, ...]
    left_s: float | None


def live_of(
    store: Store, campaign: Campaign, file: ModelFile, progress: Progress, curves: Thinned | None = None,
    say: Say = ENGLISH,
) -> Live:  # fmt: skip
    """What there is to see of the campaign now; `curves`: what was read of it before."""
    sign, states = file.objective().sign, leg_states(store, campaign.id)
    reader = (curves or Thinned()).reader(campaign.id, points_for(len(states)))
    results = results_of(store, campaign.id, reader)
    running = _running(store, campaign.id, file, states)
    expected, newest_first, panda = progress.seconds_expected, states[::-1], campaign.facts.panda
    whole = file.training.budget.amount
    trials = trials_of(results, Purpose.SEARCH, (Role.INCUMBENT, Role.CANDIDATE), whole)
    return Live(
        drawn(_curves(trials or trials_of(results, Purpose.REPLICATE, tuple(Role), whole), running, sign, say), sign),
        differences(_pairs(results), campaign.facts.looks),
        () if panda is not None else rungs_of(results),
        None if panda is not None else coordinates(file.space(), trials, sign, INCUMBENT, say),
        None if panda is None else path_of(panda, sign, say),
        tuple(sorted(newest_first, key=lambda state: state.end is not None)),
        None if expected is None else max(0.0, expected - progress.compute_s),
    )


def mark_of(store: Store, campaign: Campaign) -> str:
    """A text that changes when there is something new to see of the campaign."""
    states = leg_states(store, campaign.id)
    spool = Spool(folder_of(store.state, campaign.id))
    written = 0
    for leg, attempt in _open_attempts(spool, states):
        with suppress(OSError):
            written += spool.report_path(leg, attempt).stat().st_size
    ended, panda = sum(state.end is not None for state in states), campaign.facts.panda
    told = len(campaign.facts.looks) + (0 if panda is None else len(panda.day_ends) + len(panda.nudges))
    return f"{campaign.phase}-{len(states)}-{ended}-{written}-{told}"


def log_of(store: Store, campaign: Campaign, leg: str, say: Say = ENGLISH) -> str:
    """What the newest attempt at a leg has printed so far, as its worker keeps it. Raises PageError."""
    check_leg_name(leg)
    spool = Spool(folder_of(store.state, campaign.id))
    attempt = _newest(spool).get(leg)
    if attempt is None:
        raise PageError(
            404,
            say.gettext("campaign %(number)d keeps nothing of a run called %(run)s")
            % {"number": campaign.id, "run": leg},
            say.gettext("allowed: the runs on its page, while their files are kept"),
            say.gettext("see [retention] legs in the configuration"),
        )
    try:
        return read_plain(_log_path(spool, leg, attempt), LARGEST_LOG).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        found = say.gettext("the output of %(run)s cannot be read: %(error)s") % {"run": leg, "error": error.strerror}
        raise PageError(404, found, "", say.gettext("look at its folder")) from None


def _log_path(spool: Spool, leg: str, attempt: int) -> Path:
    return spool.leg_folder(leg, attempt) / "output.log"


def _newest(spool: Spool) -> dict[str, int]:
    try:
        return spool.attempts()
    except FileNotFoundError:  # nothing was trained yet, or it was swept
        return {}


def _open_attempts(spool: Spool, states: tuple[LegState, ...]) -> list[tuple[str, int]]:
    """The legs that have begun and not ended, with the newest attempt at each."""
    newest = _newest(spool)
    return [(state.name, newest[state.name]) for state in states if state.end is None and state.name in newest]


def _running(
    store: Store, campaign_id: int, file: ModelFile, states: tuple[LegState, ...]
) -> Iterator[tuple[str, tuple[tuple[float, float], ...]]]:
    """The reports so far of legs that have not ended, by leg, as (step, metric)."""
    spool, metric = Spool(folder_of(store.state, campaign_id)), file.goal.metric
    for leg, attempt in _open_attempts(spool, states)[:MOST_RUNNING]:
        tail = ReportTail(spool.report_path(leg, attempt), metric)
        tail.read_on(is_over=False)
        points = ((report.step, report.metrics.get(metric, math.nan)) for report in tail.reading.reports)
        yield leg, tuple(point for point in points if math.isfinite(point[1]))


def _curves(
    trials: Sequence[Trial], running: Iterator[tuple[str, tuple[tuple[float, float], ...]]], sign: float, say: Say
) -> list[Curve]:
    """One curve for each trial, and for each leg that runs."""
    furthest = max((trial.last.request.to_step for trial in trials), default=0.0)
    curves = []
    for trial in trials[:MOST_CURVES]:
        is_dead = trial.last.end is not LegEnd.COMPLETED or trial.last.request.to_step < furthest
        fate = "incumbent" if trial.name == INCUMBENT else "dead" if is_dead else "alive"
        curves.append(Curve(trial.name, fate, tuple((step, sign * score) for step, score in trial.curve)))
    runs = say.gettext("%(run)s (runs)")
    return curves + [Curve(runs % {"run": leg}, "alive", points) for leg, points in running]


def _pairs(results: tuple[LegResult, ...]) -> list[tuple[int, float | None]]:
    """Challenger minus incumbent in score, by number, of the pairs of the last stage whose runs have both ended; None
    where one of them has no score."""
    sides: dict[Role, dict[int, float]] = {Role.INCUMBENT: {}, Role.CHALLENGER: {}}
    for result in results:
        request = result.request
        if request.purpose is Purpose.CONFIRM and request.role in sides:
            sides[request.role][request.number] = math.nan if result.score is None else result.score
    ours, theirs = sides[Role.INCUMBENT], sides[Role.CHALLENGER]
    start = SECOND_STAGE if any(number >= SECOND_STAGE for number in theirs) else 0
    found = [(number - start, theirs[number] - ours[number]) for number in sorted(ours)
             if number in theirs and number >= start]  # fmt: skip
    return [(number, value if math.isfinite(value) else None) for number, value in found]

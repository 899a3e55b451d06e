"""The fleet in sentences: how it stands as a whole, why a model stands as it does, what is new."""

from datetime import datetime

from ...strategies.records import Outcome
from ...strategies.verdict.verdict_records import Verdict
from ...strategies.verdict.verdict_words import figure
from ..state.last_looks import SinceThen
from ..state.models.fleet import NO_VERDICT, Condition, Counts, FleetModel
from ..state.tokens import Role
from .languages import ENGLISH, Say, aged
from .terms import state_of

BAD = (Outcome.BROKEN, Outcome.STALE, Outcome.DEGRADED, Outcome.INCONCLUSIVE)


def headline(counts: Counts, now: datetime, say: Say = ENGLISH) -> str:
    """The state of the fleet in one sentence."""
    if not counts.active:
        return say.gettext("No model is watched yet.")
    of, active = counts.by_verdict, counts.active
    fresh = say.ngettext("%(fresh)d of %(num)d model fresh", "%(fresh)d of %(num)d models fresh", active)
    parts = [fresh % {"fresh": of.get(Outcome.FRESH.value, 0), "num": active}]
    parts += [_number(of[outcome.value], outcome.value, say) for outcome in BAD if of.get(outcome.value)]
    if of.get(NO_VERDICT):
        parts.append(say.gettext("%(num)d not yet re-evaluated") % {"num": of[NO_VERDICT]})
    if counts.overdue and counts.oldest_due_at is not None:
        oldest = aged(now - counts.oldest_due_at, say)
        parts.append(say.gettext("%(num)d overdue, the oldest for %(age)s") % {"num": counts.overdue, "age": oldest})
    return ", ".join(parts) + "."


def cost_of(verdict: Verdict, metric: str, say: Say = ENGLISH, *, is_of_current: bool) -> str:
    """What the verdict says that the current settings lose."""
    if not is_of_current:
        return say.gettext("newer settings are current; not yet re-evaluated")
    if verdict.outcome is Outcome.STALE and verdict.lower is not None:
        values = {"mean": figure(verdict.mean), "metric": metric, "least": figure(verdict.lower)}
        return say.gettext("loses %(mean)s %(metric)s, at least %(least)s") % values
    if verdict.outcome is Outcome.BROKEN:
        runs = {"failed": verdict.incumbent_failed, "runs": verdict.incumbent_runs}
        return say.gettext("%(failed)d of %(runs)d trainings fail") % runs
    if verdict.outcome is Outcome.DEGRADED:
        fell = {"metric": metric, "drop": figure(verdict.drop)}
        return say.gettext("%(metric)s fell by %(drop)s; no better settings known") % fell
    return ""


def reasons_of(row: FleetModel, now: datetime, role: Role, say: Say = ENGLISH) -> str:
    """Why the model stands as it does, the worst first: what staying costs, and what is wrong around it."""
    if row.condition is Condition.RESTING:
        return say.gettext("%(state)s: not re-evaluated by schedule") % {"state": condition_of(row, say)}
    found = "" if row.verdict is None else cost_of(row.verdict, row.metric, say, is_of_current=row.is_of_current)
    parts = [found] if found else []
    if row.untold is not None:
        why = f" ({row.untold})" if role >= Role.OPERATOR and row.untold else ""
        parts.append(say.gettext("a message about it was not delivered") + why)
    if row.is_late and row.next_due_at is not None:
        late = aged(now - row.next_due_at, say)
        parts.append(say.gettext("due for %(age)s, and nothing is queued") % {"age": late})
    if row.verdict is not None and row.verdict.suspicions:
        parts.append(say.gettext("look at your data: %(what)s") % {"what": row.verdict.suspicions[0]})
    return "; ".join(parts)


def condition_of(row: FleetModel, say: Say = ENGLISH) -> str:
    """How the model stands, in a word or two; verdicts keep their English names everywhere."""
    if row.condition is Condition.RESTING:
        return state_of(row.state, say)
    if row.verdict is not None and row.condition.value == row.verdict.outcome.value:
        return row.verdict.label
    words = {
        Condition.UNTOLD: say.gettext("not told"),
        Condition.OVERDUE: say.gettext("overdue"),
        Condition.SUSPECT: say.gettext("suspect data"),
        Condition.NEW: say.gettext("no verdict yet"),
    }
    return words.get(row.condition, row.condition.value)


def said_since(since: SinceThen, say: Say = ENGLISH) -> str:
    """What has happened, in a sentence; empty: nothing."""
    total, alerts, settings = sum(since.verdicts.values()), since.alerts, since.settings
    each = ", ".join(_number(count, outcome, say) for outcome, count in since.verdicts.items())
    ended = say.ngettext("%(num)d re-evaluation ended (%(each)s)", "%(num)d re-evaluations ended (%(each)s)", total)
    raised = say.ngettext("%(num)d alert raised", "%(num)d alerts raised", alerts)
    changed = say.ngettext("settings changed %(num)d time", "settings changed %(num)d times", settings)
    parts = [ended % {"num": total, "each": each}] if total else []
    parts += [raised % {"num": alerts}] if alerts else []
    parts += [changed % {"num": settings}] if settings else []
    return "; ".join(parts)


def _number(num: int, verdict: str, say: Say) -> str:
    return say.gettext("%(num)d %(verdict)s") % {"num": num, "verdict": verdict}

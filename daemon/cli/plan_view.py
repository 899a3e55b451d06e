"""A plan as sentences or JSON, for `plan` and `retune --dry-run`."""

from collections.abc import Mapping

from ...strategies.errors import InputError
from ..api.views import PlanView
from .output import print_json, say


def show_plan(plan: PlanView, as_json: bool) -> None:
    """Print it."""
    if as_json:
        print_json(plan.figures)
        return
    for sentence in plan.sentences:
        say(f"- {sentence}")


def refuse_beside_dry_run(options: Mapping[str, object]) -> None:
    """Raise InputError for an option that was given, its value not None: the plan would not heed it."""
    given = next((option for option, value in options.items() if value is not None), None)
    if given is not None:
        raise InputError(f"--dry-run stands beside {given}", "the plan is that of the model file", "omit one of them")

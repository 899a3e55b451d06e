"""Whether the first trainings of a campaign all fail for a reason that no settings mend, such as a missing import."""

import re
from collections.abc import Iterable

from ..records import LegEnd, LegResult
from ..space import configuration_key

ENOUGH = 3  # configurations; the current settings alone may be broken, and that is a finding
_ERRORS = (LegEnd.CRASHED, LegEnd.NO_METRIC, LegEnd.BAD_REPORT, LegEnd.BAD_CHECKPOINT)
_NUMBERS = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)


def fail_alike(results: Iterable[LegResult]) -> str | None:
    """The error in which every training so far ended, before a single report, with at least ENOUGH configurations.

    A checkpoint past the limit comes behind the reports. None where a training got anywhere else, where errors differ
    by more than their numbers, or where fewer were tried. What the machine did (a kill, a lost worker) is no
    such error.
    """
    results = tuple(results)
    if not all(map(ended_in_error, results)):
        return None
    if len({configuration_key(result.request.configuration) for result in results}) < ENOUGH:
        return None
    errors = {(result.end, _NUMBERS.sub("0", result.detail)) for result in results}
    return results[-1].detail if len(errors) == 1 and results[-1].detail else None


def ended_in_error(result: LegResult) -> bool:
    """Whether a training ended in an error before a single report; a checkpoint past the limit comes behind them."""
    return result.end in _ERRORS and (not result.curve or result.end is LegEnd.BAD_CHECKPOINT)

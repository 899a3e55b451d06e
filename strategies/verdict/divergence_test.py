"""Whether the incumbent diverges or crashes more often than it did: a sequential test over its independent runs."""

import math

from scipy import special

_DIVERGENCE_RISES = (0.2, 0.5, 0.9)


_DIVERGENCE_RATE = 0.05


def divergence_e_value(failed: int, runs: int, birth_failed: int, birth_runs: int) -> float:
    """Evidence that the incumbent now fails (diverges or crashes) more often than at birth.

    `failed` of `runs` independent runs now, `birth_failed` of `birth_runs` replicates then. The rate held
    against it is 0.05, or (k + 1) / (birth_runs + 2) when k >= 1 failed at birth. Finite for any count.
    Source: a mixture of likelihood ratios over three higher rates.
    """
    rate = _DIVERGENCE_RATE if birth_failed == 0 else max(_DIVERGENCE_RATE, (birth_failed + 1) / (birth_runs + 2))
    raised = [rate + (1 - rate) * rise for rise in _DIVERGENCE_RISES]
    logs = [failed * math.log(p / rate) + (runs - failed) * math.log((1 - p) / (1 - rate)) for p in raised]
    return math.exp(min(float(special.logsumexp(logs)) - math.log(len(logs)), 700.0))

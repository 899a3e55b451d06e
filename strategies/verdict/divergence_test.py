"""Whether the incumbent diverges or crashes more often than it did: a sequential test over its independent runs."""

import math

from scipy import special

_DIVERGENCE_RATE = 0.05
_DIVERGENCE_RISES = (0.2, 0.5, 0.9)  # shares of the way from that rate to 1


def divergence_e_value(failed: int, runs: int, baseline_failed: int, baseline_runs: int) -> float:
    """Evidence that the incumbent now fails (diverges or crashes) more often than in its baseline.

    `failed` of `runs` independent runs failed now, `baseline_failed` of `baseline_runs` replicates then. The rate
    tested against is 0.05, or (k + 1) / (baseline_runs + 2) where k >= 1 of the replicates failed, if that is
    higher. Finite for any count.
    Source: a mixture of likelihood ratios over three higher rates.
    """
    rate = _DIVERGENCE_RATE
    if baseline_failed > 0:
        rate = max(rate, (baseline_failed + 1) / (baseline_runs + 2))
    raised = [rate + (1 - rate) * rise for rise in _DIVERGENCE_RISES]
    logs = [failed * math.log(p / rate) + (runs - failed) * math.log((1 - p) / (1 - rate)) for p in raised]
    return math.exp(min(float(special.logsumexp(logs)) - math.log(len(logs)), 700.0))

"""LightGBM: `lgb.train(..., valid_sets=[valid], callbacks=[report_to_retuned])` with a budget in steps (rounds).

The metrics are named "valid_0 binary_logloss", as in LightGBM's own log.
"""

try:
    from retuned.training import leg
except ImportError:  # retuned is not installed where the script trains: leg.py, copied beside it
    import leg


def report_to_retuned(env):
    """A LightGBM callback: reports each evaluation after each round."""
    results = env.evaluation_result_list or []
    if results:
        leg.report(env.iteration + 1, {f"{result[0]} {result[1]}": result[2] for result in results})

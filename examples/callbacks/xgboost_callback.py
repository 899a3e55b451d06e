"""XGBoost: `xgb.train(..., evals=[(valid, "valid")], callbacks=[RetunedCallback()])` with a budget in steps (rounds).

The metrics are named "valid-logloss", as in XGBoost's own log.
"""

from xgboost.callback import TrainingCallback

try:
    from retuned.training import leg
except ImportError:  # retuned is not installed where the script trains: leg.py, copied beside it
    import leg


class RetunedCallback(TrainingCallback):
    """Reports the last value of each evaluation after each round."""

    def after_iteration(self, model, epoch, evals_log):
        values = {
            f"{data}-{name}": series[-1] for data, metrics in evals_log.items() for name, series in metrics.items()
        }
        # of a cross-validation a value is a mean and its deviation
        means = {name: value[0] if isinstance(value, tuple) else value for name, value in values.items()}
        if means:
            leg.report(epoch + 1, means)
        return False  # go on

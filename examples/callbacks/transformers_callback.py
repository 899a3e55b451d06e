"""Hugging Face: `Trainer(..., callbacks=[RetunedCallback()])`, with a budget in steps: `max_steps=leg.to_step or 500`.

Reports the numbers of each evaluation, `eval_loss` among them. The last one has to be at the end: call
`trainer.evaluate()` there, or choose `eval_steps` so that they divide the steps.
"""

from numbers import Real

from transformers import TrainerCallback

try:
    from retuned.training import leg
except ImportError:  # retuned is not installed where the script trains: leg.py, copied beside it
    import leg


class RetunedCallback(TrainerCallback):
    """Reports what the trainer evaluates, in steps."""

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        numbers = {name: value for name, value in (metrics or {}).items() if isinstance(value, Real)}
        if state.is_world_process_zero and numbers:
            leg.report(state.global_step, numbers)

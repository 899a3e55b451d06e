"""Lightning: `Trainer(callbacks=[RetunedCallback()], max_epochs=leg.to_step or 10)` with a budget in epochs.

Reports the callback metrics after each validation. For a resumable model `trainer.fit(model,
ckpt_path=leg.checkpoint_in)` continues from a checkpoint; one is left at the end.
"""

from lightning.pytorch import Callback

try:
    from retuned.training import leg
except ImportError:  # retuned is not installed where the script trains: leg.py, copied beside it
    import leg


class RetunedCallback(Callback):
    """Reports scalars that the module logs, in epochs."""

    def on_validation_end(self, trainer, module):
        metrics = dict(trainer.callback_metrics)
        if trainer.is_global_zero and not trainer.sanity_checking and metrics:
            leg.report(trainer.current_epoch + 1, metrics)

    def on_fit_end(self, trainer, module):
        if leg.checkpoint_out:
            trainer.save_checkpoint(leg.checkpoint_out)

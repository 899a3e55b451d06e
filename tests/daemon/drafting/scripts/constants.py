"""Everything is set at the top."""
import numpy as np

LEARNING_RATE = 3e-4
BATCH_SIZE = 32
EPOCHS = 10
HIDDEN = 2 * 64
SEED = 7

rng = np.random.default_rng(SEED)
val_mse = rng.normal() ** 2
print("val_mse = %.5f" % val_mse)

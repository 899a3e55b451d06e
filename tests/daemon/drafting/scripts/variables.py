import os
from os import environ, getenv

lr = float(os.environ.get("LR", "1e-2"))
epochs = int(os.getenv("EPOCHS", 3))
seed = int(getenv("SEED", "0"))
out = environ.get("MODEL_DIR", "models")
gpus = os.environ["CUDA_VISIBLE_DEVICES"]
home = os.environ["HOME"]
acc = 0.9
print(f"best val accuracy: {acc:.2%}")

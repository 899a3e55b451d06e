"""The callbacks among the examples, run by the libraries that they are for; without a library its tests are skipped."""

import json
import math
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CALLBACKS = ROOT / "examples" / "callbacks"

DATA = """
import numpy as np
draw = np.random.default_rng(1)
inputs = draw.normal(size=(64, 3)).astype(np.float32)
late = (inputs[:, 0] > 0).astype(np.float32)
"""
LIGHTNING = """
import lightning as L, torch
from lightning_callback import RetunedCallback, leg

class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3, 1)
    def loss(self, batch):
        return torch.nn.functional.binary_cross_entropy_with_logits(self.net(batch[0])[:, 0], batch[1])
    def training_step(self, batch):
        return self.loss(batch)
    def validation_step(self, batch):
        self.log("val_loss", self.loss(batch))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

rows = torch.utils.data.TensorDataset(torch.from_numpy(inputs), torch.from_numpy(late))
loader = torch.utils.data.DataLoader(rows, batch_size=32)

def leg_of_a_training(to_step, checkpoint_in=None, checkpoint_out=None):
    torch.manual_seed(leg.seed)
    leg.checkpoint_out = checkpoint_out
    trainer = L.Trainer(max_epochs=to_step, accelerator="cpu", logger=False, enable_checkpointing=False,
                        enable_progress_bar=False, enable_model_summary=False, callbacks=[RetunedCallback()])
    trainer.fit(Module(), loader, loader, ckpt_path=checkpoint_in, weights_only=False)

leg_of_a_training(3)
leg_of_a_training(2, checkpoint_out="checkpoint")
leg_of_a_training(3, checkpoint_in="checkpoint")
"""
TRANSFORMERS = """
import torch
from transformers import Trainer, TrainingArguments
from transformers_callback import RetunedCallback, leg

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3, 1)
    def forward(self, inputs, labels):
        logits = self.net(inputs)[:, 0]
        return {"loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels), "logits": logits}

rows = [{"inputs": row, "labels": label} for row, label in zip(inputs, late)]
arguments = TrainingArguments("out", max_steps=leg.to_step, eval_strategy="steps", eval_steps=1, save_strategy="no",
                              report_to=[], disable_tqdm=True, use_cpu=True)
Trainer(Model(), arguments, train_dataset=rows, eval_dataset=rows, callbacks=[RetunedCallback()]).train()
"""
XGBOOST = """
import xgboost as xgb
from xgboost_callback import RetunedCallback, leg
rows = xgb.DMatrix(inputs, late)
xgb.train({"objective": "binary:logistic", "nthread": 1}, rows, leg.to_step, evals=[(rows, "valid")],
          callbacks=[RetunedCallback()], verbose_eval=False)
"""
XGBOOST_CV = (
    XGBOOST.partition("xgb.train")[0]
    + """
xgb.cv({"objective": "binary:logistic", "nthread": 1}, rows, leg.to_step, nfold=2, callbacks=[RetunedCallback()])
"""
)
LIGHTGBM = """
import lightgbm as lgb
from lightgbm_callback import leg, report_to_retuned
params = {"objective": "binary", "min_data_in_leaf": 1, "verbosity": -1, "num_threads": 1}
rows = lgb.Dataset(inputs, late)
lgb.train(params, rows, leg.to_step, valid_sets=[rows], valid_names=["valid"], callbacks=[report_to_retuned])
"""
RUNS = [
    pytest.param("transformers", TRANSFORMERS, "eval_loss", id="transformers"),
    pytest.param("xgboost", XGBOOST, "valid-logloss", id="xgboost"),
    pytest.param("xgboost", XGBOOST_CV, "test-logloss", id="xgboost-cv"),
    pytest.param("lightgbm", LIGHTGBM, "valid binary_logloss", id="lightgbm"),
]


def need(library):
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed, so its callback is NOT tested: pip install -e '.[frameworks]'")


def reports(folder, code, **environment):
    """What a script reports that is run in a folder beside the callbacks."""
    folder.mkdir()
    given = {
        "PYTHONPATH": str(CALLBACKS),
        "RETUNED_REPORT": str(folder / "report.jsonl"),
        "RETUNED_SEED": "1",
        "RETUNED_TO_STEP": "3",
        **environment,
    }
    call = [sys.executable, "-c", DATA + code]
    done = subprocess.run(call, cwd=folder, env=os.environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("library", "code", "metric"), RUNS)
def test_a_callback_reports_each_step_of_a_real_training(tmp_path, library, code, metric):
    need(library)
    found = reports(tmp_path / "run", code)
    assert [report["step"] for report in found] == [1, 2, 3]
    losses = [report["metrics"][metric] for report in found]
    assert losses[-1] < losses[0]
    assert all(map(math.isfinite, losses))


def test_the_lightning_callback_reports_each_epoch_and_leaves_a_checkpoint_that_a_training_goes_on_from(tmp_path):
    need("lightning")
    found = reports(tmp_path / "run", LIGHTNING)
    whole, in_two = found[:3], found[3:]
    assert [report["step"] for report in whole] == [1, 2, 3]
    assert whole[0]["metrics"]["val_loss"] > whole[-1]["metrics"]["val_loss"]
    assert in_two == whole


def test_a_callback_works_with_the_one_file_copied_beside_it(tmp_path):
    need("lightgbm")
    shutil.copy(CALLBACKS / "lightgbm_callback.py", tmp_path)
    shutil.copy(ROOT / "daemon" / "leg" / "leg.py", tmp_path)
    hidden = "import sys\nsys.modules['retuned.training'] = None\n"
    found = reports(tmp_path / "run", hidden + LIGHTGBM, PYTHONPATH=str(tmp_path))
    assert [report["step"] for report in found] == [1, 2, 3]


@pytest.mark.parametrize("file", sorted(CALLBACKS.glob("*.py")), ids=lambda file: file.stem)
def test_a_callback_fits_on_a_screen(file):
    assert len(file.read_text().splitlines()) <= 40

"""The network as a LightningModule; metrics go to the CSVLogger's table."""

import argparse
import logging
import warnings

import lightning as L
import torch
from flights_table import load
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Arrivals(L.LightningModule):
    def __init__(self, inputs, lr, dropout):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 1))

    def loss(self, batch):
        inputs, late = batch
        return nn.functional.binary_cross_entropy_with_logits(self.net(inputs)[:, 0], late)

    def training_step(self, batch):
        return self.loss(batch)

    def validation_step(self, batch):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.hparams.lr)


def loader(path, **options):
    return DataLoader(TensorDataset(*map(torch.from_numpy, load(path))), **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True)
    parser.add_argument("--valid", required=True)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logs", default="logs")
    args = parser.parse_args()

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    L.seed_everything(args.seed, verbose=False)
    train, valid = loader(args.train, batch_size=64, shuffle=True), loader(args.valid, batch_size=4096)
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=CSVLogger(args.logs, name="", version=""),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Arrivals(train.dataset.tensors[0].shape[1], args.lr, args.dropout), train, valid)


if __name__ == "__main__":
    main()

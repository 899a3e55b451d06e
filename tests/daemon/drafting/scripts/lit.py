import argparse

import lightning as L
import torch


class Model(L.LightningModule):
    def validation_step(self, batch, index):
        loss = torch.tensor(0.5)
        self.log("train_loss", loss)
        self.log("val_loss", loss, prog_bar=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", type=str, default="./data")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--hidden_dim", type=int, default=128)
    parser.add_argument("--max_epochs", type=int, default=3)
    parser.add_argument("--precision", default="32", choices=["16", "32"])
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    args = parser.parse_args()
    trainer = L.Trainer(max_epochs=args.max_epochs)
    trainer.validate(Model())


main()

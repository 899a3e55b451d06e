import argparse
import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
args = parser.parse_args()
wandb.log({"val_loss": 0.5, "epoch": 3})

"""A small network in a plain PyTorch loop, which keeps a checkpoint of each epoch and can go on from one."""

import argparse
import os

import torch
from flights_table import load
from torch import nn


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True)
    parser.add_argument("--valid", required=True)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--amsgrad", action="store_true")
    parser.add_argument("--out", default="runs", help="folder for checkpoints")
    parser.add_argument("--resume", help="checkpoint to go on from")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    inputs, late = map(torch.from_numpy, load(args.train))
    valid, valid_late = map(torch.from_numpy, load(args.valid))
    model = nn.Sequential(nn.Linear(inputs.shape[1], args.hidden), nn.ReLU(), nn.Linear(args.hidden, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, amsgrad=args.amsgrad)
    loss_of = nn.BCEWithLogitsLoss()
    first = 1
    if args.resume:
        saved = torch.load(args.resume)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"] + 1

    os.makedirs(args.out, exist_ok=True)
    for epoch in range(first, args.epochs + 1):
        for batch in torch.randperm(len(inputs)).split(args.batch_size):
            optimizer.zero_grad()
            loss = loss_of(model(inputs[batch])[:, 0], late[batch])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            valid_loss = loss_of(model(valid)[:, 0], valid_late)
        print(f"epoch {epoch}/{args.epochs}  train {loss:.4f}  valid {valid_loss:.5f}", flush=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
        torch.save(state, os.path.join(args.out, f"epoch{epoch}.pt"))


if __name__ == "__main__":
    main()

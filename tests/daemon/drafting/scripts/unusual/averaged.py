import argparse
import torch
parser = argparse.ArgumentParser()
parser.add_argument("--train-csv", required=True)
parser.add_argument("--val-csv", required=True)
parser.add_argument("--lr", default=0.05, type=float)
parser.add_argument("--epochs", default=20, type=int)


class AverageMeter:
    def __init__(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count


def train(loader, epoch, args):
    losses, top1 = AverageMeter(), AverageMeter()
    for i, _ in enumerate(loader):
        if i % 10 == 0:
            print("Epoch: [{0}][{1}/{2}]\t"
                  "Loss {loss.val:.4f} ({loss.avg:.4f})\t"
                  "Prec@1 {top1.val:.3f} ({top1.avg:.3f})".format(epoch, i, len(loader), loss=losses, top1=top1))


def validate(loader):
    losses, top1 = AverageMeter(), AverageMeter()
    for i, _ in enumerate(loader):
        if i % 10 == 0:
            print("Test: [{0}/{1}]\t"
                  "Loss {loss.val:.4f} ({loss.avg:.4f})\t"
                  "Prec@1 {top1.val:.3f} ({top1.avg:.3f})".format(i, len(loader), loss=losses, top1=top1))
    print(" * Prec@1 {top1.avg:.3f}".format(top1=top1))
    return top1.avg


if __name__ == "__main__":
    args = parser.parse_args()
    for epoch in range(args.epochs):
        train([1], epoch, args)
        validate([1])

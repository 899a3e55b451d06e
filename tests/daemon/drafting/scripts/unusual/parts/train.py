import torch

from engine import fit
from options import get_args

if __name__ == "__main__":
    args = get_args()
    torch.manual_seed(args.seed)
    fit.run(args)

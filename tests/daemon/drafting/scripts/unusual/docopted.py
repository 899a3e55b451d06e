"""Train.

Usage:
  docopted.py <train> <valid> [--lr=<lr>] [--hidden=<n>] [--seed=<s>] [--no-bias]

Options:
  --lr=<lr>      Learning rate [default: 0.01].
  --hidden=<n>   Hidden units [default: 32].
  --seed=<s>     Seed [default: 0].
  --no-bias      Without bias.
"""
from docopt import docopt

args = docopt(__doc__)
print("RMSE", float(args["--lr"]))

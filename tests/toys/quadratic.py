"""A training that takes milliseconds: the score falls with the square of log10(lr)'s distance from an optimum.

The data file says how it behaves: best (the score at the optimum), optimum, noise, ignore (seed, split or purpose),
nan_above and crash_above (of lr), sleep_s, slow_while (a file: while it is there, a run takes a second), and log, a
file that gets a line when a run starts and one when it ends.

The tests run it tens of thousands of times, so it goes without json and hashlib: importing them takes longer than all
else that it does.
"""

import math
import os
import sys
import time
from _blake2 import blake2b

JSON = {"__builtins__": {}, "null": None, "true": True, "false": False, "NaN": math.nan, "Infinity": math.inf}

DEFAULTS = {
    "best": 0.0,
    "optimum": -2.0,
    "noise": 0.1,
    "ignore": [],
    "nan_above": 1e9,
    "crash_above": 1e9,
    "sleep_s": 0.0,
    "slow_while": None,
    "log": None,
}


def main():
    lr = float(sys.argv[1])
    with open(os.environ["RETUNED_DATA"]) as file:
        toy = DEFAULTS | eval(file.read(), dict(JSON))  # noqa: S307 - what a test wrote
    leg = os.path.basename(os.path.dirname(os.environ["RETUNED_REPORT"]))
    note(toy["log"], f"start {leg}")
    time.sleep(1.0 if toy["slow_while"] and os.path.exists(toy["slow_while"]) else toy["sleep_s"])
    if lr > toy["crash_above"]:
        sys.exit("out of memory, as it were")
    score = toy["best"] - (math.log10(lr) - toy["optimum"]) ** 2 + toy["noise"] * noise(toy["ignore"])
    score = score if lr <= toy["nan_above"] else math.nan
    to_step = float(os.environ["RETUNED_TO_STEP"])
    with open(os.environ["RETUNED_REPORT"], "a") as file:
        score_text = "NaN" if math.isnan(score) else repr(score)
        file.write(f'{{"step": {to_step!r}, "metrics": {{"score": {score_text}}}}}\n')
    note(toy["log"], f"end {leg}")


def noise(ignore):
    """About standard normal; the share of the rows is common to both sides of a pair, as on real data."""
    names = {"seed": "RETUNED_SEED", "split": "RETUNED_SPLIT_SEED", "purpose": "RETUNED_PURPOSE"}
    used = {name: os.environ[variable] for name, variable in names.items() if name not in ignore}
    used["purpose"] = "dev" if used.get("purpose") in ("probe", "search", None) else "held-out"
    rows = draw("rows", used.get("split"), used["purpose"])
    return 0.5 * rows + 0.87 * draw("run", used.get("seed"), used.get("split"), used["purpose"], sys.argv[1])


def draw(*names):
    digest = blake2b(repr(names).encode(), digest_size=16).digest()
    words = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    one, two = (0.5 + word / 2**64 * (1 - 2**-40) for word in words)
    return math.sqrt(-2 * math.log(one - 0.5 + 2**-41)) * math.cos(2 * math.pi * two)


def note(path, line):
    if path is not None:
        with open(path, "a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()

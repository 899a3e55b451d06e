"""A training that takes milliseconds: the score falls with the square of log10(lr)'s distance from an optimum.

The data file says how it behaves: best (the score at the optimum), optimum, noise, ignore (seed, split or purpose),
nan_above and crash_above (of lr), sleep_s, and log, a file that gets a line when a run starts and one when it ends.
"""

import hashlib
import json
import math
import os
import struct
import sys
import time

DEFAULTS = {
    "best": 0.0,
    "optimum": -2.0,
    "noise": 0.1,
    "ignore": [],
    "nan_above": 1e9,
    "crash_above": 1e9,
    "sleep_s": 0.0,
    "log": None,
}


def main():
    lr = float(sys.argv[1])
    with open(os.environ["RETUNED_DATA"]) as file:
        toy = DEFAULTS | json.load(file)
    leg = os.path.basename(os.path.dirname(os.environ["RETUNED_REPORT"]))
    note(toy["log"], f"start {leg}")
    time.sleep(toy["sleep_s"])
    if lr > toy["crash_above"]:
        sys.exit("out of memory, as it were")
    score = toy["best"] - (math.log10(lr) - toy["optimum"]) ** 2 + toy["noise"] * noise(toy["ignore"])
    score = score if lr <= toy["nan_above"] else math.nan
    to_step = float(os.environ["RETUNED_TO_STEP"])
    with open(os.environ["RETUNED_REPORT"], "a") as file:
        file.write(json.dumps({"step": to_step, "metrics": {"score": score}}) + "\n")
    note(toy["log"], f"end {leg}")


def noise(ignore):
    """About standard normal; the share of the rows is common to both sides of a pair, as on real data."""
    names = {"seed": "RETUNED_SEED", "split": "RETUNED_SPLIT_SEED", "purpose": "RETUNED_PURPOSE"}
    used = {name: os.environ[variable] for name, variable in names.items() if name not in ignore}
    used["purpose"] = "dev" if used.get("purpose") in ("probe", "search", None) else "held-out"
    rows = draw("rows", used.get("split"), used["purpose"])
    return 0.5 * rows + 0.87 * draw("run", used.get("seed"), used.get("split"), used["purpose"], sys.argv[1])


def draw(*names):
    digest = hashlib.blake2b(repr(names).encode(), digest_size=16).digest()
    one, two = (0.5 + word / 2**64 * (1 - 2**-40) for word in struct.unpack("<QQ", digest))
    return math.sqrt(-2 * math.log(one - 0.5 + 2**-41)) * math.cos(2 * math.pi * two)


def note(path, line):
    if path is not None:
        with open(path, "a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()

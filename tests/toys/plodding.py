"""A training that reports after each of its steps, and takes its time: a score that settles at what its rate is worth.

The rate's worth falls with the square of log10(lr)'s distance from -2. data.json says: pause_s, the time of a step, and
drag_s, that of one in the last part of a poor run; log, a file that gets a line at the start and one at the end of a
run. Each leaves a sleeping child in a session of its own.
"""

import json
import math
import os
import random
import subprocess
import sys
import time


def main():
    rate = float(sys.argv[1])
    with open(os.environ["RETUNED_DATA"]) as file:
        toy = {"pause_s": 0.0, "drag_s": 0.0, "log": None} | json.load(file)
    leg = os.path.basename(os.path.dirname(os.environ["RETUNED_REPORT"]))
    note(toy["log"], f"start {leg}")
    subprocess.Popen(["setsid", "sleep", "600"])
    seeds = [os.environ[f"RETUNED_{name}"] for name in ("SEED", "SPLIT_SEED", "PURPOSE")]
    worth = 4.0 - (math.log10(rate) + 2.0) ** 2 + 0.1 * random.Random("/".join([*seeds, sys.argv[1]])).gauss(0.0, 1.0)
    steps = int(float(os.environ["RETUNED_TO_STEP"]))
    for step in range(1, 1 + steps):
        time.sleep(toy["drag_s"] if worth < 3.2 and step > 0.6 * steps else toy["pause_s"])
        score = worth * (1.0 - math.exp(-0.8 * step))
        with open(os.environ["RETUNED_REPORT"], "a") as file:
            file.write(json.dumps({"step": step, "metrics": {"score": score}}) + "\n")
    note(toy["log"], f"end {leg}")


def note(path, line):
    if path is not None:
        with open(path, "a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()

"""A training that flees: it forks twice, into sessions of their own, where SIGTERM and SIGHUP are ignored.

The two that fled write a line each into the file that is named, and would live for ten minutes. With `wait` the
training itself does not end either; otherwise it reports and ends.
"""

import os
import signal
import sys
import time

REPORT = '{"step": 10, "metrics": {"score": 0.5, "loss": 0.5}}'


def flee(path, depth):
    if os.fork() > 0:
        return
    os.setsid()
    if depth > 0:
        flee(path, depth - 1)
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(600)
    os._exit(0)


def count(path):
    if not os.path.exists(path):
        return 0
    with open(path) as file:
        return len(file.readlines())


def main():
    path = sys.argv[1]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    flee(path, depth=1)
    while count(path) < 2:
        time.sleep(0.01)
    if "wait" in sys.argv:
        time.sleep(600)
    sys.stdout.write(REPORT + "\n")


if __name__ == "__main__":
    main()

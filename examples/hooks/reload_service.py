"""Asks a running service to read its settings again: a signal to the process in a pid file, or a POST.

    hook = ["python3", "reload_service.py", "--pid-file", "/run/rides.pid"]
    hook = ["python3", "reload_service.py", "--url", "http://127.0.0.1:8000/reload"]

A service that reloads twice is no worse off, so nothing keeps a second run from doing it again.
"""

import argparse
import json
import os
import signal
import sys
import urllib.request
from pathlib import Path


def main():
    asked = argparse.ArgumentParser()
    way = asked.add_mutually_exclusive_group(required=True)
    way.add_argument("--pid-file", type=Path)
    way.add_argument("--url")
    asked.add_argument("--signal", default="HUP", help="HUP, USR1, ...")
    given = asked.parse_args()
    change = json.load(sys.stdin)
    try:
        if given.pid_file is not None:
            pid = int(given.pid_file.read_text())
            os.kill(pid, signal.Signals[f"SIG{given.signal}"])
            print(f"process {pid} was sent SIG{given.signal} for {change['model']} v{change['settings_version']}")
        else:
            headers = {"Content-Type": "application/json"}
            body = json.dumps({"model": change["model"], "settings": change["after"]}).encode()
            request = urllib.request.Request(given.url, body, headers)  # noqa: S310 - the owner's own service
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                print(f"{given.url} answered {answer.status}")
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"the service cannot be reloaded: {error}")


if __name__ == "__main__":
    main()

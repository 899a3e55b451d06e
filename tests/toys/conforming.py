"""A training that behaves as its first argument says; what any runner must come to terms with.

conforming.py KIND FOLDER: in FOLDER it leaves notes for the test.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LONG_S = 600


def report(loss, step=1):
    sys.stdout.write(json.dumps({"step": step, "metrics": {"loss": loss}}) + "\n")
    sys.stdout.flush()


def note(name, text):
    path = Path(sys.argv[2]) / name
    path.with_suffix(".new").write_text(str(text))
    path.with_suffix(".new").rename(path)


def flee(name):
    """A grandchild in a session of its own that would live for long; its number is in the note when this returns."""
    path = Path(sys.argv[2]) / name
    path.unlink(missing_ok=True)  # an attempt before this one left the number of its own
    code = (
        f"import os, time; open({str(path) + '.new'!r}, 'w').write(str(os.getpid()));"
        f" os.rename({str(path) + '.new'!r}, {str(path)!r}); time.sleep({LONG_S})"
    )
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            subprocess.run([sys.executable, "-I", "-S", "-c", code], check=False)
        os._exit(0)
    while not path.exists():
        time.sleep(0.01)


def completes():
    report(0.5)


def reports_in_the_file():
    Path(os.environ["RETUNED_REPORT"]).write_text('{"step": 1, "metrics": {"loss": 0.25}}\n')


def last_report_counts():
    report(3.0, 0.5)
    report(0.75)


def several_metrics():
    sys.stdout.write('{"step": 1, "metrics": {"loss": 0.5, "accuracy": 0.9}}\n')


def large_checkpoint():
    report(0.5)
    Path(os.environ["RETUNED_CHECKPOINT_OUT"]).write_bytes(bytes(3 << 20))


def large_checkpoint_in_a_folder():
    report(0.5)
    folder = Path(os.environ["RETUNED_CHECKPOINT_OUT"])
    folder.mkdir()
    for part in range(3):
        (folder / f"part{part}").write_bytes(bytes(1 << 20))
    time.sleep(LONG_S)


def hangs():
    time.sleep(LONG_S)


def hangs_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(LONG_S)


def hangs_after_a_report():
    report(0.5)
    time.sleep(LONG_S)


def stops_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


def crashes():
    sys.exit(3)


def crashes_with_words():
    sys.exit("the disk of the moon is full")


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def reports_nan():
    sys.stdout.write('{"step": 1, "metrics": {"loss": NaN}}\n')


def reports_infinity():
    sys.stdout.write('{"step": 1, "metrics": {"loss": Infinity}}\n')


def nan_and_crash():
    reports_nan()
    sys.exit(1)


def no_metric():
    sys.stdout.write("done\n")


def another_metric():
    sys.stdout.write('{"step": 1, "metrics": {"accuracy": 1}}\n')


def text_for_a_number():
    report("low")


def garbled_report():
    Path(os.environ["RETUNED_REPORT"]).write_text("loss=3\n")


def huge_output():
    piece = b"all work and no play\n" * 50_000
    for _ in range(10):
        sys.stdout.buffer.write(piece)
    report(0.5)


def huge_line():
    sys.stdout.write("x" * (32 << 20) + "\n")
    report(0.5)


def binary_output():
    sys.stdout.buffer.write(bytes(range(256)) * 1000 + b"\n")
    report(0.5)


def floods_reports():
    with open(os.environ["RETUNED_REPORT"], "a") as file:
        while True:
            file.write('{"step": 1, "metrics": {"loss": 1}}\n' * 10_000)


def report_is_a_fifo():
    os.mkfifo(os.environ["RETUNED_REPORT"])


def removes_its_folder():
    folder = Path(os.environ["RETUNED_REPORT"]).parent
    subprocess.run(["rm", "-rf", folder], check=True)
    time.sleep(LONG_S)


def forks_twice():
    flee("forks_twice")
    report(0.5)


def forks_twice_and_hangs():
    flee("forks_twice_and_hangs")
    time.sleep(LONG_S)


def forks_twice_and_crashes():
    flee("forks_twice_and_crashes")
    sys.exit(3)


def fills_tmpdir():
    (Path(os.environ["TMPDIR"]) / "much").write_bytes(bytes(1 << 20))
    report(0.5)


def closes_everything():
    report(0.5)
    os.closerange(0, 100)


def reads_its_values():
    values = json.loads(Path(os.environ["RETUNED_HYPERPARAMETERS"]).read_text())
    note("values", json.dumps([values, os.environ["RETUNED_SEED"], os.environ["RETUNED_TO_STEP"]]))
    report(0.5)


def prints_a_secret():
    sys.stdout.write(os.environ["SECRET"] + "\n")
    sys.exit(3)


globals()[sys.argv[1]]()

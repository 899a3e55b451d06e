"""Trainings that do what no training should, one a name; `good` is the one that does nothing wrong.

Started by `python -I -S hostile.py KIND`. What is not said otherwise goes on to report at the end, as `good` does.
`in_turn KIND,KIND... FOLDER` is another one in each run, then `good`; a folder in FOLDER says which one was.
"""

import json
import os
import shutil
import signal
import socket
import sys
import time

REPORT_FILE = os.environ["RETUNED_REPORT"]
FOLDER = os.path.dirname(REPORT_FILE)
SPOOL = os.path.dirname(os.path.dirname(FOLDER))
TEMPORARY = os.environ["TMPDIR"]
VICTIM = os.environ["VICTIM"]
NAP_S = 600


def report(loss="0.5", step="1", out=None):
    (out or print_line)(f'{{"step": {step}, "metrics": {{"loss": {loss}}}}}\n')


def print_line(line):
    sys.stdout.write(line)
    sys.stdout.flush()


def append(line, mode="a"):
    with open(REPORT_FILE, mode) as file:
        file.write(line)


def nap():
    time.sleep(NAP_S)


# Report files that are no regular files.


def fifo():
    os.mkfifo(REPORT_FILE)


def fifo_and_waits():
    os.mkfifo(REPORT_FILE)
    nap()


def zero_link():
    os.symlink("/dev/zero", REPORT_FILE)


def link():
    os.symlink(VICTIM, REPORT_FILE)


def link_to_nothing():
    os.symlink(os.path.join(FOLDER, "nowhere"), REPORT_FILE)


def hard_link():
    os.link(VICTIM, REPORT_FILE)


def directory():
    os.makedirs(os.path.join(REPORT_FILE, "a", "b"))


def unix_socket():
    os.chdir(FOLDER)
    socket.socket(socket.AF_UNIX).bind("report.jsonl")


def sparse():
    append("")
    os.truncate(REPORT_FILE, 1 << 40)


def flapping():
    for number in range(400):
        beside = os.path.join(FOLDER, "beside")
        os.symlink("/dev/zero", beside) if number % 2 else os.mkfifo(beside)
        os.replace(beside, REPORT_FILE)
        time.sleep(0.001)
    os.unlink(REPORT_FILE)


# Folders that go or are no folders.


def deleted_folder():
    shutil.rmtree(FOLDER)


def deleted_folder_and_waits():
    shutil.rmtree(FOLDER)
    nap()


def linked_folder():
    shutil.rmtree(FOLDER)
    os.symlink(os.path.dirname(VICTIM), FOLDER)


def file_for_a_folder():
    shutil.rmtree(FOLDER)
    with open(FOLDER, "w") as file:
        file.write("no folder")


def deleted_campaign():
    shutil.rmtree(SPOOL)
    nap()


def deleted_next():
    for name in os.listdir(os.path.dirname(FOLDER)):
        if os.path.join(os.path.dirname(FOLDER), name) != FOLDER:
            shutil.rmtree(os.path.join(os.path.dirname(FOLDER), name))


# Files of ours, forged.


def forged_exit():
    end = {"process": "exited", "exit_code": 0, "seconds": "soon", "detail": "\ud800"}
    with open(os.path.join(FOLDER, "exit.json"), "w") as file:
        json.dump(end, file)
    report()
    sys.exit(3)


def forged_exit_and_dead_worker():
    end = {"process": "exited", "exit_code": 0, "seconds": float("nan"), "cpu_s": -1, "detail": ["a"]}
    with open(os.path.join(FOLDER, "exit.json"), "w") as file:
        json.dump(end, file)
    os.kill(os.getppid(), signal.SIGKILL)
    nap()


def exit_folder():
    os.makedirs(os.path.join(FOLDER, "exit.json", "a"))


def fifos_for_ours():
    for name in ("leg.json", "trial.json", "hyperparameters.json", "output.log", f".exit.json.{os.getppid()}.part"):
        path = os.path.join(FOLDER, name)
        if os.path.exists(path):
            os.unlink(path)
        os.mkfifo(path)
    for worker in os.listdir(os.path.join(SPOOL, "workers")):
        path = os.path.join(SPOOL, "workers", worker, "worker.json")
        os.unlink(path)
        os.mkfifo(path)


def checkpoint_link():
    os.symlink(os.path.dirname(VICTIM), os.path.join(FOLDER, "checkpoint"))


def stop_for_all():
    with open(os.path.join(SPOOL, "stop"), "w"):
        pass


def stop_for_itself():
    with open(os.path.join(FOLDER, "stop"), "w"):
        pass
    nap()


# Processes.


def fork_bomb():
    for _ in range(120):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                nap()
            os._exit(0)


def ignores_sigterm():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    nap()


def stops_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


def closes_everything():
    os.closerange(0, 256)
    nap()


def closes_and_reports():
    report(out=append)
    os.closerange(0, 256)
    os._exit(0)


def late_report():
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.3)
        report(out=append)
        os._exit(0)
    os._exit(0)


def kills_worker():
    os.kill(os.getppid(), signal.SIGKILL)
    nap()


def ends_worker():
    os.kill(os.getppid(), signal.SIGTERM)
    nap()


def leader():
    with open(os.path.join(SPOOL, "lease")) as file:
        return json.load(file)["pid"]


def stops_leader():
    os.kill(leader(), signal.SIGSTOP)


def kills_leader():
    os.kill(leader(), signal.SIGKILL)


def ends_leader():
    os.kill(leader(), signal.SIGTERM)


# Temporary files.


def fills_tmpdir():
    for number in range(400):
        with open(os.path.join(TEMPORARY, f"file{number}"), "wb") as file:
            file.write(bytes(20_000))
    os.makedirs(os.path.join(TEMPORARY, "locked", "inner"))
    os.chmod(os.path.join(TEMPORARY, "locked"), 0)


def deep_tmpdir():
    os.chdir(TEMPORARY)
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")


def deep_folder():
    os.chdir(FOLDER)
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")


def tmpdir_link():
    os.rmdir(TEMPORARY)
    os.symlink(os.path.dirname(VICTIM), TEMPORARY)


# Reports that cannot be used.


def floods_names():
    for first in range(0, 120_000, 1000):
        append(json.dumps({"step": 1, "metrics": {f"m{first + number}": 1 for number in range(1000)}}) + "\n")


def long_name():
    append(json.dumps({"step": 1, "metrics": {"loss": 1, "x" * 100_000: 1}}) + "\n")


def lone_surrogate():
    append('{"step": 1, "metrics": {"loss": 1, "\\ud800": 1}}\n')


def negative_step():
    report(step="-1")


def step_of_many_digits():
    report(step="9" * 400)


def deep_json():
    append('{"step": 1, "metrics": {"loss": ' + "[" * 100_000 + "}}\n")


def deep_objects():
    append('{"step": 1, "metrics": {"loss": 1, "other": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}}\n")


def floods_reports():
    line = '{"step": 1, "metrics": {"loss": 0.5}}\n' * 10_000
    while True:
        append(line)


def not_finite():
    report(sys.argv[2])
    sys.exit(0)


# Output.


def huge_line():
    print_line("x" * 20_000_000)
    print_line("\n")


def huge_report_line():
    append("x" * 8_000_000 + "\n")


def binary():
    sys.stdout.buffer.write(bytes(range(256)) * 8000 + b"\n")


def floods_output():
    for _ in range(100):
        print_line("all work and no play\n" * 10_000)


def duplicate_keys():
    append('{"step": 1, "step": 1, "metrics": {"loss": 9, "loss": 0.5}}\n')
    sys.exit(0)


def good():
    pass


def in_turn():
    for kind in sys.argv[2].split(","):
        if not os.path.exists(os.path.join(sys.argv[3], kind)):
            os.mkdir(os.path.join(sys.argv[3], kind))
            globals()[kind]()
            return


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    try:
        report()
    finally:
        os._exit(0)

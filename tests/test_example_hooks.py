"""The examples of hooks, against small servers and repositories of their own."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HOOKS = Path(__file__).parents[1] / "examples" / "hooks"
CHANGE = {
    "model": "rides", "owner": "me", "kind": "adopted", "by": "anna", "why": None, "campaign": 7, "from_version": 3,
    "settings_version": 4, "before": {"lr": 0.01}, "after": {"lr": 0.02}, "settings_file": None, "evidence": None,
    "metric": "loss", "direction": "minimize", "at": "2026-01-31T09:00:00+00:00", "start": 1,
}  # fmt: skip

TOKEN = {"FORGE_TOKEN": "secret-token"}
MLFLOW = {"MLFLOW_TRACKING_TOKEN": "t-1"}


@pytest.fixture
def server():
    """A server that keeps what it is asked, and answers as told by path."""
    seen, answers = [], {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.append(
                (
                    self.command,
                    self.path,
                    {name.title(): value for name, value in self.headers.items()},
                    json.loads(body or "null"),
                )
            )
            status, answer = answers.get(self.path.partition("?")[0], (200, {}))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - the library's own name

        def log_message(self, *_):
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", seen, answers
    listening.shutdown()
    listening.server_close()


def run(script, *words, change=CHANGE, cwd=None, **variables):
    command = [sys.executable, HOOKS / script, *map(str, words)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    return subprocess.run(command, input=json.dumps(change), capture_output=True, text=True, cwd=cwd, env=environment)


def git(folder, *words):
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A clone with a settings file, and where it came from."""
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", origin], check=True)
    subprocess.run(["git", "clone", "--quiet", origin, clone], check=True, capture_output=True)
    (clone / "conf").mkdir()
    (clone / "conf" / "train.yaml").write_text("lr: 0.01\n")
    git(clone, "checkout", "--quiet", "-B", "main")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "first")
    git(clone, "push", "--quiet", "origin", "main")
    return origin, clone


def test_a_merge_request_has_the_new_file_and_a_second_run_changes_nothing(repository, server):
    origin, clone = repository
    url, seen, answers = server
    address = "/api/v4/projects/ml%2Frides/merge_requests"
    answers[address] = (201, {"web_url": "https://forge.example/ml/rides/1"})
    file = clone / "conf" / "train.yaml"
    file.write_text("lr: 0.02\n")
    (clone / "other").write_text("in work")
    change = CHANGE | {"settings_file": str(file)}
    words = ("merge_request.py", "--repository", clone, "--project", "ml/rides")
    done = run(*words, change=change, FORGE_URL=url, **TOKEN)
    assert (done.returncode, done.stdout) == (0, "retuned/rides-v4: https://forge.example/ml/rides/1\n"), done.stderr
    assert git(origin, "show", "retuned/rides-v4:conf/train.yaml") == "lr: 0.02"
    assert git(origin, "show", "--name-only", "--format=", "retuned/rides-v4") == "conf/train.yaml"
    assert git(clone, "status", "--short").splitlines() == ["M conf/train.yaml", "?? other"]
    (_, path, headers, body), = seen  # fmt: skip
    assert (path, headers["Private-Token"]) == (address, "secret-token")
    assert (body["source_branch"], body["target_branch"]) == ("retuned/rides-v4", "main")
    assert "- lr: 0.01 -> 0.02" in body["description"]
    commit = git(origin, "rev-parse", "retuned/rides-v4")
    answers[address] = (409, {"message": "Another open merge request already exists"})
    again = run(*words, change=change, FORGE_URL=url, **TOKEN)
    assert (again.returncode, again.stdout) == (0, "retuned/rides-v4: open already\n"), again.stderr
    assert git(origin, "rev-parse", "retuned/rides-v4") == commit


def test_a_forge_that_refuses_fails_the_hook_without_the_token(repository, server):
    _, clone = repository
    url, _, answers = server
    answers["/api/v4/projects/ml%2Frides/merge_requests"] = (403, {"message": "forbidden"})
    change = CHANGE | {"settings_file": str(clone / "conf" / "train.yaml")}
    words = ("merge_request.py", "--repository", clone, "--project", "ml/rides")
    done = run(*words, change=change, FORGE_URL=url, **TOKEN)
    assert done.returncode == 1
    assert "the forge answered 403" in done.stderr
    assert "secret-token" not in done.stderr + done.stdout


def test_the_newest_version_in_mlflow_gets_tags_and_the_alias(server):
    url, seen, answers = server
    answers["/api/2.0/mlflow/model-versions/search"] = (200, {"model_versions": [{"version": "9"}, {"version": "10"}]})
    words = ("mlflow_alias.py", "--name", "rides", "--alias", "live")
    done = run(*words, MLFLOW_TRACKING_URI=url, **MLFLOW)
    assert (done.returncode, done.stdout) == (0, "rides version 10 has the alias live\n"), done.stderr
    posted = [(path.rpartition("mlflow/")[2], body) for method, path, _, body in seen if method == "POST"]
    assert posted[0] == (
        "model-versions/set-tag",
        {"name": "rides", "version": "10", "key": "hyperparameter.lr", "value": "0.02"},
    )
    assert posted[-1] == ("registered-models/alias", {"name": "rides", "alias": "live", "version": "10"})
    assert {headers["Authorization"] for _, _, headers, _ in seen} == {"Bearer t-1"}


def test_mlflow_without_the_model_fails_the_hook(server):
    done = run("mlflow_alias.py", "--name", "rides", MLFLOW_TRACKING_URI=server[0])
    assert (done.returncode, done.stderr) == (1, "MLflow has no version of the model rides\n")


def test_a_service_is_sent_a_signal(tmp_path):
    waits = "import signal, sys; signal.signal(1, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", waits], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout.readline() == "up\n"
        (tmp_path / "pid").write_text(f"{service.pid}\n")
        done = run("reload_service.py", "--pid-file", tmp_path / "pid")
        assert (done.returncode, service.wait(30)) == (0, 7), done.stderr
        assert signal.SIGHUP == 1


def test_a_service_is_asked_by_a_post(server):
    url, seen, _ = server
    done = run("reload_service.py", "--url", f"{url}/reload")
    assert (done.returncode, done.stdout) == (0, f"{url}/reload answered 200\n"), done.stderr
    assert seen[0][3] == {"model": "rides", "settings": {"lr": 0.02}}


@pytest.mark.parametrize("words", [("--pid-file", "/no/such/pid"), ("--url", "http://127.0.0.1:9/")])
def test_a_service_that_is_not_there_fails_the_hook(words):
    done = run("reload_service.py", *words)
    assert done.returncode == 1
    assert "the service cannot be reloaded: " in done.stderr

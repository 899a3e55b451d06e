"""Commits the settings file on a branch of its own, pushes it and opens a merge request with GitLab's API.

    hook = ["python3", "merge_request.py", "--repository", ".", "--project", "ml/rides", "--target", "main"]
    pass_env = ["FORGE_URL", "FORGE_TOKEN"]

The branch is named after the model and its settings version, so that a second run changes nothing. The repository's own
branch and files are left alone: the commit is made from its objects.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

IDENTITY = {"GIT_AUTHOR_NAME": "retuned", "GIT_AUTHOR_EMAIL": "retuned@localhost",
            "GIT_COMMITTER_NAME": "retuned", "GIT_COMMITTER_EMAIL": "retuned@localhost"}  # fmt: skip


def git(repository, *words, index=None):
    environment = os.environ | IDENTITY | ({"GIT_INDEX_FILE": index} if index else {})
    done = subprocess.run(["git", "-C", repository, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"git {words[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


def commit_file(repository, target, file, message):
    """A commit on top of `target` with the file as it is now; neither the branch nor the index is touched."""
    path = os.path.relpath(os.path.realpath(file), os.path.realpath(git(repository, "rev-parse", "--show-toplevel")))
    with tempfile.TemporaryDirectory() as folder:
        index = os.path.join(folder, "index")
        git(repository, "read-tree", target, index=index)
        blob = git(repository, "hash-object", "-w", os.path.realpath(file))
        git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", index=index)
        tree = git(repository, "write-tree", index=index)
    return git(repository, "commit-tree", tree, "-p", target, "-m", message)


def open_request(project, branch, target, title, text):
    base = os.environ["FORGE_URL"].rstrip("/")
    address = f"{base}/api/v4/projects/{urllib.parse.quote(project, safe='')}/merge_requests"
    body = {"source_branch": branch, "target_branch": target, "title": title, "description": text}
    headers = {"PRIVATE-TOKEN": os.environ["FORGE_TOKEN"], "Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310 - the owner's own forge
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.load(answer)["web_url"]
    except urllib.error.HTTPError as error:
        if error.code == 409:  # there is one for this branch already
            return "open already"
        sys.exit(f"the forge answered {error.code}: {error.read(300).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"the forge cannot be reached: {error}")


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--repository", default=".")
    asked.add_argument("--project", required=True)
    asked.add_argument("--target", default="main")
    asked.add_argument("--remote", default="origin")
    given = asked.parse_args()
    change = json.load(sys.stdin)
    if change["settings_file"] is None or not Path(change["settings_file"]).is_file():
        sys.exit("the model file names no settings file that could be committed")
    branch = f"retuned/{change['model']}-v{change['settings_version']}"
    title = f"{change['model']}: settings v{change['from_version']} to v{change['settings_version']}"
    values = [f"- {name}: {change['before'].get(name)} -> {value}" for name, value in change["after"].items()]
    text = "\n".join([*values, "", f"by {change['by']}, campaign {change['campaign']}; evidence: {change['evidence']}"])
    git(given.repository, "fetch", "--quiet", given.remote, given.target)
    head = git(given.repository, "rev-parse", "FETCH_HEAD")
    if not git(given.repository, "ls-remote", "--heads", given.remote, branch):
        commit = commit_file(given.repository, head, change["settings_file"], f"{title}\n\n{text}")
        git(given.repository, "push", "--quiet", given.remote, f"{commit}:refs/heads/{branch}")
    print(f"{branch}: {open_request(given.project, branch, given.target, title, text)}")


if __name__ == "__main__":
    main()

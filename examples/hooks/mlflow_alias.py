"""Tags a version of a model in MLflow's registry with the new settings, and sets an alias on it.

    hook = ["python3", "mlflow_alias.py", "--name", "rides", "--alias", "retuned"]
    pass_env = ["MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"]

Of the newest version, unless --version names one. Setting the same alias and tags again changes nothing.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def call(method, path, values):
    base = os.environ["MLFLOW_TRACKING_URI"].rstrip("/")
    address, body = f"{base}/api/2.0/mlflow/{path}", None
    if method == "GET":
        address += "?" + urllib.parse.urlencode(values)
    else:
        body = json.dumps(values).encode()
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address, body, headers, method=method)  # noqa: S310 - the owner's own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: MLflow answered {error.code}: {error.read(300).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"MLflow cannot be reached: {error}")


def newest_version(name):
    quoted = name.replace("'", "\\'")
    found = call("GET", "model-versions/search", {"filter": f"name='{quoted}'", "max_results": 1000})
    versions = [int(version["version"]) for version in found.get("model_versions", [])]
    if not versions:
        sys.exit(f"MLflow has no version of the model {name}")
    return str(max(versions))


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--name", required=True)
    asked.add_argument("--alias", default="retuned")
    asked.add_argument("--version")
    given = asked.parse_args()
    change = json.load(sys.stdin)
    version = given.version or newest_version(given.name)
    tags = {f"hyperparameter.{name}": json.dumps(value) for name, value in change["after"].items()}
    tags["retuned.settings_version"] = str(change["settings_version"])
    for key, value in tags.items():
        call("POST", "model-versions/set-tag", {"name": given.name, "version": version, "key": key, "value": value})
    call("POST", "registered-models/alias", {"name": given.name, "alias": given.alias, "version": version})
    print(f"{given.name} version {version} has the alias {given.alias}")


if __name__ == "__main__":
    main()

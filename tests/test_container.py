"""The image, the compose file and the manifest: linted, and in keeping with each other. No engine runs them here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from retuned.daemon.config.config import load_config

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "container"
TOOLS = Path(sys.executable).parent


@pytest.fixture
def manifest():
    """The objects of the manifest by kind, of a kind that is there once."""
    return {each["kind"]: each for each in yaml.safe_load_all((FOLDER / "kuberay.yaml").read_text())}


@pytest.fixture
def container(manifest):
    (found,) = manifest["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


def compose():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["retuned"]


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "--failure-threshold", "info", "Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ],
)
def test_linters_find_nothing(command):
    done = subprocess.run([TOOLS / command[0], *command[1:]], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_has_what_the_package_is_made_of_and_no_rights():
    lines = (FOLDER / "Dockerfile").read_text()
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE)
    sources = [name for each in copied for name in each.split()]
    assert {"daemon", "strategies", "docs", "examples", "pyproject.toml"} <= set(sources)
    assert {f"!{name}" for name in sources} <= set(ignored)
    assert re.search(r"^USER 10001:10001$", lines, re.MULTILINE)
    assert "/healthz" in lines.partition("HEALTHCHECK")[2]


@pytest.mark.parametrize("source", ["file", "manifest"])
def test_configurations_are_read_as_they_stand(tmp_path, manifest, source):
    told = (FOLDER / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(
        manifest["ConfigMap"]["data"]["config.toml"] if source == "manifest" else told
    )
    config = load_config(tmp_path / "config.toml", {"HOME": str(tmp_path)})
    assert (str(config.state), config.api.listen) == ("/var/lib/retuned", "0.0.0.0:8719")
    assert config.workers.runner == {"file": "local", "manifest": "ray"}[source]


def test_there_is_one_service_at_a_time_with_a_name_that_stays(manifest):
    deployment = manifest["Deployment"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert deployment["template"]["spec"]["hostname"] == compose()["hostname"] == "retuned"


def test_every_volume_of_the_pod_is_mounted_where_the_configuration_looks(manifest, container, tmp_path):
    pod = manifest["Deployment"]["spec"]["template"]["spec"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    (tmp_path / "config.toml").write_text(manifest["ConfigMap"]["data"]["config.toml"])
    config = load_config(tmp_path / "config.toml", {"HOME": str(tmp_path)})
    assert {volume["name"] for volume in pod["volumes"]} == set(mounted)
    assert (mounted["state"], mounted["shared"]) == (str(config.state), str(config.workers.shared))
    assert config.workers.token.startswith(f"file:{mounted['secrets']}/")


def test_the_pod_may_do_nothing_that_it_need_not(manifest, container):
    pod = manifest["Deployment"]["spec"]["template"]["spec"]
    assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert (compose()["read_only"], compose()["cap_drop"]) == (True, ["ALL"])
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {"/healthz"}

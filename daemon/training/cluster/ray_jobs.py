"""Ray's Jobs API by plain requests: jobs, nodes and version. Nothing of Ray is imported.

Source: the routes in ray/dashboard/modules/job/job_head.py and the state API, of Ray 2.60.
"""

import contextlib
import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from ....strategies.errors import CampaignFailed, ClusterAway, InputError
from ...config.config import resolve_secret
from ...config.node_labels import label_of
from .jobs import Job, Node, Order
from .needs import Needs

TIMEOUT_S = 10.0  # of a read; of a whole answer six times that
LARGEST_ANSWER_BYTES = 64 << 20
OLDEST = (2, 9)  # the first with every field that a job of ours uses
TESTED = "2.60.0"
PINNED = 0.001  # of the resource that each node has one of, by which a job gets to it
_REFUSED = "status code 400"  # of the agent that was to start a job; others are troubles of the moment
_OWN = "node:"  # how the name of the resource begins that a node alone has one of
_NODE_ID = "ray.io/node-id"
_WAITED_IN_VAIN = frozenset({"JOB_SUPERVISOR_ACTOR_START_TIMEOUT"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300


class RayJobs:
    """The cluster at an address such as http://host:8265. Each call raises ClusterAway where it does not answer."""

    def __init__(self, address: str, timeout_s: float = TIMEOUT_S, token: str | None = None) -> None:
        """`token`: a reference to the cluster's token, which is read anew for each request; None: it asks for none."""
        self.address = address.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor .netrc: the token is for the cluster alone
        self._token = token

    @property
    def name(self) -> str:
        """What a message calls it."""
        return f"the cluster at {self.address}"

    @property
    def tested(self) -> str:
        """The version that retuned is tested with."""
        return TESTED

    @property
    def look_every_s(self) -> float:
        """Its head answers from memory."""
        return 1.0

    def version(self) -> str:
        """Ray's version. Raises InputError for something else that answers, or a Ray that is too old."""
        told = self._json("GET", "/api/version")
        version = told.get("ray_version") if isinstance(told, dict) else None
        if not isinstance(version, str):
            raise InputError(
                f"what answers at {self.address} is no Ray cluster",
                "allowed: the address of a Ray dashboard, such as http://head:8265",
                "correct address under [workers]",
            )
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        if numbers < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise InputError(
                f"the cluster at {self.address} runs Ray {version}", f"allowed: {oldest} or newer; tested: {TESTED}",
                "update the cluster",
            )  # fmt: skip
        return version

    def jobs(self) -> dict[str, Job]:
        """All jobs of retuned that the cluster knows, by id."""
        listed = self._json("GET", "/api/jobs/")
        with self._as_ray_answers("a list of jobs"):
            return {job.id: job for job in _ours(listed)}

    def submit(self, order: Order) -> None:
        """Start a job; one that exists is left alone. One for a node alone takes no core. Raises CampaignFailed where
        the cluster refuses it."""
        needs = order.needs if order.node is None else Needs(0.0, custom={_own_resource(order.node): PINNED})
        told: dict[str, Any] = {
            "entrypoint": "exec " + shlex.join(order.argv),
            "submission_id": order.id,
            "metadata": {"retuned_spool": str(order.spool)},
            "entrypoint_num_cpus": needs.cpus,
            "entrypoint_num_gpus": needs.gpus,
        }
        if needs.memory_bytes:
            told["entrypoint_memory"] = needs.memory_bytes
        custom = {**needs.custom, **({f"{_OWN}{order.place}": PINNED} if order.place else {})}
        if custom:
            told["entrypoint_resources"] = custom
        if needs.labels:
            told["entrypoint_label_selector"] = dict(needs.labels)
        answer = self._answer("POST", "/api/jobs/", told)
        if answer.is_good or "already exists" in answer.text:
            return
        lines = [line for line in answer.text.splitlines() if line.strip(" .")]
        said = lines[-1].strip()[:300] if lines else f"HTTP status {answer.status}"
        if answer.status != 400 and _REFUSED not in answer.text:
            raise ClusterAway(
                f"{self.name} takes no job now ({said})", "campaigns wait until it does", "see: ray status"
            )
        raise CampaignFailed(
            f"the cluster refused a worker: {said}",
            remedy="see resources under [training], and: retuned doctor",
        )

    def stop(self, job_id: str) -> None:
        """Ask a job to end; one that is not known has ended. A job that waits for a place waits on."""
        self._answer("POST", f"/api/jobs/{job_id}/stop")

    def kill(self, job_id: str) -> None:
        """The same: Ray kills what does not follow within three seconds."""
        self.stop(job_id)

    def delete(self, job_id: str) -> None:
        """Have the cluster forget a job that has ended."""
        self._answer("DELETE", f"/api/jobs/{job_id}")

    def last_words(self, job_id: str) -> str:
        """The last line that a job printed; empty where there is none."""
        answer = self._answer("GET", f"/api/jobs/{job_id}/logs")
        if not answer.is_good:
            return ""
        with self._as_ray_answers("a job's output"):
            lines = str(json.loads(answer.text)["logs"]).strip().splitlines()
            return lines[-1].strip()[:300] if lines else ""

    def nodes(self) -> tuple[Node, ...]:
        """The living nodes."""
        told = self._json("GET", "/api/v0/nodes?detail=1&limit=10000")
        with self._as_ray_answers("a list of nodes"):
            return tuple(
                Node(str(row["node_ip"]), {**_numbers(row["resources_total"]), **_labels(row.get("labels") or {})})
                for row in told["data"]["result"]["result"]
                if row.get("state") == "ALIVE"
            )

    def lifetime_s(self, timeout_s: float) -> float | None:
        """None: jobs run as long as they like."""
        return None

    def record(self) -> dict[str, Any]:
        """Where it is, and the reference to its token."""
        return {"runner": "ray", "address": self.address, "token": self._token}

    def _json(self, method: str, path: str) -> Any:  # noqa: ANN401 - whatever the cluster sends
        answer = self._answer(method, path)
        if not answer.is_good:
            raise self._away(f"HTTP status {answer.status}")
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(answer.text)
        return None

    def _answer(self, method: str, path: str, order: Mapping[str, Any] | None = None) -> Answer:
        try:
            answer = self._whole(method, path, order)
        except InputError as error:  # of the token, which may be replaced just now
            raise ClusterAway(error.found, error.allowed, error.remedy) from None
        except (requests.RequestException, ValueError) as error:
            raise self._away(type(error).__name__) from None
        if answer.status in (401, 403):
            raise self._refused(answer.status)
        if answer.status in (502, 503, 504):
            raise self._away(f"HTTP status {answer.status}")
        return answer

    def _whole(self, method: str, path: str, order: Mapping[str, Any] | None) -> Answer:
        """An answer within a bound of bytes and of time; nothing is sent on to another address."""
        until = time.monotonic() + 6 * self._timeout_s
        token = None if self._token is None else resolve_secret(self._token, os.environ)
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        with self._session.request(
            method, self.address + path, json=order, headers=headers, timeout=self._timeout_s, stream=True,
            allow_redirects=False,
        ) as answer:  # fmt: skip
            body = bytearray()
            for piece in answer.iter_content(1 << 16):
                body += piece
                if len(body) > LARGEST_ANSWER_BYTES or time.monotonic() > until:
                    raise self._away("its answer does not end")
            return Answer(answer.status_code, body.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def _as_ray_answers(self, what: str) -> Iterator[None]:
        """What is read here has the shape that Ray gives it, or the cluster counts as away."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            raise self._away(f"what it sent is not {what}") from None

    def _refused(self, status: int) -> ClusterAway:
        wrong = "asks for a token" if self._token is None else "does not take the token"
        return ClusterAway(
            f"the cluster at {self.address} {wrong} (HTTP status {status})",
            "campaigns wait until it is right; allowed: the token that its nodes have in RAY_AUTH_TOKEN",
            "write it into a file that only retuned can read, and token = 'file:/path' under [workers]",
        )

    def _away(self, why: str) -> ClusterAway:
        return ClusterAway(
            f"the cluster at {self.address} does not answer ({why})",
            "campaigns wait until it is back",
            "look after its head node, or correct address under [workers]",
        )


def _own_resource(node: Node) -> str:
    """The resource that this node alone has one of, by which a job gets to it."""
    own = (name for name in node.resources if name.startswith(_OWN) and name != "node:__internal_head__")
    return next(own, f"{_OWN}{node.address}")


def _numbers(resources: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(has) for name, has in resources.items()}


def _labels(labels: Mapping[str, Any]) -> dict[str, float]:
    """A node's labels among its resources, without the one that no other node has."""
    return {label_of(name, str(value)): 1.0 for name, value in labels.items() if name != _NODE_ID}


def _ours(listed: Sequence[Mapping[str, Any]]) -> Iterator[Job]:
    for row in listed:
        metadata = row.get("metadata") or {}
        if row.get("submission_id") and "retuned_spool" in metadata:
            yield Job(
                id=str(row["submission_id"]),
                status=str(row["status"]),
                message=str(row.get("message") or ""),
                spool=str(metadata["retuned_spool"]),
                waited_in_vain=row.get("error_type") in _WAITED_IN_VAIN,
                place=urlsplit(str(row.get("driver_agent_http_address") or "")).hostname or "",
            )

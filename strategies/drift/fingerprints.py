"""Fingerprints of what a model is trained from and on: its data, its code, its environment.

Two fingerprints with the same `key()` mean that nothing changed.
"""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class DataFingerprint:
    """Content of the training data: `rows` counts the lines of its text files, None when none of them is text."""

    files: int
    bytes: int
    rows: int | None
    content: str

    def key(self) -> str:
        """A short name of this content, fit for a file name."""
        return self.content[:24]

    def to_json(self) -> str:
        """The fingerprint as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "DataFingerprint":
        """The fingerprint that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class CodeFingerprint:
    """Content of the training code: hashes by file, and the last commit that changed code in its folder, if any."""

    files: tuple[tuple[str, str], ...]
    commit: str | None

    def key(self) -> str:
        """A short name of this content."""
        return _digest([self.files, self.commit])

    def to_json(self) -> str:
        """The fingerprint as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "CodeFingerprint":
        """The fingerprint that `to_json` wrote."""
        content = json.loads(text)
        return cls(tuple((name, digest) for name, digest in content["files"]), content["commit"])


@dataclass(frozen=True, slots=True)
class EnvironmentFingerprint:
    """Software and hardware as the model's own interpreter sees them."""

    python: str
    platform: str
    machine: str
    cpu: str
    cores: int
    memory_bytes: int
    packages: tuple[tuple[str, str], ...]
    gpus: tuple[str, ...]

    def parts(self) -> dict[str, str]:
        """What counts as a change, by label; memory in whole GiB, because kernels keep differing shares of it."""
        parts = {"Python": self.python, **dict(self.packages), "platform": self.platform, "machine": self.machine}
        parts |= {"CPU": self.cpu, "cores": str(self.cores), "memory": f"{round(self.memory_bytes / 2**30)} GiB"}
        return parts | ({"GPU": ", ".join(self.gpus)} if self.gpus else {})

    def key(self) -> str:
        """A short name of this environment."""
        return _digest(sorted(self.parts().items()))

    def to_json(self) -> str:
        """The fingerprint as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "EnvironmentFingerprint":
        """The fingerprint that `to_json` wrote."""
        content = json.loads(text)
        content["packages"] = tuple((name, version) for name, version in content["packages"])
        content["gpus"] = tuple(content["gpus"])
        return cls(**content)


def describe_change(old: EnvironmentFingerprint, new: EnvironmentFingerprint) -> str:
    """What changed, as in "Python 3.11.7 -> 3.12.1, torch 2.6.0 -> 2.13.0"; empty when nothing did."""
    before, now = old.parts(), new.parts()
    changes = []
    for label in [*now, *(label for label in before if label not in now)]:
        was, is_now = before.get(label), now.get(label)
        if was is None:
            changes.append(f"{label} {is_now} is new")
        elif is_now is None:
            changes.append(f"{label} {was} is gone")
        elif was != is_now:
            changes.append(f"{label} {was} -> {is_now}")
    return ", ".join(changes)


def _digest(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=12).hexdigest()

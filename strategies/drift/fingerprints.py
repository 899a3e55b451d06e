"""Fingerprints of what a model is trained from and on: its data, its code, its environment.

Two fingerprints with the same `key()` mean that nothing changed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace


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
    """Content of the training code: hashes by file, and the last commit that changed code in its folder, if any.

    `imported`: hashes of what the `files` import. None in records of earlier versions, which did not look.
    """

    files: tuple[tuple[str, str], ...]
    commit: str | None
    imported: tuple[tuple[str, str], ...] | None = None

    def key(self) -> str:
        """A short name of this content."""
        return _digest([self.files, self.commit, self.imported] if self.imported else [self.files, self.commit])

    def key_of_named(self) -> str:
        """A short name of the named files and the commit alone, as earlier versions knew it."""
        return replace(self, imported=None).key()

    def hashes(self) -> dict[str, str]:
        """All hashes by file."""
        return dict((*self.files, *(self.imported or ())))

    def to_json(self) -> str:
        """The fingerprint as JSON."""
        fields = asdict(self)
        if self.imported is None:
            del fields["imported"]
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> "CodeFingerprint":
        """The fingerprint that `to_json` wrote."""
        content = json.loads(text)
        imported = content.get("imported")
        return cls(_pairs(content["files"]), content["commit"], None if imported is None else _pairs(imported))


def comparable_code(old: CodeFingerprint, new: CodeFingerprint) -> tuple[CodeFingerprint, CodeFingerprint]:
    """Both as far as they can be compared: without what is imported, where one does not know that."""
    if (old.imported is None) == (new.imported is None):
        return old, new
    return replace(old, imported=None), replace(new, imported=None)


def is_same_code(old: CodeFingerprint, new: CodeFingerprint) -> bool:
    """Whether the training code is the same, as far as both know it."""
    before, now = comparable_code(old, new)
    return before.key() == now.key()


UNKNOWN = "unknown"
"""The interpreter of a command of which nobody knows what Python it runs, if any."""


@dataclass(frozen=True, slots=True)
class EnvironmentFingerprint:
    """Software and hardware as the model's own interpreter sees them.

    `interpreter`: of a command, the Python that it was found to run, or UNKNOWN; empty for a recipe, and for a command
    of an earlier version of retuned, which looked at its own Python instead.
    """

    python: str
    platform: str
    machine: str
    cpu: str
    cores: int
    memory_bytes: int
    packages: tuple[tuple[str, str], ...]
    gpus: tuple[str, ...]
    interpreter: str = ""

    @property
    def has_software(self) -> bool:
        """Whether Python and packages are known."""
        return self.interpreter != UNKNOWN

    def parts(self) -> dict[str, str]:
        """What counts as a change, by label; memory in whole GiB, because kernels keep differing shares of it."""
        parts = {"Python": self.python, **dict(self.packages)} if self.has_software else {}
        parts |= {"platform": self.platform, "machine": self.machine}
        parts |= {"CPU": self.cpu, "cores": str(self.cores), "memory": f"{round(self.memory_bytes / 2**30)} GiB"}
        return parts | ({"GPU": ", ".join(self.gpus)} if self.gpus else {})

    def key(self) -> str:
        """A short name of this environment."""
        return _digest(sorted(self.parts().items()))

    def to_json(self) -> str:
        """The fingerprint as JSON."""
        fields = asdict(self)
        if not self.interpreter:
            del fields["interpreter"]
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> "EnvironmentFingerprint":
        """The fingerprint that `to_json` wrote."""
        content = json.loads(text)
        content["packages"] = tuple((name, version) for name, version in content["packages"])
        content["gpus"] = tuple(content["gpus"])
        return cls(**content)


def describe_change(old: EnvironmentFingerprint, new: EnvironmentFingerprint) -> str:
    """What changed, as in "Python 3.11.7 -> 3.12.1, torch 2.6.0 -> 2.13.0"; empty when nothing did."""
    before, now = compared_parts(old, new)
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


def is_same_software_seen(old: EnvironmentFingerprint, new: EnvironmentFingerprint) -> bool:
    """Whether Python and packages of both are known, and of the interpreters that trained."""
    return old.has_software and new.has_software and bool(old.interpreter) == bool(new.interpreter)


def compared_parts(
    old: EnvironmentFingerprint, new: EnvironmentFingerprint
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The parts of both that can be compared: without Python and packages, where those of one are not known."""
    if is_same_software_seen(old, new):
        return old.parts(), new.parts()
    return replace(old, interpreter=UNKNOWN).parts(), replace(new, interpreter=UNKNOWN).parts()


def _pairs(content: Iterable[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, digest) for name, digest in content)


def _digest(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=12).hexdigest()

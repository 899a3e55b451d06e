"""What makes a model due besides its dates: data, code or environment that changed since its last campaign.

Each function compares then and now and returns the change as text, empty where nothing that matters changed.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OFF, CHANGED = "off", "changed"
_LEADING_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)(?![\w.])")
_NAMED_LABELS = ("CPU", "GPU", "driver", "machine", "Python", "torch")  # the order in which changes are listed


@dataclass(frozen=True, slots=True)
class DataState:
    """What is known about the data: lines of its text files (None: not text), size in bytes and a hash of the content;
    or `reported`, the output of the owner's own fingerprint command."""

    rows: int | None = None
    size_bytes: int = 0
    content: str = ""
    reported: str | None = None


@dataclass(frozen=True, slots=True)
class CodeState:
    """Hashes of the training code by file name, and the last commit that changed code in its folder."""

    files: Mapping[str, str]
    commit: str | None


def data_change(before: DataState, now: DataState, rule: str) -> str:
    """How the data changed under the rule: "off", "changed", or growth such as "20%".

    Growth is that of rows, of bytes where there are none, or of the number at the start of the command's output. If
    the output does not start with a number, any different output is a change.
    """
    if rule == OFF:
        return ""
    if before.reported is not None and now.reported is not None:
        return _reported_change(before.reported, now.reported, rule)
    if rule == CHANGED:
        return "" if before.content == now.content else f"the content of the data changed{_rows(before, now)}"
    if before.rows and now.rows is not None:
        return _growth(before.rows, now.rows, rule, unit=" rows")
    return _growth(before.size_bytes, now.size_bytes, rule, unit=" bytes")


def data_as_before(before: DataState, now: DataState, rule: str) -> str:
    """What to say of data without a change that counts: "unchanged", or what changed and why it does not count."""
    if before.reported is not None and now.reported is not None:
        is_same = before.reported == now.reported
        sizes = f"{_short(before.reported)} -> {_short(now.reported)}"
    else:
        is_same = before.content == now.content
        rows = bool(before.rows) and now.rows is not None
        sizes = (
            f"{before.rows:,} -> {now.rows:,} rows" if rows else f"{before.size_bytes:,} -> {now.size_bytes:,} bytes"
        )
    return "unchanged" if is_same else f"changed, but did not grow by {rule} ({sizes})"


def code_change(before: CodeState, now: CodeState) -> str:
    """Which files of the training code changed; an edited file always counts, a commit where both are known."""
    changed = [name for name in now.files if before.files.get(name) != now.files[name]]
    gone = [name for name in before.files if name not in now.files]
    has_moved = bool(before.commit and now.commit and before.commit != now.commit)
    commits = f" (commit {(before.commit or '')[:7]} -> {(now.commit or '')[:7]})" if has_moved else ""
    if changed or gone:
        return f"{_listed([*changed, *gone])} changed{commits}"
    return f"the code in its folder changed{commits}" if has_moved else ""


def environment_change(
    before: Mapping[str, str], now: Mapping[str, str], gpus_before: Sequence[str], gpus_now: Sequence[str],
    packages: Sequence[str] = (),
) -> str:  # fmt: skip
    """What changed in CPU, GPUs and their driver, Python (minor version), torch and the chosen packages.

    `before` and `now` are versions and hardware by label; each GPU is "model, memory, driver". The kernel, memory and
    the number of cores are ignored: they change too often, and for too many reasons, to re-train for.
    """
    then, today = _counted(before, gpus_before, packages), _counted(now, gpus_now, packages)
    labels = [label for label in (*_NAMED_LABELS, *packages) if then.get(label) != today.get(label)]
    changes = []
    for label in dict.fromkeys(labels):
        was, is_now = then.get(label), today.get(label)
        if label == "GPU" or (was is not None and is_now is not None):
            changes.append(f"{label} {was or 'none'} -> {is_now or 'none'}")
    return ", ".join(changes)


def watched(data: str, code: bool, environment: bool, has_data: bool) -> str:
    """What is watched for changes, as text; empty where nothing is."""
    growth = "any change" if data == CHANGED else f"grown by {data}"
    parts = [f"data ({growth})"] if has_data and data != OFF else []
    parts += ["code"] * code + ["environment"] * environment
    return _listed(parts)


def _reported_change(before: str, now: str, rule: str) -> str:
    source = " according to the fingerprint command"
    numbers = [_LEADING_NUMBER.match(text) for text in (before, now)]
    if rule != CHANGED and numbers[0] and numbers[1]:
        return _growth(float(numbers[0][1]), float(numbers[1][1]), rule, source=source)
    return "" if before == now else f"the data changed{source}: {_short(before)} -> {_short(now)}"


def _growth(before: float, now: float, rule: str, *, unit: str = "", source: str = "") -> str:
    wanted = float(rule.removesuffix("%"))
    if before <= 0:
        return f"the data grew from nothing to {now:,.0f}{unit}{source}" if now > 0 else ""
    grown = 100.0 * (now - before) / before
    return f"the data grew by {grown:.0f}%{source} ({before:,.0f} -> {now:,.0f}{unit})" if grown >= wanted else ""


def _rows(before: DataState, now: DataState) -> str:
    return f" ({before.rows:,} -> {now.rows:,} rows)" if before.rows and now.rows and before.rows != now.rows else ""


def _counted(parts: Mapping[str, str], gpus: Sequence[str], packages: Sequence[str]) -> dict[str, str]:
    """The versions and hardware that count by label, with GPUs as "2 x MODEL" and Python without its patch version."""
    counted = {label: parts[label] for label in ("CPU", "machine", "torch", *packages) if label in parts}
    if "Python" in parts:
        counted["Python"] = ".".join(parts["Python"].split(".")[:2])
    fields = [[field.strip() for field in gpu.split(",")] for gpu in gpus]
    models = Counter(gpu[0] for gpu in fields)
    if models:
        counted["GPU"] = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in sorted(models.items()))
    drivers = sorted({gpu[2] for gpu in fields if len(gpu) > 2})
    return counted | ({"driver": ", ".join(drivers)} if drivers else {})


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:3]) + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 40 else line[:37] + "...")

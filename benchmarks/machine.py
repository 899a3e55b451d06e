"""What every result file says first: the command, the day, the machine and the versions.

python benchmarks/machine.py        prints it
"""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
PACKAGES = ("retuned", "numpy", "scipy", "torch", "scikit-learn", "schedulefree", "prodigyopt", "optuna")


def header(command: str, date: str = "", packages: Sequence[str] = ()) -> dict[str, Any]:
    """The head of a result file; `date` stands for today when it is given. `packages`: further ones that matter."""
    return {
        "command": command,
        "date": date or datetime.now(UTC).date().isoformat(),
        "machine": {"cpu": _cpu_model(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in (*PACKAGES, *packages)}},
    }


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a result file and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(f"\nwritten to {path}")


def kept_in(file: Path | None, make: Callable[[], T]) -> T:
    """What `make` gives, as JSON can hold it; a file that is there has it from an earlier run. None: it is not kept."""
    if file is not None and file.exists():
        known: T = json.loads(file.read_text())
        return known
    made = make()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made))
    return made


def print_table(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table with a column for each key, to the right."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([_shown(row.get(key, "")) for key in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    print(f"\n{name}")
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)), flush=True)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    facts: Mapping[str, str] = {}
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return facts.get("model name") or platform.processor() or "unknown"


if __name__ == "__main__":
    print(json.dumps(header("python benchmarks/machine.py"), indent=1))

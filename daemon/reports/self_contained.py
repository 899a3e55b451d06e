"""Self-contained pages: one HTML file with the script of its figures inside, which fetches nothing."""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from ...strategies.errors import InputError
from ...strategies.words import readable


def plotly_script() -> str:
    """The source of plotly.js as installed with the package; its Python side is not loaded."""
    return files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")


def script_json(value: object) -> str:
    """The value as JSON that is safe inside a script element, whatever its texts contain; these are cleaned."""
    return json.dumps(_cleaned(value), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return readable(value, keep="\n")
    if isinstance(value, Mapping):
        return {name: _cleaned(part) for name, part in value.items()}
    return [_cleaned(part) for part in value] if isinstance(value, list | tuple) else value


def plot_text(text: str) -> str:
    """A text as plotly.js shows it: it reads tags and entities in labels, so the owner's texts are escaped."""
    return html.escape(text, quote=False)


def content_policy(*scripts: str) -> str:
    """A Content-Security-Policy under which only these scripts run and nothing is fetched.

    Styles are inline because plotly.js writes them into the page; images are those that it draws itself.
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def check_target(path: Path, option: str, suffixes: tuple[str, ...], example: str) -> None:
    """Raise InputError for a file of an unknown kind, or one in a folder that does not exist."""
    if path.suffix not in suffixes:
        raise InputError(f"{option} {path} is of no known kind", f"allowed: {', '.join(suffixes)}", example)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", "", "create it, or name another file")


def cannot_write(path: Path, error: OSError) -> InputError:
    """The error for a file that cannot be written."""
    return InputError(f"{path} cannot be written: {error.strerror}", "", "name another file")

"""The doctor's findings for people."""

from collections.abc import Sequence

from rich.console import Console

from ...strategies.words import readable
from ..upkeep.doctor_findings import Finding
from .screen import Text

SIGNS = {"ok": ("ok     ", "green"), "warning": ("warning", "yellow"), "error": ("ERROR  ", "red")}


def show_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print what `retuned doctor` shows: a line for each finding, and what to do below it."""
    for finding in findings:
        sign, colour = SIGNS[finding.level]
        out.print(Text.assemble((sign, colour), readable(f" {finding.part}: {finding.sentence}")))
        if finding.remedy and finding.level != "ok":
            out.print(Text(f"        {finding.remedy}"))

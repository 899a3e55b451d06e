"""What keeps a script from being given a second file by a patch."""

import ast
import re

from .constants import last_name
from .rows_in_place import MOVES_ROWS, is_cut
from .second_file import READERS
from .syntax import read_syntax

_OF_NO_TABLE = re.compile(r"path\.join\(|['\"]\.join\(|\b(losses|scores|results|rows|history|lines)\.append\(")


def why_not_sure(source: str) -> str:
    """What keeps `with_second_file` from changing a script, as a clause; "" where that is not one of the few things
    that it can name."""
    return read_syntax(source, lambda tree: _why(tree, source), "")


def _why(tree: ast.Module, source: str) -> str:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    reads = sorted(call.lineno for call in calls if last_name(call.func) in READERS)
    cuts = sorted(call.lineno for call in calls if is_cut(call))
    called = {last_name(call.func) for call in calls}
    if "parse_args" not in called:
        return "its arguments are read in part" if "parse_known_args" in called else "no argparse is seen in it"
    if not cuts and "split" in called and any(isinstance(node, ast.For) for node in ast.walk(tree)):
        return "a split in a loop is not known, next(....split(...)) is"
    for lines, what, none in (
        (reads, "reads {} tables", "no table is read by pandas"),
        (cuts, "cuts {} times", "it cuts neither by train_test_split nor by the numbers of a split of scikit-learn"),
    ):
        if len(lines) != 1:
            places = f"{', '.join(map(str, lines[:-1]))} and {lines[-1]}" if lines else ""
            return f"it {what.format(len(lines))}, in lines {places}" if lines else none
    between = list(enumerate(source.split("\n"), start=1))[reads[0] - 1 : cuts[0]]
    moved = (number for number, line in between if MOVES_ROWS.search(line) and not _OF_NO_TABLE.search(line))
    return next((f"line {number} may move rows" for number in moved), "")

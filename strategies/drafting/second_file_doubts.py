"""What keeps a script from being given a second file by a patch."""

import ast
import warnings

from .constants import last_name
from .second_file import MOVES_ROWS, READERS, is_cut


def why_not_sure(source: str) -> str:
    """What keeps `with_second_file` from changing a script, as a clause; "" where that is not one of the few things
    that it can name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    reads = sorted(call.lineno for call in calls if last_name(call.func) in READERS)
    cuts = sorted(call.lineno for call in calls if is_cut(call))
    if not any(last_name(call.func) == "parse_args" for call in calls):
        return "no argparse is seen in it"
    for lines, what, none in (
        (reads, "reads {} tables", "no table is read by pandas"),
        (cuts, "cuts {} times", "it cuts neither by train_test_split nor by the numbers of a split of scikit-learn"),
    ):
        if len(lines) != 1:
            places = f"{', '.join(map(str, lines[:-1]))} and {lines[-1]}" if lines else ""
            return f"it {what.format(len(lines))}, in lines {places}" if lines else none
    moved = next((n for n, line in enumerate(source.split("\n"), start=1) if MOVES_ROWS.search(line)), None)
    return "" if moved is None else f"line {moved} may move rows"

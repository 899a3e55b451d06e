"""Whether the rows that a script reads are still in their places where it cuts them."""

import ast
import re

from .constants import last_name

MOVES_ROWS = re.compile(
    r"\b(reset_index|sample|sort_values|sort_index|set_index|shuffle|permutation|merge|join|groupby|explode|pivot\w*"
    r"|melt|stack|unstack|resample|shift|rolling|diff|cumsum|concat|append|argsort|lexsort|nlargest|nsmallest|take"
    r"|reindex)\(|\bignore_index\s*=|\.index\s*=(?!=)"
)
"""What between reading and cutting would leave the rows of the second file in other places, or mix rows."""
FILTERS = re.compile(
    r"\.(dropna|query|drop_duplicates|head|tail)\(|\[[^\[\]]*([<>]|[!=]=|~|\.isin\(|\.not(na|null)\(|\.is(na|null)\()"
)
"""What leaves rows out; of the table itself that does no harm, since its rows keep their numbers."""
_KEEPS_ROWS = frozenset({"drop", "fillna", "astype", "copy", "assign", "rename", "select_dtypes", "get_dummies"})


def is_cut(call: ast.Call) -> bool:
    """Whether a call cuts a table into rows to train on and rows to score on."""
    inner = call.args[0] if last_name(call.func) == "next" and len(call.args) == 1 else None
    by_number = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "split"
    return by_number or last_name(call.func) == "train_test_split"


def leaves_out(between: str, frame: str) -> bool:
    """Whether something but the table itself gets some of its rows."""
    own = re.compile(rf"\s*{re.escape(frame)}(\.loc)?\s*(=(?!=)|\[)")
    return any(FILTERS.search(line) and not own.match(line) for line in between.split("\n"))


def in_one_block(scope: ast.AST, first: ast.stmt, second: ast.stmt) -> bool:
    """Whether both statements stand in one list of statements: where one is run the other is, too."""
    blocks = (getattr(node, part, None) for node in ast.walk(scope) for part in ("body", "orelse", "finalbody"))
    return any(first in block and second in block for block in blocks if isinstance(block, list))


def rows_of(scope: ast.AST, cut: ast.Call, frame: str, *, has_loc: bool) -> str:
    """The name of what is cut, whose index holds the rows: the table, or what has all of its rows; "" where that is not
    sure. A cut by train_test_split counts the rows of the table."""
    if last_name(cut.func) == "train_test_split":
        return frame
    inner = cut.args[0]
    split = inner.args[0] if isinstance(inner, ast.Call) and inner.args else None
    if not isinstance(split, ast.Name) or has_loc:
        return ""
    stored = [node for node in ast.walk(scope) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    given = [one.value for one in ast.walk(scope) if isinstance(one, ast.Assign) and len(one.targets) == 1
             and isinstance(one.targets[0], ast.Name) and one.targets[0].id == split.id]  # fmt: skip
    is_derived = len(given) == 1 == sum(node.id == split.id for node in stored) and _has_all_rows(given[0], frame)
    return split.id if split.id == frame or is_derived else ""


def _has_all_rows(node: ast.expr, frame: str) -> bool:
    """Whether an expression is the table, or some of its columns."""
    if isinstance(node, ast.Name):
        return node.id == frame
    if isinstance(node, ast.Subscript):
        names = [part for part in ast.walk(node.slice) if isinstance(part, ast.Name)]
        is_of_columns = isinstance(node.slice, ast.List) or (bool(names) and all(one.id.isupper() for one in names))
        return is_of_columns and _has_all_rows(node.value, frame)
    if not isinstance(node, ast.Call) or last_name(node.func) not in _KEEPS_ROWS:
        return False
    given = {word.arg for word in node.keywords}
    if last_name(node.func) == "drop" and not given & {"columns", "axis"}:
        return False
    if last_name(node.func) == "get_dummies":
        return bool(node.args) and _has_all_rows(node.args[0], frame)
    return isinstance(node.func, ast.Attribute) and _has_all_rows(node.func.value, frame)

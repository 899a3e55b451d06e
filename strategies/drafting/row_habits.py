"""What a Python program does with its rows: whether it cuts them in time or by group, and its training rows again."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .constants import last_name
from .syntax import read_syntax

TIMES = re.compile(r"(?i).*\b(date|time|timestamp|datetime|ts|day|month|year|when)\b.*|.*_(at|ts|date|time)")
GROUPS = re.compile(r"(?i)(.*_)?(id|customer|user|patient|group|subject|session|household|store|account|site|station)")
UNKNOWN = "?"
"""A column whose rows the program keeps together, where nothing says which."""
_OF_A_CYCLE = re.compile(r"(?i).*(day_?of|week_?day|month_?of|hour|minute|duration|delay|elapsed).*")
_BY_GROUP = frozenset({"GroupShuffleSplit", "GroupKFold", "StratifiedGroupKFold", "LeaveOneGroupOut"})
_HOLDS_BACK = frozenset({"HistGradientBoostingRegressor", "HistGradientBoostingClassifier"})
"""Boosting of scikit-learn that holds rows back by itself, from 10,000 rows on, unless told not to."""


@dataclass(frozen=True, slots=True)
class RowHabits:
    """The columns by which a program cuts ("" for none, UNKNOWN for groups of an unknown column), and whether it holds
    back a part of its training rows, to stop early, say."""

    time_cut: str = ""
    group_cut: str = ""
    cuts_again: bool = False


def row_habits(source: str, columns: Sequence[str]) -> RowHabits:
    """What the source says, of a table with these columns; nothing for what is no Python."""

    def read(tree: ast.Module) -> RowHabits:
        return RowHabits(_time_cut(tree, columns), _group_cut(tree, columns), _cuts_again(tree))

    return read_syntax(source, read, RowHabits())


def is_time(column: str) -> bool:
    """Whether a column's name says that it holds moments."""
    is_named_so = TIMES.fullmatch(column.replace("_", " ")) or TIMES.fullmatch(column)
    return bool(is_named_so) and not _OF_A_CYCLE.fullmatch(column)


def _time_cut(tree: ast.Module, columns: Sequence[str]) -> str:
    """The column of moments at one of which the rows are cut: both sides of it are taken, by two comparisons or a mask
    and its opposite, or the rows are sorted by it and cut without shuffling."""
    masks = {name: found for name, value in _assigned(tree) if (found := _compared(value)) is not None}
    sides: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            chosen, is_other = node.slice, False
            if isinstance(chosen, ast.UnaryOp) and isinstance(chosen.op, ast.Invert):
                chosen, is_other = chosen.operand, True
            found = masks.get(chosen.id) if isinstance(chosen, ast.Name) else _compared(chosen)
            if found is not None:
                column, side = found
                sides.setdefault(column, set()).add({"<": ">", ">": "<"}[side] if is_other else side)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    in_order = any(last_name(call.func) == "TimeSeriesSplit" or _keyword(call, "shuffle") is False for call in calls)
    ordered = {
        column for call in calls if in_order and last_name(call.func) == "sort_values" for column in _texts(call)
    }
    return next((one for one in columns if is_time(one) and (len(sides.get(one, ())) > 1 or one in ordered)), "")


def _group_cut(tree: ast.Module, columns: Sequence[str]) -> str:
    """The column whose rows of one value are kept together."""
    if not any(last_name(node) in _BY_GROUP for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)):
        return ""
    values = dict(_assigned(tree))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) == "split"):
        named = [word.value for word in call.keywords if word.arg == "groups"] or call.args[2:3]
        for node in named:
            whole = values.get(node.id, node) if isinstance(node, ast.Name) else node
            column = _column(whole)
            if column in columns:
                return column
    return UNKNOWN


def _cuts_again(tree: ast.Module) -> bool:
    """Whether some call holds training rows back. A cut under a condition is that of a script without a second file."""
    conditional = {
        id(node) for branch in ast.walk(tree) if isinstance(branch, ast.If) and not _is_main(branch)
        for node in ast.walk(branch)
    }  # fmt: skip
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name, stops = last_name(call.func), _keyword(call, "early_stopping")
        given = {word.arg for word in call.keywords}
        cuts = name == "train_test_split" and None not in given and id(call) not in conditional
        if cuts or stops is True or given & {"validation_fraction", "validation_split"}:
            return True
        if name == "random_split" or (name in _HOLDS_BACK and stops is not False):
            return True
    return False


def _is_main(branch: ast.If) -> bool:
    test = branch.test
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _compared(node: ast.expr) -> tuple[str, str] | None:
    """The column that a condition compares, and the side that it takes."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    less, more = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)
    sign = "<" if isinstance(node.ops[0], less) else ">" if isinstance(node.ops[0], more) else ""
    left, right = _column(node.left), _column(node.comparators[0])
    if not sign or bool(left) is bool(right):
        return None
    return (left, sign) if left else (right, {"<": ">", ">": "<"}[sign])


def _column(node: ast.expr) -> str:
    """The name of frame["column"] and frame.column; "" for anything else."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    if isinstance(node, ast.Attribute) and node.attr in ("values", "array"):
        return _column(node.value)
    return node.attr if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""


def _keyword(call: ast.Call, name: str) -> object:
    """The constant that a call is given under a name; None for none."""
    return next(
        (word.value.value for word in call.keywords if word.arg == name and isinstance(word.value, ast.Constant)), None
    )


def _texts(call: ast.Call) -> list[str]:
    """All texts among the arguments of a call."""
    parts = [*call.args, *(word.value for word in call.keywords if word.arg == "by")]
    found = [node.value for part in parts for node in ast.walk(part) if isinstance(node, ast.Constant)]
    return [text for text in found if isinstance(text, str)]

"""Prints of a number under a name that no table of metrics has."""

import ast
import itertools
import re
from collections.abc import Iterator

from .constants import last_name
from .metric_names import is_metric, may_be_one
from .program import MetricSight

_FINE = re.compile(r"[+ -]?\d*\.\d+[efgEFG%]?")
"""The format of a number that is measured, not counted; with a comma between thousands no pattern would read it."""
_HOLE = re.compile(r"%[-+ #0]*\d*\.\d+l?[eEfFgG]|\{\w*:" + _FINE.pattern + r"\}")
_LONGEST = 80  # letters before a number, among which its name is looked for
_NAME_AT_END = re.compile(r"([A-Za-z][\w@./ -]{0,40}?)[ \t]*([:=])[ \t]*[$€£]?$")


def unknown_prints(tree: ast.Module) -> tuple[MetricSight, ...]:
    """The prints of "name: number" or "name=number" with digits behind the point, in the order of the source."""
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) in ("print", "info")
    ]
    found = [sight for call in calls for argument in call.args for sight in _of(argument)]
    found += [
        sight
        for call in calls
        for text, value in itertools.pairwise(call.args)
        if isinstance(text, ast.Constant) and isinstance(value, ast.Call) and last_name(value.func) == "round"
        for sight in _named(str(text.value)[-_LONGEST:], call.lineno)
    ]
    return tuple(sorted(found, key=lambda sight: sight.line))


def _of(node: ast.expr) -> Iterator[MetricSight]:
    if isinstance(node, ast.JoinedStr):
        for before, value in itertools.pairwise(node.values):
            if isinstance(before, ast.Constant) and isinstance(value, ast.FormattedValue) and _is_fine(value):
                yield from _named(str(before.value)[-_LONGEST:], node.lineno)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        yield from _of(node.left)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield from _of(node.func.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        for hole in _HOLE.finditer(node.value):
            yield from _named(node.value[max(0, hole.start() - _LONGEST) : hole.start()], node.lineno)


def _is_fine(value: ast.FormattedValue) -> bool:
    """Whether the number has digits behind the point."""
    spec = value.format_spec
    parts = spec.values if isinstance(spec, ast.JoinedStr) else []
    if any(isinstance(part, ast.Constant) and _FINE.fullmatch(str(part.value)) for part in parts):
        return True
    call = value.value
    return isinstance(call, ast.Call) and last_name(call.func) == "round"


def _named(before: str, line: int) -> Iterator[MetricSight]:
    match = _NAME_AT_END.search(before)
    if match is None:
        return
    name = re.split(r"[ \t]{2,}|, | - ", match[1])[-1].strip(" -./")
    if may_be_one(name) and not is_metric(name):
        pattern = rf"(?<![\w-]){re.escape(name).replace(chr(92) + ' ', ' ')}[ \t]*{match[2]}[ \t]*[$€£]?([-+.\w]+)"
        yield MetricSight(re.sub(r"[^\w@-]+", "_", name), line, "print", pattern)

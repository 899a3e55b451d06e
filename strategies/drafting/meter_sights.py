"""Metrics that a Python program prints through a meter: an object that knows its name and keeps an average."""

import ast
import re
from collections.abc import Callable, Iterator

from .constants import last_name
from .metric_names import is_metric
from .program import MetricSight

_METER = re.compile(r"(?i)\w*(meter|metric\w*tracker|tracker)")
_LOGGER = re.compile(r"(?i)\w*(metric|meter)\w*")
_SHOWS = frozenset({"print", "info", "write", "log"})
_VALUE_AND_AVERAGE = re.compile(r"\{(\w+)\.val[^{}]*\} *\( *\{\1\.avg[^{}]*\} *\)")
_KEY_AND_VALUE = re.compile(r"^\s*\{[^{}]*\} *[:=] *\{[^{}]*\}\s*$")
_AVERAGE = r"(?:\S+ +\( *)?([^\s()]+)"  # of "0.31 (0.35)", which is value and average, the average

_FunctionOf = Callable[[ast.Call], str]


def meter_sights(calls: list[ast.Call], function_of: _FunctionOf) -> Iterator[MetricSight]:
    """The metrics of `AverageMeter("Acc@1", ":6.2f")`, of `MetricTracker("loss")` whose keys are printed, and of
    `metric_logger.update(loss=loss)` where the logger is printed.

    `function_of`: the function around a call, where it is called after held-out rows.
    """
    shown = {last_name(part) for call in calls if last_name(call.func) in _SHOWS for part in call.args}
    prefixes = _prefixes(calls)
    for call in calls:
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if _METER.fullmatch(last_name(call.func)):
            names = [name for name in _texts(call.args[:1] if not prefixes else call.args) if is_metric(name)]
            for name in names:
                yield from _named(name, call, prefixes, function_of(call))
        elif owner is not None and last_name(call.func) == "update" and last_name(owner) in shown:
            if not _LOGGER.fullmatch(last_name(owner)):
                continue
            names = [word.arg for word in call.keywords if word.arg and is_metric(word.arg)]
            yield from (_sight(name, "[:=]", call, function_of(call)) for name in names)


def averaged(text: str) -> str:
    """A text with holes in which a value that is followed by its average is the average alone."""
    return _VALUE_AND_AVERAGE.sub(r"{\1.avg}", text)


def shows_average(text: str) -> bool:
    """Whether the text prints a value and behind it its average, as "{loss.val:.4f} ({loss.avg:.4f})"."""
    return bool(_VALUE_AND_AVERAGE.search(text))


def with_average(pattern: str) -> str:
    """The pattern of a metric, which takes the average where one stands behind the value."""
    return pattern.removesuffix(r"(\S+)") + _AVERAGE


def _named(name: str, call: ast.Call, prefixes: tuple[str, ...], function: str) -> Iterator[MetricSight]:
    """The sights of a meter's name; with `prefixes` its keys are printed with and without them."""
    if not prefixes:
        yield _sight(name, "[:=]?", call, function)
        return
    for prefix in prefixes:
        yield _sight(f"{prefix}{name}", "[:=]", call, function)


def _sight(name: str, mark: str, call: ast.Call, function: str) -> MetricSight:
    escaped = re.escape(name).replace(r"\-", "-").replace(r"\ ", " ")
    pattern = rf"(?<![\w-]){escaped} *{mark} *{_AVERAGE}"
    return MetricSight(re.sub(r"[^\w@-]+", "_", name), call.lineno, "print", pattern, context=function)


def _prefixes(calls: list[ast.Call]) -> tuple[str, ...]:
    """What is put before the keys ("val_") of dictionaries that are printed as `key: value`; empty where none are."""
    if not any(_KEY_AND_VALUE.match(text) for call in calls for text in _formats(call)):
        return ()
    found = [
        part.left.value
        for call in calls
        for part in ast.walk(call)
        if isinstance(part, ast.BinOp) and isinstance(part.left, ast.Constant) and isinstance(part.left.value, str)
    ]
    return tuple(dict.fromkeys(text for text in found if re.fullmatch(r"(val|valid|test|eval|dev)[_/]", text)))


def _formats(call: ast.Call) -> Iterator[str]:
    """The text of `"{:15s}: {}".format(key, value)`, and of an f-string with holes."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "format":
        yield from _texts([call.func.value])
    for part in call.args:
        if isinstance(part, ast.JoinedStr):
            yield "".join(str(piece.value) if isinstance(piece, ast.Constant) else "{}" for piece in part.values)


def _texts(nodes: list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]

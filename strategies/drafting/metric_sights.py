"""Where a Python program seems to tell its metric: prints, log calls, report lines, JSON files, trackers."""

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from .constants import last_name
from .json_files import JsonFiles, counts, keys_of
from .meter_sights import averaged, meter_sights, shows_average, with_average
from .metric_names import is_metric, place_of, qualifies
from .program import MetricSight

_PRINTS = (
    "print echo secho write info warning debug error critical log success pprint set_postfix set_postfix_str "
    "set_description writerow"
)
_OWN_PRINT = re.compile(
    r"(?i)(?!.*(error|exception|parse)).*(print|progress|log_(str|text|line)|display|write_?line).*"
)
_TRACKERS = "log_metric log_metrics add_scalar add_scalars log_dict"
_NAME_AT_END = re.compile(r"([A-Za-z][\w@./ -]{0,40}?)([ \t'\"]*(?:[:=][ \t]*|[ \t]|\|[ \t]*))[$€£]?$")
_CONVERSION = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?l?[diouxXeEfFgGcrs]|\$?\{[^{}]*\}|\$\w+|\$\([^()]*\)")
_SAYS = re.compile(r"(?: (?:is|was|are|now|of|at))+$")
_EPOCH_AT_END = re.compile(r"([Ee]poch)\W*$")
_HOLE = "\0"
_MOST = 500
_Counters = frozenset[str]


def metric_sights(tree: ast.Module) -> tuple[MetricSight, ...]:
    """All places, in the order of the source."""
    counters = frozenset(_counters(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    files, inside = JsonFiles(tree), _functions_that_evaluate(tree)
    found = [sight for call in calls for sight in _of_call(call, counters, files, inside.get(id(call), ""))]
    found += meter_sights(calls, lambda call: inside.get(id(call), ""))
    return tuple(sorted(found, key=lambda sight: sight.line)[:_MOST])


def sights_in_text(line: str, number: int, *, goes_on: bool = False) -> Iterator[MetricSight]:
    """What a text with holes ("epoch %d: val_loss=%.4f") tells; `goes_on`: a value follows it."""
    yield from _of_holes(line, number, "", goes_on=goes_on)


def _of_holes(line: str, number: int, said: str, *, goes_on: bool = False) -> Iterator[MetricSight]:
    """The same; `said`: what stands before the text."""
    if shows_average(line):
        sights = _of_holes(averaged(line), number, said, goes_on=goes_on)
        yield from (replace(sight, pattern=with_average(sight.pattern)) for sight in sights)
        return
    parts = _CONVERSION.sub(_HOLE, line).split(_HOLE)
    for before, after in zip(parts, [*parts[1:], ""], strict=True) if goes_on else itertools.pairwise(parts):
        said += before
        if not after.startswith("/"):  # 9913/10000 is no number
            yield from _at_end(before, number, said)


def _of_call(call: ast.Call, counters: _Counters, files: JsonFiles, function: str) -> list[MetricSight]:
    """What a call tells; `function`: the one around it, where it is called after held-out rows."""
    called = last_name(call.func)
    if called == "dump":
        return files.sights(call)
    if called in _TRACKERS.split() or (called == "log" and not _prints_text(call)):
        return [MetricSight(name, call.lineno, "log") for name in _tracked(call) if is_metric(name)]
    if called not in _PRINTS.split() and not _OWN_PRINT.fullmatch(called):
        return []
    reports = [sight for argument in call.args for sight in (*_report(argument, files), *_shown(argument, files))]
    if reports:
        return reports
    found, said = [], f"{function} "
    for argument in call.args:
        found += list(_of_text(argument, call.lineno, counters, said))
        said += f"{_plain_text(argument)} "
    if called in ("writerow", "write"):
        found += [sight for argument in call.args for sight in _header(argument)]
    if called == "set_postfix":
        found += [_printed(word.arg, "=", call.lineno) for word in call.keywords if word.arg and is_metric(word.arg)]
    return found + _of_pairs(call, f"{function} ")


def _functions_that_evaluate(tree: ast.Module) -> dict[int, str]:
    """The name of the function around each call, by the call's identity, of those named after held-out rows."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and place_of(node.name) > 0]
    return {id(node): function.name for function in functions for node in ast.walk(function)}


def _shown(node: ast.expr, files: JsonFiles) -> list[MetricSight]:
    """The metrics of a dictionary that is printed as Python shows it."""
    keys = [key for key in keys_of(files.literal(node)) if "." not in key and is_metric(key)]
    number = r"(?:np\.float\d+\()?([-+.\w]+)"
    return [MetricSight(key, node.lineno, "print", pattern=rf"'{re.escape(key)}': *{number}") for key in keys]


def _plain_text(node: ast.expr) -> str:
    """The words of an argument, without what is put into them."""
    parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return " ".join(part for part in parts if isinstance(part, str))


def _report(node: ast.expr, files: JsonFiles) -> list[MetricSight]:
    """The metrics of a report line: json.dumps({"step": ..., "metrics": {...}}); of another object a pattern."""
    if not isinstance(node, ast.Call) or last_name(node.func) != "dumps" or not node.args:
        return []
    keys = keys_of(files.literal(node.args[0]))
    inside = [key.removeprefix("metrics.") for key in keys if key.startswith("metrics.")]
    if inside:
        return [MetricSight(name, node.lineno, "report") for name in inside]
    names = [key.rpartition(".")[2] for key in keys if counts(key)]
    return [MetricSight(name, node.lineno, "print", pattern=rf'"{re.escape(name)}": *([-+.\w]+)') for name in names]


def header_sights(names: list[str], line: int) -> list[MetricSight]:
    """The metrics among the columns of a table that is written; a single column is none."""
    names = [name.strip() for name in names]
    if len(names) < 2 or not all(re.fullmatch(r"[A-Za-z][\w ./-]{0,40}", name) for name in names):
        return []
    return [MetricSight(name, line, "file", column=name) for name in names if is_metric(name)]


def _header(node: ast.expr) -> list[MetricSight]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return header_sights(node.value.strip().split(","), node.lineno)
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return header_sights(texts, node.lineno) if len(texts) == len(parts) else []


def _of_text(node: ast.expr, line: int, counters: _Counters, said: str) -> Iterator[MetricSight]:
    """An f-string, "..." % values or "...".format(values); `said`: what the call says before it."""
    if isinstance(node, ast.JoinedStr):
        yield from _of_f_string(node, line, counters, said)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        yield from _of_text(node.left, line, counters, said)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield from _of_text(node.func.value, line, counters, said)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _of_holes(node.value, line, said)


def _of_f_string(node: ast.JoinedStr, line: int, counters: _Counters, said: str) -> Iterator[MetricSight]:
    step, before = "", ""
    for part, after in itertools.zip_longest(node.values, node.values[1:]):
        if isinstance(part, ast.Constant):
            before = str(part.value)
            said += before
            continue
        epoch = _EPOCH_AT_END.search(before)
        if epoch is not None and isinstance(part, ast.FormattedValue) and _counts_from_1(part.value, counters):
            step = rf"{epoch[1]}\W*(?P<step>\d+).*"
        if not (isinstance(after, ast.Constant) and str(after.value).startswith("/")):
            yield from _at_end(before, line, said, step) or _by_variable(before, part, line, step)
        before = ""


def _of_pairs(call: ast.Call, said: str) -> list[MetricSight]:
    """print("val_loss", loss) and print("val_loss:", loss)."""
    found = []
    for text, value in zip(call.args, call.args[1:], strict=False):
        is_value = not isinstance(value, ast.Constant | ast.JoinedStr)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and is_value and "%" not in text.value:
            found += list(_at_end(text.value.rstrip() + " ", call.lineno, said + text.value))
    return found


def _counters(tree: ast.Module) -> Iterator[str]:
    """The variables of loops that count from 1."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Call):
            call, target = node.iter, node.target
            numbers = [part.value for part in ast.walk(call) if isinstance(part, ast.Constant)]
            if last_name(call.func) in ("range", "trange", "tqdm", "enumerate") and 1 in numbers[:1]:
                first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
                yield from [first.id] if isinstance(first, ast.Name) else []


def _counts_from_1(node: ast.expr, counters: _Counters) -> bool:
    """Whether a printed number of an epoch begins with 1, as reports count."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(node.right, ast.Constant):
        return node.right.value == 1
    return isinstance(node, ast.Name) and node.id in counters


def _at_end(before: str, line: int, said: str, step: str = "") -> list[MetricSight]:
    """The metric that a text's last words name; `said`: all that was said up to there."""
    match = _NAME_AT_END.search(before)
    if match is None:
        return []
    name = re.split(r"[ \t]{2,}|, ", match[1])[-1].strip(" -./")
    while " " in name and is_metric(name.partition(" ")[2]) and not qualifies(name.partition(" ")[0]):
        name = name.partition(" ")[2]
    return [_printed(name, match[2], line, step, said[-400:])] if is_metric(name) else []


def _by_variable(before: str, value: ast.expr, line: int, step: str) -> list[MetricSight]:
    """The metric of f"valid {valid_loss}", which the words name by its rows alone."""
    match = _NAME_AT_END.search(before)
    name = last_name(value.value) if isinstance(value, ast.FormattedValue) else ""
    if match is None or not is_metric(name):
        return []
    rows = re.split(r"[ \t]+", match[1])[-1]
    if not qualifies(rows):
        return []
    return [replace(_printed(rows, match[2], line, step, before), name=name)]


def _printed(name: str, between: str, line: int, step: str = "", context: str = "") -> MetricSight:
    """A metric that is printed after its name; the name in the model file has no spaces."""
    mark = "[:=]" if re.search("[:=]", between) else r"\|" if "|" in between else ""
    quotes = "['\"]*" if re.search("['\"]", between) else ""
    sure = r"(?<![\w-])" if re.match(r"\w", name) else ""  # val_loss is no loss
    pattern = rf"{sure}{re.escape(name).replace(chr(92) + ' ', ' ').replace(chr(92) + '-', '-')}{quotes} *{mark}"
    text = rf"{pattern} *(\S+)" if mark else rf"{pattern.removesuffix(' *')} +(\S+)"
    curve = f"{step}{text}" if step else ""
    label = _SAYS.sub("", name)
    return MetricSight(re.sub(r"[^\w@-]+", "_", label), line, "print", text, curve, context=context)


def _tracked(call: ast.Call) -> list[str]:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [first.value]
    return [key.rpartition(".")[2] for key in keys_of(first)] if first is not None else []


def _prints_text(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.JoinedStr) for argument in call.args) or len(call.args) > 2

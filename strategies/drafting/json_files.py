"""The metrics in the JSON files that a Python program writes."""

import ast
from collections.abc import Iterator

from .constants import last_name
from .metric_names import is_metric
from .program import MetricSight


class JsonFiles:
    """What a source says of the dictionaries that it dumps, and of the files that it opens for them."""

    def __init__(self, tree: ast.Module) -> None:
        self._dictionaries = dict(_assigned(tree))
        self._opened = dict(_opened(tree))

    def sights(self, call: ast.Call) -> list[MetricSight]:
        """The metrics of json.dump(..., file)."""
        keys = [key for key in keys_of(self.literal(call.args[0])) if counts(key)] if call.args else []
        target = call.args[1] if len(call.args) > 1 else None
        path = self._opened.get(target.id) if isinstance(target, ast.Name) else _path_of(target)
        file, is_below = _said(path)
        return [
            MetricSight(key.rpartition(".")[2], call.lineno, "file", key=key, file=file, is_below=is_below)
            for key in keys
        ]

    def literal(self, node: ast.expr) -> ast.expr:
        """The dictionary that a variable was last set to; anything else as it is."""
        return self._dictionaries.get(node.id, node) if isinstance(node, ast.Name) else node


def keys_of(node: ast.AST, prefix: str = "", depth: int = 0) -> list[str]:
    """The dotted places of the numbers in a literal of dictionaries."""
    if not isinstance(node, ast.Dict) or depth > 5:
        return []
    found = []
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and 0 < len(key.value) <= 60:
            is_table = isinstance(value, ast.Dict)
            found += keys_of(value, f"{prefix}{key.value}.", depth + 1) if is_table else [f"{prefix}{key.value}"]
    return found


def counts(key: str) -> bool:
    """Whether a dotted place is that of a metric, by its name."""
    return is_metric(key) or is_metric(key.rpartition(".")[2])


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def _opened(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """The paths of `with open(path) as file`, by the name of the file."""
    for node in ast.walk(tree):
        for item in node.items if isinstance(node, ast.With) else ():
            if isinstance(item.optional_vars, ast.Name):
                yield item.optional_vars.id, _path_of(item.context_expr)


def _path_of(node: ast.expr | None) -> ast.expr | None:
    """The path in open(path) and path.open()."""
    if not isinstance(node, ast.Call) or last_name(node.func) != "open":
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.value
    return node.args[0] if node.args else None


def _said(path: ast.expr | None) -> tuple[str, bool]:
    """The path as far as the source says it, and whether that is its end alone; "" where it says nothing."""
    if isinstance(path, ast.Constant):
        return (path.value, False) if isinstance(path.value, str) else ("", False)
    parts = [] if path is None else [node for node in ast.walk(path) if isinstance(node, ast.Constant)]
    texts = [node.value for node in parts if isinstance(node.value, str)]
    names = [text.rpartition("/")[2] for text in texts if text.endswith(".json")]
    return (names[0], True) if len(names) == 1 else ("", False)

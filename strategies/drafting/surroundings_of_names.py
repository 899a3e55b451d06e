"""The names in a Python program, and what each of its values is handed to."""

import ast

from .constants import last_name
from .program import Surrounding, plain

_LONGEST = 60


def surrounding(tree: ast.Module) -> Surrounding:
    """All names that the program uses, and what is called with each of them."""
    words: set[str] = set()
    handed_to: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        words |= _names_of(node)
        if isinstance(node, ast.Call) and (called := last_name(node.func)) and called != "add_argument":
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                if name := last_name(value):
                    handed_to.setdefault(plain(name), set()).add(called)
    receivers = {name: frozenset(called) for name, called in handed_to.items()}
    return Surrounding(frozenset(word for word in words if len(word) <= _LONGEST), receivers)


def _names_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id.lower()}
    if isinstance(node, ast.Attribute):
        return {node.attr.lower()}
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").lower().split(".")
        return {*module, *(alias.name.lower() for alias in node.names)}
    if isinstance(node, ast.Import):
        return {part for alias in node.names for part in alias.name.lower().split(".")}
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return {node.name.lower()}
    return {node.arg.lower()} if isinstance(node, ast.keyword | ast.arg) and node.arg else set()

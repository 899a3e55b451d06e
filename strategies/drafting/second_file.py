"""A Python script that cuts one table itself, with the few lines by which it takes a second file to score on."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from .constants import last_name

_READERS = frozenset({"read_csv", "read_table", "read_parquet", "read_json", "read_feather", "read_excel"})
_MOVES_ROWS = re.compile(
    r"\b(reset_index|sample|sort_values|sort_index|set_index|shuffle|permutation|merge|join|groupby|explode|pivot\w*"
    r"|melt|stack|unstack|resample|shift|rolling|diff|cumsum|concat|append)\("
)
"""What between reading and cutting would leave the rows of the second file in other places, or mix rows."""
_HELP = "rows to score on; a part of the others without it"


@dataclass(frozen=True, slots=True)
class _Call:
    """A statement `target = call(...)`; `owner`: what the function is an attribute of."""

    statement: ast.Assign
    call: ast.Call
    target: ast.expr
    owner: ast.expr | None


@dataclass(frozen=True, slots=True)
class _Found:
    """The statements that are changed, with the names of the parsed arguments and of the table, and the parser."""

    parse: _Call
    read: _Call
    cut: _Call
    arguments: str
    frame: str


def with_second_file(source: str) -> str:
    """The script with an option `--valid` for the file whose rows it scores, without which it does what it did; empty
    where that is not sure, or not needed.

    Sure is a script that parses its arguments by argparse, reads one table by pandas, and cuts it once by
    train_test_split, with nothing between that moves rows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the script's, not ours
            text = source.replace("\r\n", "\n")
            tree = ast.parse(text)
            found = None if "\r" in text else _found(tree, text)
            changed = "" if found is None else _changed(tree, found, text)
            ast.parse(changed)
            return changed if text == source else changed.replace("\n", "\r\n")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _found(tree: ast.Module, source: str) -> _Found | None:
    """What is to be changed; None where it is not sure."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    reads = sum(last_name(call.func) in _READERS for call in calls)
    cuts = sum(last_name(call.func) == "train_test_split" for call in calls)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    parses = [(scope, one) for scope in (tree, *functions) for one in _calls(scope) if _name(one) == "parse_args"]
    if (len(parses), reads, cuts) != (1, 1, 1) or "--valid" in source:
        return None
    ((parsed_in, parse),) = parses
    for scope in (tree, *functions):
        read = next((one for one in _calls(scope) if _name(one) in _READERS), None)
        cut = next((one for one in _calls(scope) if _name(one) == "train_test_split"), None)
        if read is None or cut is None or not isinstance(parse.target, ast.Name):
            continue
        arguments = parse.target.id
        is_parameter = isinstance(scope, ast.FunctionDef) and arguments in {one.arg for one in scope.args.args}
        is_known = is_parameter or parsed_in in (scope, tree)
        between = "\n".join(source.split("\n")[_end(read.statement) : cut.statement.lineno - 1])
        is_sure = read.statement.lineno < cut.statement.lineno and not _MOVES_ROWS.search(between)
        if is_known and is_sure and _is_plain(parse, read, cut):
            return _Found(parse, read, cut, arguments, getattr(read.target, "id", ""))
    return None


def _is_plain(parse: _Call, read: _Call, cut: _Call) -> bool:
    """Whether one path is read into one name, without an index of its own, and the cut has named options."""
    words = {word.arg for word in (*read.call.keywords, *cut.call.keywords)}
    is_starred = any(isinstance(one, ast.Starred) for one in (*read.call.args, *cut.call.args))
    is_one = len(read.call.args) == 1 and isinstance(read.target, ast.Name) and bool(cut.call.args)
    has_owners = read.owner is not None and parse.owner is not None
    return is_one and has_owners and not is_starred and not words & {None, "index_col", "chunksize", "iterator"}


def _changed(tree: ast.Module, found: _Found, source: str) -> str:
    """The script with the new lines; "" where something else is on the lines to be changed."""
    lines = [f"{line}\n" for line in source.split("\n")]
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words = _Words(source, found, _free("n_train", taken), _free("rule", taken))
    edits = [
        (found.cut.statement, words.before_cut(), words.cut(), []),
        (found.read.statement, [], words.read(), words.after_read()),
        (found.parse.statement, words.before_parse(), "", []),
    ]
    for statement, before, own, behind in sorted(edits, key=lambda edit: edit[0].lineno, reverse=True):
        first, end = statement.lineno - 1, _end(statement)
        indent = lines[first].encode()[: statement.col_offset].decode()
        comment = lines[end - 1].encode()[statement.end_col_offset :].decode().rstrip()
        if indent.strip() or comment.strip().partition("#")[0]:
            return ""
        kept = [f"{indent}{own}{comment}\n"] if own else lines[first:end]
        lines[first:end] = [*(f"{indent}{line}\n" for line in before), *kept, *(f"{indent}{line}\n" for line in behind)]
    return "".join(lines)[:-1]


class _Words:
    """The new lines, in the script's own names; `count` and `rule` are names that it does not have yet."""

    def __init__(self, source: str, found: _Found, count: str, rule: str) -> None:
        self._source, self._found = source, found
        self._count, self._rule = count, rule

    def before_parse(self) -> list[str]:
        """The options that are new."""
        parser, path = self._text(self._found.parse.owner), self._found.read.call.args[0]
        data = [f'{parser}.add_argument("--data", default={self._text(path)})'] if _is_text(path) else []
        return [*data, f'{parser}.add_argument("--valid", help="{_HELP}")']

    def read(self) -> str:
        """The statement that reads, where its path is to come from the command line; "" where it does."""
        found, call = self._found, self._found.read.call
        if not _is_text(call.args[0]):
            return ""
        return f"{found.frame} = {self._text(call.func)}({found.arguments}.data{self._options(call)})"

    def after_read(self) -> list[str]:
        """What puts the rows of the second file behind the others."""
        found, call = self._found, self._found.read.call
        second = f"{self._text(call.func)}({found.arguments}.valid{self._options(call)})"
        joined = f"{self._text(found.read.owner)}.concat([{found.frame}, {second}], ignore_index=True)"
        return [f"{self._count} = len({found.frame})", f"if {found.arguments}.valid:", f"    {found.frame} = {joined}"]

    def before_cut(self) -> list[str]:
        """By what is cut: those rows are the last."""
        found = self._found
        size = f"int(({found.frame}.index >= {self._count}).sum())"
        return [
            f"{self._rule} = dict({self._options(found.cut.call).removeprefix(', ')})",
            f"if {found.arguments}.valid:",
            f"    {self._rule} = dict(test_size={size}, shuffle=False)",
        ]

    def cut(self) -> str:
        """The statement that cuts."""
        cut = self._found.cut
        arrays = ", ".join(map(self._text, cut.call.args))
        return f"{self._text(cut.target)} = {self._text(cut.call.func)}({arrays}, **{self._rule})"

    def _options(self, call: ast.Call) -> str:
        return "".join(f", {word.arg}={self._text(word.value)}" for word in call.keywords)

    def _text(self, node: ast.AST | None) -> str:
        return "" if node is None else ast.get_source_segment(self._source, node) or ast.unparse(node)


def _calls(scope: ast.AST) -> Iterator[_Call]:
    """The assignments of a call to one target in a scope, those of functions in it left out."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.Call):
            function = node.value.func
            owner = function.value if isinstance(function, ast.Attribute) else None
            yield _Call(node, node.value, node.targets[0], owner)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _calls(node)


def _name(one: _Call) -> str:
    return last_name(one.call.func)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _end(statement: ast.Assign) -> int:
    return statement.end_lineno or statement.lineno


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)

"""A Python script that cuts one table itself, with the few lines by which it takes a second file to score on."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .constants import last_name
from .rows_in_place import FILTERS, MOVES_ROWS, in_one_block, is_cut, leaves_out, rows_of
from .syntax import read_syntax

READERS = frozenset({"read_csv", "read_table", "read_parquet", "read_json", "read_feather", "read_excel"})
_NO_TABLE = re.compile(r"\.values\b|\bto_numpy\(|\bnp\.|\bnumpy\.|transform\(|\btensor\(|from_numpy\(")
_FAR = "10**9"
"""The row number from which on a function that reads counts the rows of the second file."""
_HELP = "rows to score on; a part of the others without it"


@dataclass(frozen=True, slots=True)
class _Call:
    """A statement `target = call(...)`; `owner`: what the function is an attribute of."""

    statement: ast.Assign
    call: ast.Call
    target: ast.expr
    owner: ast.expr | None


@dataclass(frozen=True, slots=True)
class _Reader:
    """A function that reads the table at the path in its first parameter; `read`: the statement in it."""

    function: ast.FunctionDef
    read: _Call


@dataclass(frozen=True, slots=True)
class _Found:
    """The statements that are changed, with the names of the parsed arguments and of the table where it is cut. `read`:
    what reads the table there, by a `reader` where that is a function of the script. `rows`: what is cut."""

    parse: _Call
    read: _Call
    cut: _Call
    arguments: str
    frame: str
    reader: _Reader | None
    rows: str


def with_second_file(source: str) -> str:
    """The script with an option `--valid` for the file whose rows it scores, without which it does what it did; empty
    where that is not sure, or not needed.

    Sure is a script that parses its arguments by argparse, reads one table by pandas, itself or in a function, and cuts
    it once, by train_test_split or by the row numbers of next(GroupShuffleSplit(...).split(...)) and its like, with
    nothing between that moves rows.
    """
    text = source.replace("\r\n", "\n")
    changed = "" if "\r" in text else read_syntax(text, lambda tree: _with_second_file(tree, text), "")
    return changed if text == source else changed.replace("\n", "\r\n")


def _with_second_file(tree: ast.Module, text: str) -> str:
    found = _found(tree, text)
    changed = "" if found is None else _changed(tree, found, text)
    ast.parse(changed)
    return changed


def _found(tree: ast.Module, source: str) -> _Found | None:
    """What is to be changed; None where it is not sure."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    reads = sum(last_name(call.func) in READERS for call in calls)
    cuts = sum(map(is_cut, calls))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    parses = [(scope, one) for scope in (tree, *functions) for one in _calls(scope) if _name(one) == "parse_args"]
    if (len(parses), reads, cuts) != (1, 1, 1) or "--valid" in source:
        return None
    ((parsed_in, parse),) = parses
    reader = next((found for function in functions if (found := _reader(function, calls, source))), None)
    for scope in (tree, *functions):
        read = next((one for one in _calls(scope) if _reads(one, reader)), None)
        cut = next((one for one in _calls(scope) if is_cut(one.call)), None)
        if read is None or cut is None or not isinstance(parse.target, ast.Name):
            continue
        arguments, frame = parse.target.id, _first_name(read.target)
        is_parameter = isinstance(scope, ast.FunctionDef) and arguments in {one.arg for one in scope.args.args}
        is_known = is_parameter or parsed_in in (scope, tree)
        between = "\n".join(source.split("\n")[_end(read.statement) : cut.statement.lineno - 1])
        other = rf"\b{re.escape(frame)}\s*=(?!=|\s*({re.escape(frame)}\b|pd\.|pandas\.))"
        helpers = [one for one in functions if re.search(rf"\b{one.name}\(", between)]
        helping = "\n".join(ast.get_source_segment(source, one) or "" for one in helpers)
        taken = f"{between}\n{helping}\n{ast.get_source_segment(source, cut.statement) or ''}"
        stays = not re.search(other, between) and not leaves_out(between, frame) and not FILTERS.search(helping)
        is_sure = read.statement.lineno < cut.statement.lineno and not MOVES_ROWS.search(taken) and stays
        is_sure = is_sure and in_one_block(scope, read.statement, cut.statement)
        rows = rows_of(scope, cut.call, frame, has_loc=reader is not None and ".loc[" in source)
        if is_known and is_sure and frame and rows and _is_plain(parse, read, cut, reader):
            return _Found(parse, read, cut, arguments, frame, reader, rows)
    return None


def _reader(function: ast.FunctionDef, calls: list[ast.Call], source: str) -> _Reader | None:
    """The function as one that reads the table and returns it with its rows in their places; None for another."""
    given = function.args
    read = next((one for one in _calls(function) if _name(one) in READERS), None)
    if read is None or not given.args or given.vararg or given.kwarg or given.kwonlyargs:
        return None
    path = read.call.args[0] if len(read.call.args) == 1 else None
    is_of_path = isinstance(path, ast.Name) and path.id == given.args[0].arg
    is_called_once = sum(last_name(call.func) == function.name for call in calls) == 1
    rest = "\n".join(source.split("\n")[_end(read.statement) : function.end_lineno])
    stays = not MOVES_ROWS.search(rest) and not _NO_TABLE.search(rest)
    is_plain = isinstance(read.target, ast.Name) and read.owner is not None and not _has_other_words(read)
    return _Reader(function, read) if is_of_path and is_called_once and stays and is_plain else None


def _reads(one: _Call, reader: _Reader | None) -> bool:
    return _name(one) in READERS if reader is None else _name(one) == reader.function.name


def _has_other_words(read: _Call) -> bool:
    return bool({word.arg for word in read.call.keywords} & {None, "index_col", "chunksize", "iterator"})


def _first_name(target: ast.expr) -> str:
    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
    return first.id if isinstance(first, ast.Name) else ""


def _is_plain(parse: _Call, read: _Call, cut: _Call, reader: _Reader | None) -> bool:
    """Whether one path is read, without an index of its own, and the cut has named options."""
    is_starred = any(isinstance(one, ast.Starred) for one in (*read.call.args, *cut.call.args))
    is_named = None not in {word.arg for word in (*read.call.keywords, *cut.call.keywords)}
    is_one = len(read.call.args) == 1 and bool(cut.call.args) and parse.owner is not None
    by_pandas = reader is not None or (read.owner is not None and isinstance(read.target, ast.Name))
    is_known = _name(cut) == "train_test_split" or bool(_by_number(cut))
    return is_one and is_named and by_pandas and is_known and not is_starred and not _has_other_words(read)


def _by_number(cut: _Call) -> tuple[str, ...]:
    """The names of the row numbers to train and to score on, of a cut that gives numbers; empty for another."""
    parts = cut.target.elts if isinstance(cut.target, ast.Tuple) and _name(cut) == "next" else []
    names = tuple(part.id for part in parts if isinstance(part, ast.Name))
    return names if len(names) == len(parts) == 2 else ()


def _changed(tree: ast.Module, found: _Found, source: str) -> str:
    """The script with the new lines; "" where something else is on the lines to be changed."""
    lines = [f"{line}\n" for line in source.split("\n")]
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    by_number = _by_number(found.cut)
    words = _Words(source, found, _free("n_train", taken), _free("held_out" if by_number else "rule", taken))
    edits: list[tuple[ast.stmt, list[str], str, list[str]]] = [
        (found.cut.statement, [], "", words.after_cut(*by_number))
        if by_number
        else (found.cut.statement, words.before_cut(), words.cut(), []),
        (found.parse.statement, words.before_parse(), "", []),
    ]
    if found.reader is None:
        edits.append((found.read.statement, [], words.read(), words.after_read()))
    else:
        edits.append((found.read.statement, [], words.call(), []))
        edits.append((found.reader.read.statement, [], "", words.in_reader(found.reader)))
        edits.append((found.reader.function, [], "", []))
    for statement, before, own, behind in sorted(edits, key=lambda edit: edit[0].lineno, reverse=True):
        if isinstance(statement, ast.FunctionDef):
            last = statement.args.args[-1] if not statement.args.defaults else statement.args.defaults[-1]
            line, column = (last.end_lineno or last.lineno) - 1, last.end_col_offset or 0
            text = lines[line].encode()
            lines[line] = (text[:column] + b", valid=None" + text[column:]).decode()
            continue
        first, end = statement.lineno - 1, _end(statement)
        indent = lines[first].encode()[: statement.col_offset].decode()
        comment = lines[end - 1].encode()[statement.end_col_offset :].decode().rstrip()
        if indent.strip() or comment.strip().partition("#")[0]:
            return ""
        kept = [f"{indent}{own}{comment}\n"] if own else lines[first:end]
        lines[first:end] = [*(f"{indent}{line}\n" for line in before), *kept, *(f"{indent}{line}\n" for line in behind)]
    return "".join(lines)[:-1]


class _Words:
    """The new lines, in the script's own names; `count` and `rule`, by which is cut, are names that it does not have
    yet."""

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

    def call(self) -> str:
        """The call of the function that reads, which hands it both paths."""
        found, call = self._found, self._found.read.call
        path = f"{found.arguments}.data" if _is_text(call.args[0]) else self._text(call.args[0])
        words = f"{path}{self._options(call)}, valid={found.arguments}.valid"
        return f"{self._text(found.read.target)} = {self._text(call.func)}({words})"

    def in_reader(self, reader: _Reader) -> list[str]:
        """What puts the rows of the second file behind the others, in the function that reads."""
        call, frame = reader.read.call, _first_name(reader.read.target)
        library = self._text(reader.read.owner)
        return [
            "if valid:",
            f"    second = {self._text(call.func)}(valid{self._options(call)})",
            f"    second.index += {_FAR}  # by which its rows are known when they are cut off again",
            f"    {frame} = {library}.concat([{frame}, second])",
        ]

    def after_read(self) -> list[str]:
        """What puts the rows of the second file behind the others."""
        found, call = self._found, self._found.read.call
        second = f"{self._text(call.func)}({found.arguments}.valid{self._options(call)})"
        joined = f"{self._text(found.read.owner)}.concat([{found.frame}, {second}], ignore_index=True)"
        return [f"{self._count} = len({found.frame})", f"if {found.arguments}.valid:", f"    {found.frame} = {joined}"]

    def before_cut(self) -> list[str]:
        """By what is cut: those rows are the last."""
        found = self._found
        first = self._count if found.reader is None else _FAR
        size = f"int(({found.frame}.index >= {first}).sum())"
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

    def after_cut(self, train: str, test: str) -> list[str]:
        """What takes the rows of the second file, by their numbers, in place of those that were drawn."""
        found = self._found
        first = self._count if found.reader is None else _FAR
        return [
            f"if {found.arguments}.valid:",
            f"    {self._rule} = {found.rows}.index >= {first}",
            f"    {train}, {test} = (~{self._rule}).nonzero()[0], {self._rule}.nonzero()[0]",
        ]

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


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)

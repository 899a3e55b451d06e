"""A YAML or JSON file with other values at some places, and everything else in it byte for byte.

The file is not written anew: its nodes say where each value stands in the text, and the text is replaced there. So
comments, order, quotes, indentation and what only the file's reader understands stay, as no writer of YAML keeps them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .toml_input import shown

Steps = tuple[str, ...]
"""The keys that lead to a place."""
GONE = object()
"""The value of a place whose key leaves the file."""


class CannotEdit(ValueError):
    """The text cannot be changed at a place; says why as a clause."""


def edited(text: str, values: Mapping[Steps, Any], *, is_json: bool) -> str:
    """The text with these values at their places; the table that a place lies in must be there already.

    Raises CannotEdit, and ValueError for a text that cannot be read.
    """
    render = json.dumps if is_json else _yaml_scalar
    for steps, value in values.items():  # one at a time: each change moves what stands after it
        text = _with(text, steps, value, render)
    return text


def parsed_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """What a YAML file holds; raises ValueError with one clause."""
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:200] or "it is nested too deeply") from None


def _yaml_scalar(value: Any) -> str:  # noqa: ANN401 - any value of a hyperparameter
    import yaml

    # as part of a list in brackets, and so quoted wherever it may stand: in a flow, a comma or a brace would end it
    text = yaml.safe_dump([value], default_flow_style=True, width=1_000_000, allow_unicode=True).strip()
    if len(text.splitlines()) > 1:  # a break of any kind within quotes would be folded into a space
        text = yaml.safe_dump([value], default_flow_style=True, width=1_000_000, default_style='"').strip()
    return str(text)[1:-1]


def _with(text: str, steps: Steps, value: Any, render: Callable[[Any], str]) -> str:  # noqa: ANN401
    table = _table_at(text, steps[:-1])
    entry = next(((key, node) for key, node in table.value if key.value == steps[-1]), None)
    if value is GONE:
        return text if entry is None else _without(text, table, entry)
    if entry is None:
        return _added(text, table, f"{_key(steps[-1], render)}: {render(value)}")
    start, end = _span(text, *entry)
    lead = "" if text[:start].endswith((" ", "\t", "\n")) else " "
    return f"{text[:start]}{lead}{render(value)}{text[end:]}"


def _table_at(text: str, steps: Sequence[str]) -> Any:  # noqa: ANN401 - a mapping node of PyYAML
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    for number, step in enumerate((None, *steps)):
        if step is not None:
            key, node = next((key, value) for key, value in node.value if key.value == step)
            _span(text, key, node)
        if not isinstance(node, yaml.MappingNode):
            raise CannotEdit(f"{'.'.join(steps[:number]) or 'the file'} is no table of keys and values")
    return node


def _span(text: str, key: Any, node: Any) -> tuple[int, int]:  # noqa: ANN401 - nodes of PyYAML
    """Where a value begins and ends in the text; raises CannotEdit for one that stands elsewhere, or has a name."""
    import yaml

    start, end = key.end_mark.index, node.end_mark.index
    between = text[start : node.start_mark.index]
    if node.start_mark.index < start or (between.strip(" \t\r\n") not in (":", '":') and "#" not in between):
        raise CannotEdit(f"{key.value} is an alias of another value")
    if text[node.start_mark.index : node.start_mark.index + 1] in ("&", "!"):
        raise CannotEdit(f"{key.value} has an anchor or a tag")
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        return text.index(":", start) + 1, _end_of(node)
    if not isinstance(node, yaml.CollectionNode) and node.style in ("|", ">"):
        raise CannotEdit(f"{key.value} is a text over several lines")
    return node.start_mark.index, end


def _end_of(node: Any) -> int:  # noqa: ANN401 - a node of PyYAML
    """The end of the last value in a block: the block's own mark lies behind the comments that follow it."""
    import yaml

    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end_of(last[1] if isinstance(last, tuple) else last)


def _key(name: str, render: Callable[[Any], str]) -> str:
    return str(render(name))


def _added(text: str, table: Any, entry: str) -> str:  # noqa: ANN401 - a mapping node of PyYAML
    """The text with one more entry at the end of a table, written as the others are."""
    if not table.value:
        close = table.end_mark.index - 1
        return f"{text[:close]}{entry}{text[close:]}"
    first, end = table.value[0][0], _end_of(table.value[-1][1])
    line_start = text.rfind("\n", 0, first.start_mark.index) + 1
    margin = text[line_start : first.start_mark.index]
    if table.flow_style:
        lead = f"\n{margin}" if not margin.strip() and "\n" in text[table.start_mark.index : end] else " "
        return f"{text[:end]},{lead}{entry}{text[end:]}"
    stop = text.find("\n", end)
    stop = len(text) if stop == -1 else stop
    return f"{text[:stop]}\n{' ' * first.start_mark.column}{entry}{text[stop:]}"


def _without(text: str, table: Any, entry: tuple[Any, Any]) -> str:  # noqa: ANN401 - nodes of PyYAML
    """The text without an entry: its lines in a block, its part between the commas in a flow."""
    entries = table.value
    number = entries.index(entry)
    start, end = entry[0].start_mark.index, _end_of(entry[1])
    _span(text, *entry)
    if table.flow_style:
        if number + 1 < len(entries):
            return text[:start] + text[entries[number + 1][0].start_mark.index :]
        before = _end_of(entries[number - 1][1]) if number else table.start_mark.index + 1
        return text[:before] + text[end:]
    if len(entries) == 1:
        raise CannotEdit(f"{shown(entry[0].value)} is the only key of its table, which would be empty")
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    if text[line_start:start].strip():
        raise CannotEdit(f"{shown(entry[0].value)} stands on a line with something else")
    return text[:line_start] + ("" if line_end == -1 else text[line_end + 1 :])

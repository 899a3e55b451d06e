"""Columns by their names."""

import difflib
from collections.abc import Sequence

from ....strategies.errors import InputError
from ....strategies.words import readable


def column_number(column: str, names: Sequence[str], name: str, key: str = "column") -> int:
    """The place of a column in a table, from 0. Raises InputError, which names the nearest, where it has none; `key` is
    the one under [data.split] that names it."""
    if column in names:
        return list(names).index(column)
    if not names:
        raise InputError(
            f"data.split.{key} is '{column}', and {name} has no header", "allowed: a table whose first row names the "
            "columns", "write a header in the prepare command, or by = 'rows'",
        )  # fmt: skip
    near = difflib.get_close_matches(column, names, n=1)
    listed = ", ".join(names)
    raise InputError(
        f"data.split.{key} is '{column}', and {name} has no such column",
        f"its columns are {readable(listed if len(listed) <= 300 else listed[:297] + '...')}",
        f"did you mean '{readable(near[0])}'?" if near else "correct it",
    )

"""Tables on the screen: those that fit are drawn without rich's work on each cell, and look as rich draws them."""

import io

import pytest
from retuned.daemon.cli.screen import Screen, Text, table
from rich.table import Table

COLUMNS = ("number", "what", "")
ROWS = [
    ("1", "日本語 model", "of two columns each"),
    ("22", "e\u0301 joined, \u202eturned, \x1b[31m", ""),
    ("", "🎉 " + "x" * 30, "\ta tab and a\nline"),
    ("trailing  ", "", "end"),
]


def drawn(width, is_terminal, draw):
    out = Screen(width=width)
    out.file, out._force_terminal = io.StringIO(), is_terminal
    draw(out)
    return out.file.getvalue()


def by_rich(out):
    twin = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        twin.add_column(column, overflow="fold")
    for row in ROWS:
        twin.add_row(*map(Text, (cell.replace("\n", r"\n") for cell in row)))
    out.print(twin)


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize(
    "width",
    [
        200,  # fits
        66,  # just so
        65,  # one too few: folded
        30,
    ],
)
def test_a_table_looks_as_rich_draws_it(width, is_terminal):
    ours = drawn(width, is_terminal, lambda out: table(out, COLUMNS, ROWS, "none"))
    assert ours == drawn(width, is_terminal, by_rich)
    assert ("\x1b[1m" in ours) is is_terminal


def test_a_table_without_rows_says_so():
    assert drawn(80, False, lambda out: table(out, COLUMNS, [], "none are registered")) == "none are registered\n"

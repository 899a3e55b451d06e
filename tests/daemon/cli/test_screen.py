"""Tables on the screen: those that fit are drawn without rich's work on each cell, and look as rich draws them."""

import io

import pytest
from retuned.daemon.cli.screen import Screen, Text, table
from rich.color import ColorSystem
from rich.table import Table

COLUMNS = ("number", "what", "")
ROWS = [
    ("1", "日本語 model", "of two columns each"),
    ("22", "e\u0301 joined, \u202eturned, \x1b[31m", ""),
    ("", "🎉 " + "x" * 30, "\ta tab and a\nline"),
    ("trailing  ", "", "end"),
]


def drawn(width, draw, colours=None):
    out = Screen(width=width)
    out.file, out._color_system = io.StringIO(), colours
    draw(out)
    return out.file.getvalue()


def by_rich(out):
    twin = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        twin.add_column(column, overflow="fold")
    for row in ROWS:
        twin.add_row(*map(Text, (cell.replace("\n", r"\n") for cell in row)))
    out.print(twin)


@pytest.mark.parametrize(
    "width",
    [
        200,  # fits
        66,  # just so
        65,  # one too few: folded
        30,
    ],
)
def test_a_table_looks_as_rich_draws_it(width):
    assert drawn(width, lambda out: table(out, COLUMNS, ROWS, "none")) == drawn(width, by_rich)


def test_the_names_of_the_columns_are_bold_where_there_are_colours():
    head, *rest = drawn(66, lambda out: table(out, COLUMNS, ROWS, "none"), ColorSystem.STANDARD).splitlines()
    assert head.startswith("\x1b[1mnumber")
    assert [line for line in rest if "\x1b" in line] == []


def test_a_table_without_rows_says_so():
    assert drawn(80, lambda out: table(out, COLUMNS, [], "none are registered")) == "none are registered\n"

"""What a program's source does with its rows: whether it cuts them in time or by group, and cuts its training rows
again."""

import re
from collections.abc import Sequence

TIMES = re.compile(r"(?i).*\b(date|time|timestamp|datetime|ts|day|month|year|when)\b.*|.*_(at|ts|date|time)")
GROUPS = re.compile(r"(?i)(.*_)?(id|customer|user|patient|group|subject|session|household|store|account|site|station)")
_GROUPED = re.compile(r"Group(ShuffleSplit|KFold)|StratifiedGroupKFold|LeaveOneGroupOut")
_CUTS_AGAIN = re.compile(
    r"early_stopping\s*=\s*True|validation_fraction\s*=|validation_split\s*=|\brandom_split\(|early_stopping_fraction"
    r"|\bHistGradientBoosting(Regressor|Classifier)\("
)
_NEVER_AGAIN = re.compile(r"early_stopping\s*=\s*False")
"""Histogram boosting of scikit-learn holds rows back by itself, from 10,000 rows on, unless told not to."""


def is_time(column: str) -> bool:
    """Whether a column's name says that it holds moments."""
    return bool(TIMES.fullmatch(column.replace("_", " ")) or TIMES.fullmatch(column))


def time_cut(source: str, columns: Sequence[str]) -> str:
    """The column of moments at one of which the program cuts its rows; "" where none is seen.

    Seen are df["date"] <= cut and df.date >= "2024-01-01", and rows that are sorted by it where scikit-learn is to cut
    them without shuffling.
    """
    for column in filter(is_time, columns):
        name = re.escape(column)
        place = rf"(\[\s*['\"]{name}['\"]\s*\]|\.{name}\b)(\.dt\.\w+|\.values)?"
        if re.search(rf"{place}\s*(<=?|>=?)(?!>|<)|(<=?|>=?)\s*[A-Za-z_]\w*{place}", source):
            return column
        is_sorted = re.search(rf"sort_values\(\s*(by\s*=\s*)?\[?\s*['\"]{name}['\"]", source)
        if is_sorted and re.search(r"shuffle\s*=\s*False|\bTimeSeriesSplit\(", source):
            return column
    return ""


def group_cut(source: str, columns: Sequence[str]) -> str:
    """The column whose rows of one value the program keeps together when it cuts; "" where none is seen."""
    if not _GROUPED.search(source):
        return ""
    named = re.findall(r"groups?\s*=\s*\w+(?:\[\s*['\"]([^'\"]+)['\"]\s*\]|\.(\w+)\b(?!\())", source)
    return next((one for pair in named for one in pair if one in columns), "")


def cuts_again(source: str) -> bool:
    """Whether the program seems to hold back a part of its training rows, to stop early, say."""
    return bool(_CUTS_AGAIN.search(source)) and not _NEVER_AGAIN.search(source)

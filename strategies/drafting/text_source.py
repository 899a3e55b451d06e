"""What a program in another language than Python says: the usage in its first comments, and texts that it prints."""

import re
from collections.abc import Iterator

from ..hyperparameter import Kind
from .constants import number_or_text
from .help_text import help_arguments
from .metric_sights import header_sights, sights_in_text
from .program import Argument, MetricSight, Program, Surrounding, kind_of

_PRINTS = re.compile(r"\b(print\w*|echo|cat|sprintf|message|console\.log|puts|say|write\w*|log\w*|fmt\.\w+|info)\b")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.){0,300})\"|'((?:[^'\\]|\\.){0,300})'")
_ANSWERS = re.compile(
    r"--help|getopts?\b|optparse|argparse|docopt|ArgParse|commander|yargs|clap\b|Getopt|OptionParser|flag\.Parse|parseArgs"
)
_OPTION = re.compile(
    r"[\"']--(?P<flag>[A-Za-z][\w-]{0,60})[\"'](?:(?![\"']--)[^;]){0,300}?\bdefault\b\s*(?:=>?|:)\s*"
    r"(?P<value>[-+\w.]{1,30}|\"[^\"]{0,60}\"|'[^']{0,60}')"
)
_FLOAT_TYPE = re.compile(r"(?i)\b(double|float\w*|numeric|real)\b")
_LONGEST, _MOST_OPTIONS = 200_000, 100
_MARKS = re.compile(r"^\s*(#+|//+|\*+|--|;+|%+)")
_MOST_LINES, _FIRST = 20_000, 60


def read_text(source: str) -> Program:
    """What the source says; nothing of it is certain."""
    lines = source.splitlines()[:_MOST_LINES]
    sights: list[MetricSight] = []
    for number, line in enumerate(lines, start=1):
        if len(line) > 2000 or not _PRINTS.search(line):
            continue
        for match in _QUOTED.finditer(line):
            rest = line[match.end() :].lstrip()
            goes_on = bool(re.match(r"[,.+]?\s*[\w$(]", rest)) and not rest.startswith(">")
            text = (match[1] or match[2] or "").replace("\\n", " ").replace("\\t", "  ").rstrip()
            sights += sights_in_text(text + " " if goes_on else text, number, goes_on=goes_on)
            sights += header_sights(text.split(","), number)
    arguments = help_arguments(_usage(lines)) or tuple(_declared(source))
    words = frozenset(word.lower() for word in re.findall(r"[A-Za-z_]\w{0,60}", source[:_LONGEST]))
    return Program(arguments=arguments, metrics=tuple(sights), parser="text", around=Surrounding(words))


def answers_help(source: str) -> bool:
    """Whether a program looks as though it answered `--help` instead of training."""
    return _ANSWERS.search(source) is not None


def _declared(source: str) -> Iterator[Argument]:
    """The options that a text declares with a default, as libraries for R, Julia and others have it."""
    seen: set[str] = set()
    for match in _OPTION.finditer(source[:_LONGEST]):
        value = number_or_text(match["value"].strip("\"'"))
        if match["flag"] not in seen and value is not None and len(seen) < _MOST_OPTIONS:
            seen.add(match["flag"])
            kind = kind_of(value)
            if kind is Kind.INT and _FLOAT_TYPE.search(match[0]):
                kind, value = Kind.FLOAT, float(match["value"])
            yield Argument(match["flag"].replace("-", "_"), (f"--{match['flag']}={{}}",), kind, value)


def _usage(lines: list[str]) -> str:
    """The comments at the program's top, from the first that is a usage on: `train.sh TRAIN VAL LR` counts as one."""
    comments = [_MARKS.sub("", line) for line in lines[:_FIRST] if _MARKS.match(line)]
    for number, line in enumerate(comments):
        if re.match(r"\s*usage\b", line, re.IGNORECASE):
            return "\n".join(comments[number:])
        if re.match(
            r"\s*(\$ *)?([./\w-]*[/ ])?[\w-]+\.(sh|awk|R|r|pl|jl|rb|js|lua|bash)( +[\[<]?[A-Z_]{1,20}[\]>]?)+\s*$", line
        ):
            return f"usage: {line.strip()}"
    return ""

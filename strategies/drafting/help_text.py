"""The arguments that a program's help names, in any language's usual layout."""

import re
from collections.abc import Iterator

from ..hyperparameter import Kind
from ..records import Value
from .constants import number_or_text
from .program import Argument, kind_of

_OPTION = re.compile(
    r"^\s{1,12}(?:-(?P<short>\w)(?:[ =,/|]+[A-Z<\[]?[\w.<>\]-]*)?[,/| ]+)?(?P<flag>--?[A-Za-z][\w.-]*)"
    r"(?:/(?P<off>--[A-Za-z][\w.-]*))?(?P<rest>.*)$"
)
_OPEN = re.compile(
    r"^(?P<mark>[ =]|\[=)[\[<]?(?P<word>\{[^}]*\}|[A-Za-z][\w.|-]*)[>\]]*(?P<dots>\s*\.\.\.)?(?=\s|$|\[|,)"
)
_ONE_SHORT = re.compile(r"^\s{1,12}-(?P<flag>\w)(?P<rest>[ =].*|)$")
_DEFAULT = re.compile(r"[\[(]?\bdefaults?(?:s to| value| is)?[ :=]+[\"'`]?(?P<value>[^\s\"'`,;)\]]+)", re.IGNORECASE)
_FLOATS = frozenset({"float", "double", "num", "number", "real", "numeric", "float64", "float32"})
_INTS = frozenset({"int", "integer", "uint", "n", "int64", "count"})
_LEFT_OUT = frozenset({"help", "version", "h", "v", "install-completion", "show-completion"})
_LONGEST_LINE, _MOST = 400, 200


def help_arguments(text: str) -> tuple[Argument, ...]:
    """The options of a help text in its order, and before them the positions that its usage line names."""
    lines = [line[:_LONGEST_LINE].translate(_PLAIN).rstrip() for line in text.splitlines()[:5000]]
    options: dict[str, Argument] = {}
    for number, line in enumerate(lines):
        if len(options) >= _MOST:
            break
        argument = _option(line, " ".join(_below(lines, number)))
        if argument is not None:
            options.setdefault(argument.name, argument)
    return (*_positions(lines, frozenset(options)), *options.values())


_PLAIN = {ord(character): " " for character in "│┃|"} | {ord("╭"): " ", ord("╰"): " "}


def _below(lines: list[str], number: int) -> Iterator[str]:
    """The lines that go on with an option's explanation."""
    own = len(lines[number]) - len(lines[number].lstrip())
    for line in lines[number + 1 : number + 6]:
        if not line.strip() or line.lstrip().startswith("-") or len(line) - len(line.lstrip()) <= own:
            return
        yield line.strip()


def _option(line: str, below: str) -> Argument | None:
    match = _OPTION.match(line) or _ONE_SHORT.match(line)
    if match is None:
        return None
    flag = match["flag"] if match["flag"].startswith("-") else f"-{match['flag']}"
    name = flag.lstrip("-").replace("-", "_")
    if flag.lstrip("-").lower() in _LEFT_OUT:
        return None
    opened = _OPEN.match(match["rest"].replace("  ", " \t", 1) if match["rest"].startswith("  ") else match["rest"])
    off = match.groupdict().get("off") or ""
    rest = f"{match['rest']} {below}"
    default = _default(rest)
    if opened is None or off or (opened["mark"] == "[="):
        if default is not None and not isinstance(default, bool) and re.search(r"^\s*[A-Z]{2,}\b", match["rest"]):
            return Argument(name, _words(flag, ""), kind_of(default), default)
        return Argument(name, (flag,), Kind.BOOL, default is True, switch=(flag, off))
    word = opened["word"]
    parts = word[1:-1].split(",") if word.startswith("{") else []
    choices = tuple(value for part in parts if (value := number_or_text(part.strip())) is not None)
    kind = _kind(word, default)
    if kind is Kind.FLOAT and type(default) is int:
        default = float(default)
    return Argument(name, _words(flag, opened["mark"]), kind, default, choices, hint=_hint(match["rest"], below))


def _hint(rest: str, below: str) -> str:
    """The explanation after an option and its value."""
    return f"{rest.strip().partition('  ')[2]} {below}".strip()[:200]


def _words(flag: str, mark: str) -> tuple[str, ...]:
    return (f"{flag}={{}}",) if mark == "=" else (flag, "{}")


def _kind(word: str, default: Value | None) -> Kind | None:
    if word.lower() in _FLOATS:
        return Kind.FLOAT
    return Kind.INT if word.lower() in _INTS and not isinstance(default, float) else kind_of(default)


def _default(text: str) -> Value | None:
    match = _DEFAULT.search(text)
    return None if match is None else number_or_text(match["value"].rstrip("."))


def _positions(lines: list[str], options: frozenset[str]) -> Iterator[Argument]:
    """The words of the usage line that are neither the program nor options."""
    start = next((number for number, line in enumerate(lines) if re.match(r"\W*usage\b", line, re.IGNORECASE)), None)
    if start is None:
        return
    usage = [re.sub(r"^.*?usage:?\s*", "", lines[start], flags=re.IGNORECASE)]
    for line in lines[start + 1 : start + 10]:
        if not line.startswith("  ") and usage[0].strip():
            break
        usage.append(line)
        if usage[0].strip() == "" and line.strip():
            break
    text = re.sub(r"\[[^\[\]]*\]", " ", re.sub(r"\[[^\[\]]*\]", " ", " ".join(usage)))
    words = re.sub(r"--?[\w.-]+([ =][A-Z<{][\w|,.}>-]*)?", " ", text).split()
    programs = [number for number, word in enumerate(words) if re.search(r"\.\w{1,4}$|/", word)]
    for word in words[(programs[-1] if programs else 0) + 1 :][:20]:
        name = word.strip("<>").rstrip(".").replace("-", "_")
        if re.fullmatch(r"[A-Za-z][\w]*", name) and name.upper() not in ("OPTIONS", "ARGS") and name not in options:
            yield Argument(name.lower(), ("{}",), is_required=True)

"""A draft as the text of a model file, each guess marked and explained."""

import json
import re
from collections.abc import Iterator, Sequence

from ..hyperparameter import Kind
from ..records import Value
from ..words import readable
from .draft import Draft, DraftedHyperparameter
from .drafted_hyperparameters import MOST
from .drafting import is_finished
from .metric_names import useless_score
from .row_habits import GROUPS, UNKNOWN, is_time

_WIDTH = 118


def model_text(draft: Draft) -> str:
    """The whole file. Where something is left to a person, a line says TODO."""
    sections = (
        _head(draft), _training(draft), _data(draft), _objective(draft), _hyperparameters(draft), _settings(draft)
    )  # fmt: skip
    return "\n".join(line for section in sections for line in [*section, ""]).rstrip("\n") + "\n"


def _head(draft: Draft) -> Iterator[str]:
    around = draft.around
    made_from = " and ".join(filter(None, [around.script, draft.source]))
    yield from _comment(
        f"Drafted by `retuned init` from {made_from or 'nothing'}. What is marked 'guess' was guessed: check it."
    )
    if not is_finished(draft):
        yield "# What is marked 'TODO' only you can know; registering says which of them are left."
    yield "# Every key is explained by: retuned example model"
    yield ""
    yield f"name = {toml(around.name)}  # guess: what the file or its folder is called"
    if around.owner:
        yield f"owner = {toml(around.owner)}  # guess: {_words(around.owner_from)}; who is alerted"
    else:
        yield '# TODO owner = "me@example.org"  # who is alerted'


def _training(draft: Draft) -> Iterator[str]:
    around = draft.around
    yield "[training]"
    for todo in draft.command_todos:
        yield from _comment(f"TODO: {todo}")
    if draft.command:
        yield from _command(draft.command)
    else:
        names = " ".join(f'"--{one.name}={{{one.name}}}",' for one in draft.hyperparameters).rstrip(",")
        yield f'# TODO command = ["python3", "train.py", {names}]  # what trains the model, word by word'
    if any("{tmp}" in word for word in draft.command):
        yield from _comment(
            "guess: outputs go to {tmp}, a folder of each training's own, so that no run overwrites your files"
        )
    if draft.left:
        yield from _comment("not handed over, so that the script's own value holds: " + ", ".join(draft.left))
    if draft.known_too:
        yield from _comment(
            f"not searched, as at most {MOST} are (a search of more finds less), so that the script's own value holds: "
            f"{', '.join(draft.known_too)}. To search one, give it a table as below, and its {{name}} in the command"
        )
    if draft.write:
        yield f"write = {toml(draft.write)}  # guess: each training gets a copy of it at {{config}}, with its values"
    if draft.values:
        pairs = ", ".join(f"{_key(place)} = {toml(text)}" for place, text in draft.values)
        yield f"values = {{{pairs}}}  # guess: what else is put into that file, by its place"
    if around.python:
        is_bare = any(re.fullmatch(r"python[\d.]*", word) for word in draft.command[:1])
        stands = f"; {draft.command[0]} in the command stands for it" if is_bare else ""
        yield f"python = {toml(around.python)}  # guess: {_words(around.python_from)}{stands}"
    if draft.passed:
        yield f"pass_env = [{', '.join(map(toml, draft.passed))}]  # guess: the script reads them"
    unit, amount = draft.budget
    yield f"budget = {{{unit} = {amount}}}  # guess: {_words(draft.why_budget)}"
    yield '# timeout = "1h"  # how long one training may take'


def _data(draft: Draft) -> Iterator[str]:
    if not draft.needs_data:
        yield "# guess: the script finds its data itself. If you name them, retuned sees when they change:"
        yield "# [data]"
        yield f"# path = {toml(draft.data or 'data.csv')}"
        yield from _comment(
            "Pairs need rows of their own: let it take a file to train on and one to score on, and retuned cuts them: "
            "split = {by = 'rows'}, {train} and {eval}."
        )
        return
    yield "[data]"
    if draft.data:
        yield f"path = {toml(draft.data)}  # guess: {_words(draft.why_data)}"
    else:
        yield '# TODO path = "data.csv"  # the file or folder with all rows'
    if not draft.is_split:
        yield from _comment(
            "The script cuts these rows itself, so every pair would be scored on the same ones. Let it take a file to "
            f"train on and one to score on, and retuned cuts them: split = {_how_it_cuts(draft)} here, and {{train}} "
            "and {eval} in the command."
        )
        return
    yield from _split(draft)


def _how_it_cuts(draft: Draft) -> str:
    """The cut that is like the script's own, in the words of a comment."""
    around = draft.around
    if around.time_cut:
        return f"{{by = 'time', column = '{around.time_cut}'}}"
    column = "..." if around.group_cut == UNKNOWN else around.group_cut
    return f"{{by = 'groups', column = '{column}'}}" if column else "{by = 'rows'}"


def _split(draft: Draft) -> Iterator[str]:
    """The cut that is like the script's own, and below it the others."""
    around = draft.around
    group = around.group_cut.strip(UNKNOWN) or next(
        (name for name in around.columns if GROUPS.fullmatch(name)), "customer"
    )
    time = around.time_cut or next(filter(is_time, around.columns), "date")
    draw = ", draw = 0.7" if around.cuts_again else ""
    likely = "time" if around.time_cut else "groups" if around.group_cut else "rows"
    why = {
        "rows": "guess: rows do not depend on each other; retuned cuts all of them anew. If they do:",
        "groups": "guess: as the script cuts; rows of one group stay together. Else:",
        "time": "guess: the script cuts at a moment of it. Else:",
    }
    other = {
        "rows": "rows do not depend on each other",
        "groups": "rows of one group stay together",
        "time": "later rows are predicted from earlier ones",
    }
    tables = {
        "rows": f'{{by = "rows"{draw}}}',
        "groups": f'{{by = "groups", column = {toml(group)}{draw}}}',
        "time": f'{{by = "time", column = {toml(time)}}}',
    }
    if draw and likely != "time":
        yield from _comment(
            "guess: draw = 0.7, since the script holds back a part of its training rows (to stop early?): rows drawn "
            "with repeats would land on both sides. Without it: as many rows as there are, with repeats"
        )
    if around.group_cut == UNKNOWN and likely == "groups":
        yield f"# TODO split = {tables.pop(likely)}  # the script keeps groups together: name their column. Else:"
    else:
        yield f"split = {tables.pop(likely)}  # {why[likely]}"
    yield from (f"# split = {table}  # {other[name]}" for name, table in tables.items())


def _objective(draft: Draft) -> Iterator[str]:
    yield "[objective]"
    metric = draft.metric
    if metric is None and draft.perhaps is not None:
        likely = draft.perhaps
        yield f"# TODO metric = {toml(likely.name)}  # {likely.place} prints it: if that decides, take these lines"
        yield f"# TODO pattern = {toml(likely.pattern)}  # how it is printed; the last match counts"
    elif metric is None:
        yield '# TODO metric = "val_loss"  # what decides; no print of a metric was found in the script'
        yield r"# pattern = 'val_loss[=:] *(\S+)'  # where it is printed; or file and key, see: retuned example model"
    elif metric.how == "log":
        seen = f"{metric.place} logs it to a tracker" if metric.line else "no print of it was found"
        yield f"# TODO metric = {toml(metric.name)}  # {seen}: print it as well, so that the pattern finds it"
        yield f"# pattern = {toml(f'{re.escape(metric.name)}[=:] *([-+.0-9a-z]+)')}"
    else:
        yield f"metric = {toml(metric.name)}  # guess: {metric.place} {_TELLS[metric.how]}"
    yield from _others(draft)
    yield from _direction(draft)
    if metric is not None and metric.how == "print":
        yield f"pattern = {toml(metric.pattern)}  # guess: how it is printed; the last match counts"
    if metric is not None and metric.how == "file":
        if draft.metric_file:
            yield f"file = {toml(draft.metric_file)}  # guess: where {metric.place} writes it"
        else:
            name = "metrics.json" if metric.key else "metrics.csv"
            yield f'# TODO file = "{name}"  # the file that {metric.place} writes'
        place = f"key = {toml(metric.key)}" if metric.key else f"column = {toml(metric.column)}"
        yield f"{place}  # guess: its place in that file"
        if metric.column:
            yield '# step = "epoch"  # the column of the step, in the budget\'s unit: brings curves and early stopping'
    score, which = useless_score("" if metric is None else metric.name, draft.direction)
    example = "" if score is None else f" {toml(score)}"
    instance = "" if score is None else "for instance: "
    yield f"# floor ={example}  # {instance}what a useless model scores ({which})"


def _others(draft: Draft) -> Iterator[str]:
    """The metrics that were not chosen."""
    if draft.other_metrics:
        seen = ", ".join(f"{sight.name} ({sight.place})" for sight in draft.other_metrics)
        yield from _comment(
            f"also found: {seen}; if one of these is what counts, write it here, with its direction and pattern"
        )


_TELLS = {"print": "prints it", "report": "reports it", "file": "writes it to a file"}


def _direction(draft: Draft) -> Iterator[str]:
    if draft.direction is not None:
        which = "lower" if draft.direction == "minimize" else "higher"
        yield f"direction = {toml(draft.direction)}  # guess: of its name; {which} is better"
    else:
        yield '# TODO direction = "minimize"  # or "maximize"'


def _hyperparameters(draft: Draft) -> Iterator[str]:
    if not draft.hyperparameters:
        yield "# TODO: no hyperparameter was recognised; one table for each, and its {lr} in the command"
        yield "# [hyperparameters.lr]"
        yield '# type = "float"\n# low = 0.0001\n# high = 0.1\n# log = true\n# value = 0.01'
    for number, one in enumerate(draft.hyperparameters):
        yield from [""] if number else []
        yield from _hyperparameter(one)


def _hyperparameter(one: DraftedHyperparameter) -> Iterator[str]:
    found = one.range
    yield f"[hyperparameters.{_key(one.name)}]"
    yield f"type = {toml(found.kind.value)}"
    mark = f"  # guess: {_words(found.why)}" if found.why else ""
    if found.low is not None and found.high is not None:
        whole = found.kind is Kind.INT
        yield f"low = {toml(int(found.low) if whole else float(found.low))}{mark}"
        yield f"high = {toml(int(found.high) if whole else float(found.high))}"
        yield from ["log = true  # in orders of magnitude"] if found.log else []
        yield from [f"step = {toml(one.step)}"] if one.step is not None else []
    elif found.choices:
        yield f"choices = [{', '.join(toml(choice) for choice in found.choices)}]{mark}"
    elif found.kind is not Kind.BOOL:
        yield "# not searched: with low and high, or choices, it is"
    if one.when is not None:
        yield f"when = {{{_key(one.when[0])} = [{', '.join(toml(value) for value in one.when[1])}]}}"
    if one.value is not None:
        yield f"value = {toml(one.value)}  # guess: {_words(one.why_value)}"
    elif one.when is None:
        yield "# TODO value =  # the current value, the one in production"
    if one.place and one.place != one.name:
        yield f"place = {toml(one.place)}"


def _settings(draft: Draft) -> Iterator[str]:
    """Where adopted values go: nobody but the owner knows what reads them."""
    if draft.hyperparameters:
        yield "# [settings]"
        yield '# file = "settings.json"  # where adopted values are written, for your own code to read'


def _command(words: Sequence[str]) -> Iterator[str]:
    shown = [toml(word) for word in words]
    line = f"command = [{', '.join(shown)}]"
    if len(line) <= _WIDTH:
        yield line
        return
    yield "command = ["
    yield from (f"    {word}," for word in shown)
    yield "]"


def _comment(text: str) -> Iterator[str]:
    """A comment over as many lines as it takes."""
    line = "#"
    for word in _words(text).split(" "):
        if len(line) + len(word) >= _WIDTH and line != "#":
            yield line
            line = "#  "
        line += f" {word}"
    yield line


def toml(value: Value) -> str:
    """A value as TOML writes it; a text with backslashes in single quotes where that can be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        if "\\" in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def _words(text: str) -> str:
    """Foreign words in a comment, on one line."""
    return readable(" ".join(text.split()))[:600]

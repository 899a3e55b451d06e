"""The first draft of a model file, before it is text: what was guessed, and why."""

from dataclasses import dataclass

from ..records import Value
from .metric_names import Direction
from .program import Argument, MetricSight
from .well_known import Range

TODO = "{TODO}"
"""A placeholder that no model file knows, so that nobody registers a command which is not finished."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies around a script. `runner`: the words that start it. `tables`: data files beside it. `columns`: those of
    the first table. `config_file`: the configuration file beside it, with its values. Texts are "" where nothing was
    found; `owner_from` and `python_from` say where something was. `time_cut`, `group_cut`: the column by which it
    cuts; `cuts_again`: it holds back a part of its training rows."""

    name: str
    script: str = ""
    runner: tuple[str, ...] = ()
    owner: str = ""
    owner_from: str = ""
    python: str = ""
    python_from: str = ""
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    config_file: str = ""
    config_values: tuple[Argument, ...] = ()
    options_first: bool = False
    time_cut: str = ""
    group_cut: str = ""
    cuts_again: bool = False


@dataclass(frozen=True, slots=True)
class DraftedHyperparameter:
    """A hyperparameter with the values to search and its current value (None: not known). `key`: the program's argument
    that it is, "" where that is to be found by its name."""

    name: str
    range: Range
    value: Value | None
    why_value: str = ""
    place: str = ""
    step: float | None = None
    when: tuple[str, tuple[Value, ...]] | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What another tool knows of the model already: its space with the current values, and its metric."""

    source: str
    hyperparameters: tuple[DraftedHyperparameter, ...]
    metric: str = ""
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """The whole: `other_metrics` may be what counts instead of `metric`, `command_todos` say what only a person can
    settle, `perhaps` what is printed where no metric is known, `known_too` which well-known arguments are too many to
    be searched, `left` which others keep the script's default, `passed` which variables it reads."""

    around: Surroundings
    command: tuple[str, ...]
    hyperparameters: tuple[DraftedHyperparameter, ...]
    budget: tuple[str, int]
    why_budget: str
    write: str = ""
    values: tuple[tuple[str, str], ...] = ()
    data: str = ""
    why_data: str = ""
    is_split: bool = False
    needs_data: bool = False
    metric: MetricSight | None = None
    perhaps: MetricSight | None = None
    direction: Direction | None = None
    metric_file: str = ""
    other_metrics: tuple[MetricSight, ...] = ()
    left: tuple[str, ...] = ()
    known_too: tuple[str, ...] = ()
    command_todos: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    source: str = ""

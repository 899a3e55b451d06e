"""The first draft of a model file, from what a program says of itself, what lies around it, and what others know."""

from collections.abc import Mapping
from dataclasses import replace

from .draft import TODO, Draft, DraftedHyperparameter, Given, Surroundings
from .drafted_command import Words, command_of
from .drafted_hyperparameters import chosen, declared, known_too
from .metric_names import best_sight, direction_of, others_than
from .program import Argument, MetricSight, Program, plain
from .roles import Role, roles_of

_MOST_LEFT = 40
_MOST_OTHERS = 6


def draft(program: Program, around: Surroundings, given: Given | None = None) -> Draft:
    """The draft. What `given` knows goes before what the program says."""
    program = _with_settings(program, around)
    arguments = _all_arguments(program, around)
    roles = roles_of(arguments)
    if not around.config_file:
        roles = {name: Role.OTHER if role is Role.CONFIG else role for name, role in roles.items()}
    hyperparameters = chosen(program, arguments, roles, given)
    words = _fitting(command_of(program, around, arguments, roles, hyperparameters), hyperparameters)
    by_role = _first_of_each(arguments, roles)
    data, why_data = _data(by_role, around)
    budget, why_budget = _budget(by_role.get(Role.BUDGET))
    metric = _metric(program, given, is_in_epochs=Role.BUDGET in by_role and budget[0] == "epochs")
    too = known_too(program, arguments, roles, hyperparameters) if given is None or not given.hyperparameters else ()
    left = tuple(one for one in words.left if one not in too)
    known_direction = given.direction if given is not None else None
    return Draft(
        around=replace(around, python="") if words.has_variables else around,
        command=words.command, command_todos=words.todos, left=left[:_MOST_LEFT], known_too=too, passed=words.passed,
        hyperparameters=tuple(declared(one, words.placed) for one in hyperparameters),
        budget=budget, why_budget=why_budget,
        write=around.config_file if words.values or words.placed else "", values=words.values,
        data=data, why_data=why_data, is_split=Role.EVAL in by_role, needs_data=_needs_data(by_role),
        metric=metric, perhaps=program.unknown_prints[-1] if metric is None and program.unknown_prints else None,
        direction=known_direction or (direction_of(metric.name) if metric else None),
        metric_file=_metric_file(words, metric) if metric else "",
        other_metrics=others_than(metric, program.metrics)[-_MOST_OTHERS:] if metric else (),
        source=given.source if given is not None else "",
    )  # fmt: skip


def _with_settings(program: Program, around: Surroundings) -> Program:
    """The program; one that reads a file from its first position gets the configuration file there."""
    first = next(iter(program.arguments), None)
    if program.parser != "argv" or first is None or not around.config_file or not program.reads_a_file:
        return program
    if first.kind is not None or not first.name.startswith("argument_"):
        return program
    return replace(program, arguments=(replace(first, name="config"), *program.arguments[1:]))


def _all_arguments(program: Program, around: Surroundings) -> tuple[Argument, ...]:
    """Those of the command line, and the values of the configuration file that the command line does not set."""
    own = {plain(argument.name) for argument in program.arguments}
    others = [value for value in around.config_values if plain(value.name.rpartition(".")[2]) not in own]
    takes_file = any(role is Role.CONFIG for role in roles_of(program.arguments).values())
    is_override = program.parser in ("hydra", "omegaconf")
    return (*program.arguments, *(others if takes_file or is_override or not program.parser else ()))


def _first_of_each(arguments: tuple[Argument, ...], roles: Mapping[str, Role]) -> dict[Role, Argument]:
    found: dict[Role, Argument] = {}
    for argument in arguments:
        found.setdefault(roles[argument.place or argument.name], argument)
    return found


def _fitting(words: Words, hyperparameters: tuple[DraftedHyperparameter, ...]) -> Words:
    """The words, with one to do where a hyperparameter reaches the program in no way."""
    reached = " ".join(words.command)
    lost = [one.name for one in hyperparameters if f"{{{one.name}}}" not in reached and f"{{{one.name}:" not in reached]
    lost = [name for name in lost if name not in words.placed]
    if not lost or not words.command:
        return words
    todo = (
        f"nothing hands over {', '.join(lost)}: let the program take a value for each (as --{lost[0]}, say), put it "
        f'into the command ("--{lost[0]}={{{lost[0]}}}"), and take out "{TODO}"'
    )
    return replace(words, command=(*words.command, TODO), todos=(*words.todos, todo))


def _needs_data(by_role: Mapping[Role, Argument]) -> bool:
    return bool(by_role.keys() & {Role.DATA, Role.TRAIN, Role.EVAL})


def _data(by_role: Mapping[Role, Argument], around: Surroundings) -> tuple[str, str]:
    """The data's path and why it is thought to be that; empty where none is seen."""
    for role in (Role.TRAIN, Role.DATA):
        argument = by_role.get(role)
        if argument is not None and isinstance(argument.default, str) and argument.default in around.tables:
            return argument.default, f"the default of {argument.shown}"
    if not around.tables:
        return "", ""
    return around.tables[0], "the only data file beside the script" if len(around.tables) == 1 else (
        "the largest data file beside the script; others: " + ", ".join(around.tables[1:4])
    )


def _budget(argument: Argument | None) -> tuple[tuple[str, int], str]:
    """The budget, and why."""
    if argument is None:
        return ("epochs", 1), "the script has no argument for it: one run counts as one"
    unit = "epochs" if "epoch" in plain(argument.name) else "steps"
    if type(argument.default) is int and 0 < argument.default <= 2**31:
        return (unit, argument.default), f"the default of {argument.shown}"
    return (unit, 10), f"{argument.shown} has no default"


def _metric(program: Program, given: Given | None, is_in_epochs: bool) -> MetricSight | None:
    """The metric that decides, with its curve where it is printed with the epoch."""
    sights = program.metrics
    if given is not None and given.metric:
        named = tuple(sight for sight in sights if plain(sight.name) == plain(given.metric))
        sight = best_sight(named) or MetricSight(given.metric, 0, "log")
    else:
        wanted = None if given is None else given.direction
        best = best_sight(tuple(sight for sight in sights if wanted in (None, direction_of(sight.name))))
        best = best or best_sight(sights)
        if best is None:
            return None
        sight = best
    return replace(sight, pattern=sight.curve) if sight.curve and is_in_epochs else sight


def _metric_file(words: Words, metric: MetricSight) -> str:
    """The file with the metric: among the outputs that the command names, or as the source says; "" where none is
    likely."""
    endings = (".json",) if metric.key else (".csv", ".tsv")
    fitting = [path for path in words.outputs.values() if path.endswith(endings)]
    plain_ones = [path for path in words.outputs.values() if "." not in path.rpartition("/")[2]]
    if not fitting and metric.file:
        folders = [f"{path.rstrip('/')}/{metric.file}" for path in plain_ones] if metric.is_below else [metric.file]
        return folders[0] if len(folders) == 1 else ""
    likely = [*fitting, *(plain_ones if len(words.outputs) == 1 else [])]
    return likely[0] if likely else ""


def is_finished(drafted: Draft) -> bool:
    """Whether nothing is left that only a person can settle."""
    values_known = all(one.value is not None or one.when for one in drafted.hyperparameters)
    metric = drafted.metric
    is_readable = metric is not None and metric.how != "log" and (metric.how != "file" or bool(drafted.metric_file))
    has_data = bool(drafted.data) or not drafted.needs_data
    has_space = bool(drafted.hyperparameters) and bool(drafted.command)
    is_known = drafted.direction is not None and bool(drafted.around.owner)
    return values_known and is_readable and has_data and has_space and is_known and not drafted.command_todos

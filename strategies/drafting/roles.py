"""What each argument of a training program is for, judged by its name."""

import re
from collections.abc import Iterable
from enum import StrEnum

from ..hyperparameter import Kind
from .program import Argument, plain
from .well_known import known_range


class Role(StrEnum):
    """What an argument is for."""

    SEED = "seed"
    SPLIT_SEED = "split_seed"
    TRAIN = "train"
    EVAL = "eval"
    DATA = "data"
    BUDGET = "budget"
    OUTPUT = "output"
    CONFIG = "config"
    SEARCHED = "hyperparameter"
    OTHER = "other"


_FILE = r"(_?(file|path|data|dataset|csv|set|dir|folder|files|data_?path|data_?file|data_?dir|frame|df|tsv|parquet))?"
_HELD_OUT = r"(eval|evaluation|val|valid|validation|dev|score|holdout|hold_out)"
_NAMES = (
    (Role.SPLIT_SEED, r"(split_seed|data_seed|split_random_state|fold_seed|cv_seed)"),
    (Role.SEED, r"(.*_)?(seed|random_?seed|random_?state|rng_?seed|manual_?seed)"),
    (Role.TRAIN, rf"(data_)?(x_)?train(ing)?{_FILE}|path_to_train{_FILE}|data_train"),
    (Role.EVAL, rf"(data_)?(x_)?{_HELD_OUT}{_FILE}|data_(val|eval|valid|dev)|scored"),
    (
        Role.DATA,
        r"(input_?|raw_)?(data|dataset)(_?(file|path|dir|root|folder|csv|set|dir|name))?|csv|csv_file"
        r"|input(_?(file|path|dir|data|csv))?|infile|root|corpus|text_?file|table|points|file|filename|path",
    ),
    (
        Role.BUDGET,
        r"(n_?|num_?|max_?|total_?|train_?|num_train_?|training_?)?"
        r"(epochs?|steps|iterations|iters?|iter|updates|timesteps|train_steps|train_iters)|nepochs?",
    ),
    (
        Role.OUTPUT,
        r"(.*_)?(out|output|outdir|outfile)(_?(file|path|dir|folder|name|model))?"
        r"|(save|checkpoint|ckpt|log|logging|model|results?|report|run|work|artifact|metrics|tensorboard|default_root)s?_?"
        r"(to|dir|path|file|out|folder|root_dir|json|csv)"
        r"|save|checkpoint|ckpt|results|logs|logdir|metrics|default_root_dir|save_as|dest(ination)?",
    ),
    (
        Role.CONFIG,
        r"(config|cfg|conf|configuration|hparams|hyperparameters|hyperparams|params|settings|options)"
        r"(_?(file|path|yaml|yml|json|toml))?|yaml(_file)?",
    ),
)


def role_of(argument: Argument) -> Role:
    """What the argument is for."""
    name = plain(argument.name.rpartition(".")[2])
    if re.match(r"(test|eval|val|valid|validation)_", name) and _is_number(argument):
        return Role.OTHER  # --test-batch-size
    if argument.switch is not None or argument.kind is Kind.BOOL:
        return Role.SEARCHED if known_range(argument) is not None else Role.OTHER
    for role, pattern in _NAMES:
        if re.fullmatch(pattern, name) and _fits(role, argument):
            return role
    if re.fullmatch(r"test" + _FILE, name) and _fits(Role.EVAL, argument):
        return Role.EVAL
    return Role.SEARCHED if known_range(argument) is not None else Role.OTHER


def roles_of(arguments: Iterable[Argument]) -> dict[str, Role]:
    """The role of each argument by its name, each of the roles that only one can have given to the first that has it.

    `--train FILE` alone, with nothing to score on, is the data; a test file beside a validation file stays as it is.
    """
    listed = tuple(arguments)
    found = {argument.place or argument.name: role_of(argument) for argument in listed}
    order = sorted(found, key=lambda name: ("test" in plain(name), plain(name) == "dataset"))
    for role in (Role.SEED, Role.SPLIT_SEED, Role.TRAIN, Role.EVAL, Role.DATA, Role.CONFIG, Role.BUDGET):
        for name in [name for name in order if found[name] is role][1:]:
            found[name] = Role.OTHER
    by_role = {role: name for name, role in found.items()}
    if Role.TRAIN in by_role and Role.EVAL not in by_role:
        found[by_role[Role.TRAIN]] = Role.OTHER if Role.DATA in by_role else Role.DATA
    if Role.EVAL in by_role and Role.TRAIN not in by_role:
        if Role.DATA in by_role:
            found[by_role[Role.DATA]] = Role.TRAIN
        else:
            found[by_role[Role.EVAL]] = Role.OTHER
    return found


def _fits(role: Role, argument: Argument) -> bool:
    """Whether the kind of value is one that the role has."""
    if role in (Role.SEED, Role.SPLIT_SEED, Role.BUDGET):
        return argument.kind is not Kind.FLOAT and not isinstance(argument.default, float | str)
    if (
        plain(argument.name) == "dataset"
        and isinstance(argument.default, str)
        and re.fullmatch(r"\w+", argument.default)
    ):
        return False  # the name of one that the program knows
    return not _is_number(argument) and not argument.choices


def _is_number(argument: Argument) -> bool:
    is_number = isinstance(argument.default, int | float) and not isinstance(argument.default, bool)
    return is_number or argument.kind in (Kind.INT, Kind.FLOAT)

"""Hyperparameters that most people would know by their name, and the range that a first draft gives them.

A table, not a theory: around the current value where that is known, because a search for rust looks near the current
settings first; else what the libraries that made the name known recommend.
"""

import math
import re
from dataclasses import dataclass

from ..hyperparameter import Kind
from ..records import Value
from .program import Argument, plain


@dataclass(frozen=True, slots=True)
class Known:
    """Names (a regular expression over the whole plain name), and the range.

    With `factor` the range is the current value divided and multiplied by it, within the bounds; without a value, or a
    factor, low to high. `rank`: the lower, the earlier it is among those searched.
    """

    names: str
    noun: str
    kind: Kind
    low: float
    high: float
    log: bool = False
    factor: float = 0.0
    rank: int = 5


_FLOAT, _INT = Kind.FLOAT, Kind.INT
WELL_KNOWN = (
    Known("(.*_)?(lr|learning_?rate|eta|eta0|step_?size|base_lr|init_lr|lr0)", "learning rate", _FLOAT, 1e-5, 1.0, True,
          30.0, 0),
    Known("(.*_)?(weight_?decay|wd|l2|l2_?reg|l2_lambda|reg_lambda|lambda_l2|ridge)", "weight decay", _FLOAT, 1e-6, 0.1,
          True, 100.0, 1),
    Known("(l1|l1_?reg|lambda_l1|reg_alpha|alpha|lambda|lambda_|lamb|lam|reg|regularization|penalty_weight)",
          "regularisation", _FLOAT, 1e-6, 1.0, True, 100.0, 1),
    Known("c|svm_c", "inverse regularisation", _FLOAT, 1e-3, 1e3, True, 100.0, 1),
    Known("(.*_)?(batch_?size|bs|minibatch(_size)?|batch|train_batch_size)", "batch size", _INT, 8, 512, True, 4.0, 2),
    Known("(.*_)?(momentum|beta_?1|adam_beta1|b1|mom)", "momentum", _FLOAT, 0.0, 0.99, rank=2),
    Known("(.*_)?(beta_?2|adam_beta2|b2)", "second-moment decay", _FLOAT, 0.9, 0.9999, rank=6),
    Known("(.*_)?(dropout|drop_?rate|dropout_?rate|p_drop|drop_?prob|drop_path(_rate)?|stochastic_depth)", "dropout",
          _FLOAT, 0.0, 0.6, rank=2),
    Known("(scale_)?pos(itive)?_?(class_)?weight", "weight of the rarer class", _FLOAT, 0.1, 100.0, True, 10.0, 4),
    Known("(num_?leaves|max_leaves|max_leaf_nodes)", "leaves of a tree", _INT, 8, 256, True, 4.0, 2),
    Known("(max_?depth|tree_depth)", "depth of a tree", _INT, 2, 12, rank=2),
    Known("(n_estimators|num_boost_round|num_rounds?|n_rounds?|num_trees|n_trees|num_iterations|trees|nrounds|ntree)",
          "number of trees", _INT, 50, 2000, True, 4.0, 2),
    Known("(min_child_weight|min_child_samples|min_samples_leaf|min_data_in_leaf|min_samples_split|min_node_size)",
          "least rows of a leaf", _INT, 1, 100, True, 5.0, 4),
    Known("(subsample|bagging_fraction|colsample(_.*)?|feature_fraction|row_sample|col_sample|max_samples|sample_frac)",
          "share that is sampled", _FLOAT, 0.4, 1.0, rank=4),
    Known("(n_neighbors|k_neighbors|knn|neighbors)", "neighbours", _INT, 1, 50, True, 4.0, 1),
    Known("(.*_)?(hidden(_?(size|dim|units|layer_size|features|channels))?|units|width|n_hidden|d_model|embed(ding)?_?dim|"
          "n_embd|emb_dim|latent_dim|channels|filters|neurons)", "width", _INT, 8, 512, True, 4.0, 3),
    Known("(n_?layers?|num_?layers|layers|depth|n_blocks|num_blocks|num_hidden_layers)", "number of layers", _INT, 1, 8,
          rank=4),
    Known("(.*_)?(label_?smoothing|smoothing)", "label smoothing", _FLOAT, 0.0, 0.3, rank=4),
    Known("(mixup(_alpha)?|cutmix(_alpha)?)", "strength of mixing", _FLOAT, 0.0, 1.0, rank=5),
    Known("(.*_)?(clip|grad_?clip|clip_?grad(_norm)?|max_grad_norm|clip_norm|gradient_clip(_val)?)",
          "gradient clipping", _FLOAT, 0.1, 10.0, True, 10.0, 5),
    Known("(warmup|warm_?up_?(steps|iters)|num_warmup_steps)", "warm-up", _INT, 0, 2000, rank=5),
    Known("(warm_?up_?(ratio|frac(tion)?|proportion))", "warm-up", _FLOAT, 0.0, 0.3, rank=5),
    Known("(lr_)?(gamma|decay|lr_decay|decay_rate|step_gamma)", "decay", _FLOAT, 0.1, 1.0, rank=4),
    Known("(temperature|temp|tau)", "temperature", _FLOAT, 0.05, 5.0, True, 10.0, 4),
    Known("(ema(_decay)?|ema_momentum)", "averaging", _FLOAT, 0.9, 0.9999, rank=6),
)  # fmt: skip
SWITCHES = re.compile(
    "nesterov|amsgrad|(use_)?(bias|batch_?norm|layer_?norm|bn|augment(ation)?|aug|class_weights?|early_stopping)|"
    "centered|normali[sz]e|standardi[sz]e|bootstrap|weighted|ema"
)
CHOICES = re.compile(
    "(.*_)?(optim(izer)?|opt|solver|scheduler|lr_sched(uler)?|activation|act|loss(_fn|_function)?|criterion|kernel|"
    "booster|boosting(_type)?|penalty|weights|norm(alization)?|init(ialization)?|arch|model|objective|splitter)"
)


@dataclass(frozen=True, slots=True)
class Range:
    """The values to search, and in words where they come from. `rank` orders those of several hyperparameters."""

    kind: Kind
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()
    why: str = ""
    rank: int = 5


def known_range(argument: Argument) -> Range | None:
    """The range that a first draft gives to an argument; None for one whose name says nothing."""
    name = plain(argument.name.rpartition(".")[2])
    if argument.choices and not _all_numbers(argument.choices):
        return _of_choices(argument, name)
    if argument.choices:
        kind = Kind.INT if all(type(choice) is int for choice in argument.choices) else Kind.FLOAT
        return Range(kind, choices=argument.choices, why="the choices that the script allows", rank=3)
    if argument.kind is Kind.BOOL:
        return Range(Kind.BOOL, why="a switch", rank=6) if SWITCHES.fullmatch(name) else None
    if isinstance(argument.default, str | tuple):
        return None
    known = next((known for known in WELL_KNOWN if re.fullmatch(known.names, name)), None)
    return None if known is None else range_of(known, argument)


def range_of(known: Known, argument: Argument) -> Range:
    """A well-known range, moved to where the current value is."""
    value = argument.default if not isinstance(argument.default, bool | str | tuple) else None
    kind = argument.kind if argument.kind in (Kind.INT, Kind.FLOAT) else known.kind
    if kind is Kind.INT and known.kind is Kind.FLOAT:
        kind = Kind.FLOAT  # --lr with the default 1
    if kind is Kind.FLOAT and known.kind is Kind.INT and argument.kind is not Kind.FLOAT:
        kind = Kind.INT
    low, high, log, why = known.low, known.high, known.log, f"{known.noun}: its usual range"
    if value is not None and known.factor and value > 0:
        low, high, log = value / known.factor, value * known.factor, True
        why = f"{known.noun}: {known.factor:g} times as small and as large as now"
    elif value is not None and known.log and value <= 0:
        low, log, why = (
            min(0.0, value),
            False,
            f"{known.noun}: its usual range; linear, because the value is {value:g} now",
        )
    if value is not None and not low <= value <= high:
        low, high = min(low, value), max(high, value)
        why += ", widened to hold the value"
    low, high = _rounded(low, high, kind, log)
    return Range(kind, low, high, log, why=why, rank=known.rank)


def around(argument: Argument) -> Range | None:
    """A range around the value of a number whose name says nothing; None without one."""
    value = argument.default
    if isinstance(value, bool | str | tuple) or value is None or argument.kind not in (Kind.INT, Kind.FLOAT):
        return None
    if value <= 0:
        return None
    low, high = _rounded(value / 10, value * 10, argument.kind, True)
    return Range(argument.kind, low, high, True, why="a tenth to ten times the current value, for want of more", rank=7)


def fixed(kind: Kind) -> Range:
    """No range: the value stays as it is."""
    return Range(kind)


def _of_choices(argument: Argument, name: str) -> Range | None:
    if not CHOICES.fullmatch(name) or len(argument.choices) < 2:
        return None
    return Range(Kind.CATEGORICAL, choices=argument.choices, why="the choices that the script allows", rank=4)


def _all_numbers(values: tuple[Value, ...]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _rounded(low: float, high: float, kind: Kind, log: bool) -> tuple[float, float]:
    """Bounds that a person would write; whole numbers for an int, above zero where the range is logarithmic."""
    if kind is Kind.INT:
        low, high = math.floor(low), math.ceil(high)
        low = max(1, low) if log else low
    else:
        low, high = float(f"{low:.2g}"), float(f"{high:.2g}")
    if log and low <= 0:
        low = 1e-12
    return (low, high) if low < high else (low, low + 1)

"""Names that mean several things, such as gamma: which one is meant, by what the argument is handed to, what its help
says, its neighbours in the source and its current value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..hyperparameter import Kind
from .known_names import Known
from .program import Argument, Surrounding, plain


@dataclass(frozen=True, slots=True)
class Meaning:
    """One meaning. `told`: what settles it where the argument is handed to something of that name, or its own name or
    help says so; `seen`: words of the source that make it likely, for values from `least` to `most`; "": such a value
    does."""

    known: Known
    told: str
    seen: str
    least: float = 0.0
    most: float = 1e12


_FLOAT, _NEVER = Kind.FLOAT, r"(?!)"
_MEANINGS: Mapping[str, tuple[Meaning, ...]] = {
    "gamma": (
        Meaning(Known("", "width of a kernel", _FLOAT, 1e-4, 10.0, True, 100.0, 1),
                r"sv[cr]\b|svm|rbf|kernel|nystroem", r"\b(nu)?sv[cr]\b|svm|rbfsampler|nystroem|kernelridge"),
        Meaning(Known("", "least gain of a split", _FLOAT, 0.0, 10.0, rank=4),
                r"xgb|split|min_split_loss", r"xgb|min_child_weight|colsample_bytree"),
        Meaning(Known("", "focus of a focal loss on hard cases", _FLOAT, 0.0, 5.0, rank=3), r"focal|focus", r"focal",
                most=10.0),
        Meaning(Known("", "discount of later rewards", _FLOAT, 0.9, 0.9999, rank=3),
                r"discount|reward|\bgae|returns?\b", r"gae_lambda|\bgym|replay_?buffer|stable_baselines3|env_id", 0.5,
                1.0),
        Meaning(Known("", "factor by which the learning rate decays", _FLOAT, 0.1, 1.0, rank=4),
                r"\w{3,}lr\b|\blr\b|learning.rate|sched|decay|anneal", r"\w{3,}lr\b|sched", 0.05, 1.0),
    ),
    "alpha": (
        Meaning(Known("", "weight of the rarer class in a focal loss", _FLOAT, 0.05, 0.95, rank=4), r"focal", r"focal",
                most=1.0),
        Meaning(Known("", "regularisation", _FLOAT, 1e-6, 1.0, True, 100.0, 1),
                r"ridge|lasso|elastic|enet|sgd(cl|reg)|mlp(cl|reg)|regulari|penalty",
                r"ridge|lasso|elastic_?net|sgdcl|sgdreg"),
        Meaning(Known("", "strength of mixing", _FLOAT, 0.0, 1.0, rank=5), r"mixup|cutmix|dirichlet", r"mixup|cutmix",
                most=2.0),
        Meaning(Known("", "scale of the low-rank adapters", Kind.INT, 4, 128, True, 4.0, 3), r"lora", r"lora", 1.0),
    ),
    "decay": (
        Meaning(Known("", "weight decay", _FLOAT, 1e-6, 0.1, True, 100.0, 1, most=1.0), r"weight|l2\b", "", most=0.05),
    ),
    "step": (Meaning(Known("", "learning rate", _FLOAT, 1e-5, 1.0, True, 30.0, 0), _NEVER, "", 1e-9, 0.5),),
    "tau": (
        Meaning(Known("", "how fast the target network follows", _FLOAT, 5e-4, 0.05, True, 10.0, 4),
                r"soft|polyak|target", r"replay_?buffer|\bgym|polyak|soft_update|target_net", most=0.3),
    ),
    "step_size": (
        Meaning(Known("", "epochs from one decay of the learning rate to the next", Kind.INT, 1, 100, True, 4.0, 5),
                r"\w{3,}lr\b|sched|decay|epoch", r"steplr|sched", 1.0),
    ),
}  # fmt: skip
_ALONE = frozenset({"decay", "step"})  # weight_decay and time_step say what they are
BOOSTERS = re.compile(r"xgb|lightgbm|\blgb\b|catboost|gradientboosting|adaboost")


def meant_by(argument: Argument, around: Surrounding) -> tuple[Known, str] | None:
    """What an argument of several meanings is, and what says so; None for other names, and where nothing says it."""
    name = plain(argument.name.rpartition(".")[2])
    family = next((one for one in _MEANINGS if name == one or (one not in _ALONE and name.endswith(f"_{one}"))), None)
    if family is None:
        return None
    receivers = around.handed_to.get(name, frozenset())
    own = " ".join([*sorted(receivers), name.removesuffix(family).rstrip("_"), argument.hint]).lower()
    told = next((meaning for meaning in _MEANINGS[family] if re.search(meaning.told, own)), None)
    if told is not None:
        named = next((word for word in sorted(receivers) if re.search(told.told, word.lower())), "")
        return told.known, f"the script hands it to {named}" if named else "its name or help says so"
    words = " ".join(sorted(around.words))
    for meaning in _MEANINGS[family]:
        if not meaning.seen and argument.number is not None and _is_plausible(argument, meaning):
            return meaning.known, "such a value says so"
        found = re.search(meaning.seen, words)
        if meaning.seen and found is not None and _is_plausible(argument, meaning):
            return meaning.known, f"the script mentions {_whole(words, found.start())}"
    return None


def has_several_meanings(argument: Argument) -> bool:
    """Whether the argument's name alone says too little."""
    return plain(argument.name.rpartition(".")[2]) in _MEANINGS


def _is_plausible(argument: Argument, meaning: Meaning) -> bool:
    value = argument.number
    return value is None or meaning.least <= value <= meaning.most


def _whole(words: str, place: int) -> str:
    """The word of which a part was found."""
    return words[words.rfind(" ", 0, place) + 1 :].partition(" ")[0][:40]

"""Names of metrics: which way is better, and which of several decides."""

import re
from typing import Literal

from .program import MetricSight, plain

Direction = Literal["minimize", "maximize"]

_LOWER = (
    "loss error err rmse mae mse mape smape rmsle msle logloss nll perplexity ppl cer wer fid brier bpc bpb deviance "
    "crossentropy entropy ce bce kl regret cost distance mad rse rae pinball crps eer gap misclassification wape wmape "
    "mase mdape mdae medae rmspe mspe nrmse nmae rmsse wql gmae hinge huber logcosh hamming chamfer emd ece "
    "deviation fpr fnr shortfall backlog"
)
_HIGHER = (
    "acc accuracy auc auroc auprc f1 precision prec recall r2 score ndcg map mrr bleu rouge iou miou dice reward "
    "return skill correlation corr kappa gini top1 top5 hits sharpe psnr ssim mcc fscore roc pearson spearman "
    "likelihood jaccard ap aucpr prauc rocauc f2 fbeta specificity sensitivity tpr tnr npv ks lift youden silhouette "
    "evs nse kge hitrate"
)
_HELD_OUT = "val valid validate validation eval evaluate evaluation dev test holdout heldout oof cv"
_TRAINING = "train training running batch tr"
_NO_METRIC = (
    "epoch step iter iteration lr time elapsed seconds sec duration seed eta device memory size len count n rows path "
    "file shape name best patience config args version progress fold total"
)
_OF_THE_MACHINE = "clock wall vram ram gpu peak took"
_UNITS = (
    "s ms min hours took took_s mb gb gib mib alpha beta gamma momentum threshold thr temperature fraction share ratio"
)
_LOSS = "loss losses nll cost crossentropy ce bce"
_NAMES_OF_OTHERS = "delta file path dir epoch step iter time weight weights name count index threshold"
_OF_SEVERAL = re.compile(r"(?i)(acc|prec|accuracy|top)[-_@ ]*(?!1(?!\d))\d+")  # Acc@5, top5
_USELESS = (
    ("logloss", 0.693, "of two classes, one that says 0.5 always"),
    ("auc auroc roc rocauc", 0.5, "one that guesses"),
    ("acc accuracy top1", 0.5, "one that names the commonest class always: this share of the rows, or in percent"),
    ("r2 nse evs skill corr correlation kappa mcc pearson spearman", 0.0, "one that predicts the mean always"),
    ("lift", 1.0, "one that guesses"),
    ("misclassification", 0.5, "one that names the commonest class always"),
)
"""Words of a metric's name, what a useless model scores, and which one that is."""
_WITHOUT_A_WORST = "likelihood reward return sharpe kge psnr silhouette"
_SECONDARY = (
    "fpr fnr tpr tnr npv specificity sensitivity ece deviation shortfall backlog lift huber hinge hamming silhouette"
)
"""Told beside what counts: some can be had by predicting one class always."""
_WORTH = {"report": 3, "print": 2, "file": 2, "log": 0}


def direction_of(name: str) -> Direction | None:
    """Which way is better for a metric of that name; None for one that is not known."""
    words = _words(name)
    joined = "".join(words)
    if words & {"logloss"} or "logloss" in joined or joined.startswith("neg") or "log_likelihood" in plain(name):
        is_negated = joined.startswith("neg") and "nll" not in words
        return "maximize" if is_negated or "likelihood" in joined else "minimize"
    if words & frozenset(_LOWER.split()):
        return "minimize"
    return "maximize" if words & frozenset(_HIGHER.split()) else None


def useless_score(name: str, direction: Direction | None) -> tuple[float | None, str]:
    """An example of what a useless model scores in a metric of that name, None where that depends on the data, and
    which model that is."""
    for words, score, which in _USELESS:
        if _words(name) & frozenset(words.split()):
            return score, which
    if _words(name) & frozenset(_WITHOUT_A_WORST.split()):
        return None, "that depends on the data"
    return (0.0, "the worst there is") if direction == "maximize" else (None, "one that predicts the mean always, say")


def is_metric(name: str) -> bool:
    """Whether the name may be that of a metric."""
    return (
        bool(re.search(r"[A-Za-z]", name))
        and direction_of(name) is not None
        and not _words(name) <= frozenset(_NO_METRIC.split())
        and _split(name)[-1] not in _NAMES_OF_OTHERS.split()
    )


def may_be_one(name: str) -> bool:
    """Whether a name that no table has may be that of a metric all the same: no time, count or path."""
    words = _words(name)
    return (
        bool(words)
        and not words & (frozenset(f"{_NO_METRIC} {_OF_THE_MACHINE}".split()) - {"best"})
        and not words <= frozenset(f"{_HELD_OUT} {_TRAINING}".split())
        and _split(name)[-1] not in f"{_NAMES_OF_OTHERS} {_UNITS}".split()
    )


def qualifies(word: str) -> bool:
    """Whether a word says on which rows a metric is measured."""
    return place_of(word) != 0


def place_of(text: str) -> int:
    """1 for words about held-out rows, -1 for words about training rows, else 0; the last such word counts."""
    held_out, training = frozenset(_HELD_OUT.split()), frozenset(_TRAINING.split())
    for word in reversed(_split(text)):
        if word in held_out or word in training:
            return 1 if word in held_out else -1
    return 0


def best_sight(sights: tuple[MetricSight, ...]) -> MetricSight | None:
    """The one that tells most likely what decides: of held-out rows before of training rows, one that can be read
    before one that cannot, a metric before the loss that is printed with it, the first guess before the first five,
    another metric before accuracy, which is coarse, the later before the earlier."""
    named = [(number, sight) for number, sight in enumerate(sights) if is_metric(sight.name)]
    return max(named, key=_worth, default=(0, None))[1]


def others_than(chosen: MetricSight, sights: tuple[MetricSight, ...]) -> tuple[MetricSight, ...]:
    """The metrics beside the chosen one that can be read and are not of training rows, each name once, in the order of
    the source."""
    named = (sight for sight in sights if sight.how != "log" and is_metric(sight.name))
    readable = {sight.name: sight for sight in named if (place_of(sight.name) or place_of(sight.context)) >= 0}
    others = (sight for name, sight in readable.items() if name != chosen.name)
    return tuple(sorted(others, key=lambda sight: sight.line))


def is_loss(name: str) -> bool:
    """Whether a metric is the loss that a training minimizes, and none that its owner chose beside it."""
    return bool(_words(name) & frozenset(_LOSS.split()))


def _worth(numbered: tuple[int, MetricSight]) -> tuple[int, ...]:
    number, sight = numbered
    where = 4 * place_of(sight.name) or 4 * place_of(sight.context)
    is_accuracy = bool(_words(sight.name) & {"acc", "accuracy"})
    is_secondary = bool(_words(sight.name) & frozenset(_SECONDARY.split()))
    choice = (not is_secondary, not is_loss(sight.name), not _OF_SEVERAL.search(sight.name), not is_accuracy)
    return (sight.how != "log", where + _WORTH[sight.how], *choice, sight.line, number)


def _words(name: str) -> frozenset[str]:
    return frozenset(_split(name))


def _split(name: str) -> list[str]:
    spelled = plain(name).replace("log_loss", "logloss").replace("cross_entropy", "crossentropy")
    spelled = spelled.replace("f1_score", "f1").replace("r_squared", "r2")
    return [word for word in re.split(r"_+|(?<=[a-z]{4})\d+$", spelled) if word]

"""Names of metrics: which way is better, and which of several decides."""

import re
from typing import Literal

from .program import MetricSight, plain

Direction = Literal["minimize", "maximize"]

_LOWER = (
    "loss error err rmse mae mse mape smape rmsle msle logloss nll perplexity ppl cer wer fid brier bpc bpb deviance "
    "crossentropy entropy ce bce kl regret cost distance mad rse rae pinball crps eer gap misclassification"
)
_HIGHER = (
    "acc accuracy auc auroc auprc f1 precision recall r2 score ndcg map mrr bleu rouge iou miou dice reward return "
    "skill correlation corr kappa gini top1 top5 hits sharpe psnr ssim mcc fscore roc pearson spearman likelihood "
    "jaccard ap"
)
_HELD_OUT = "val valid validation eval evaluation dev test holdout heldout oof cv"
_TRAINING = "train training running batch tr"
_NO_METRIC = (
    "epoch step iter iteration lr time elapsed seconds sec duration seed eta device memory size len count n rows path "
    "file shape name best patience config args version progress fold total"
)
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


def is_metric(name: str) -> bool:
    """Whether the name may be that of a metric."""
    return (
        bool(re.search(r"[A-Za-z]", name))
        and direction_of(name) is not None
        and not _words(name) <= frozenset(_NO_METRIC.split())
    )


def qualifies(word: str) -> bool:
    """Whether a word says on which rows a metric is measured."""
    return _place(word) != 0


def best_sight(sights: tuple[MetricSight, ...]) -> MetricSight | None:
    """The one that tells most likely what decides: of held-out rows before of training rows, one that can be read
    before one that cannot, the later before the earlier."""
    named = [sight for sight in sights if is_metric(sight.name)]
    return max(named, key=_worth, default=None)


def _worth(sight: MetricSight) -> tuple[int, int, int]:
    where = 4 * _place(sight.name) or 4 * _place(sight.context)
    return (sight.how != "log", where + _WORTH[sight.how], sight.line)


def _place(text: str) -> int:
    """1 for words about held-out rows, -1 for words about training rows, else 0."""
    words = _words(text)
    return bool(words & frozenset(_HELD_OUT.split())) - bool(words & frozenset(_TRAINING.split()))


def _words(name: str) -> frozenset[str]:
    spelled = plain(name).replace("log_loss", "logloss").replace("cross_entropy", "crossentropy")
    spelled = spelled.replace("f1_score", "f1").replace("r_squared", "r2")
    return frozenset(re.split(r"_+|(?<=[a-z]{4})\d+$", spelled)) - {"", None}

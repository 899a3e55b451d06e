"""The metrics that libraries print or write of their own accord: boosters, Keras, Lightning, Hugging Face's Trainer."""

import ast
import re
from collections.abc import Iterator, Mapping

from ..records import Value
from .constants import constant_of, last_name, module_constants
from .json_files import keys_of
from .program import MetricSight

_LIGHTNING = frozenset({"lightning", "pytorch_lightning"})
_NUMBER = r"([-+.\w]+)"
_XGBOOST = {
    "binary:logistic": "logloss", "multi:softprob": "mlogloss", "multi:softmax": "mlogloss",
    "reg:squarederror": "rmse", "reg:linear": "rmse", "reg:absoluteerror": "mae", "reg:logistic": "rmse",
    "rank:ndcg": "ndcg", "rank:pairwise": "ndcg", "rank:map": "map", "binary:hinge": "error",
    "reg:squaredlogerror": "rmsle",
}  # fmt: skip
"""What XGBoost prints for an objective. Source: its page of parameters, `eval_metric`."""
_LIGHTGBM = {"binary": "binary_logloss", "regression": "l2", "multiclass": "multi_logloss", "regression_l1": "l1",
             "lambdarank": "ndcg@5"}  # fmt: skip
_LIGHTGBM_ALIASES = {"rmse": "rmse", "mae": "l1", "mse": "l2", "l1": "l1", "l2": "l2", "logloss": "binary_logloss"}
_LABELS = {"l1": "mae", "l2": "mse"}


def library_sights(
    tree: ast.Module, imported: frozenset[str], printed: tuple[MetricSight, ...]
) -> tuple[MetricSight, ...]:
    """The metrics of libraries that the source uses; `printed`: what it prints and logs itself."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found: list[MetricSight] = []
    if "transformers" in imported:
        found += _of_trainer(tree, calls)
    if imported & {"keras", "tensorflow"}:
        fits = [call.lineno for call in calls if last_name(call.func) == "fit"]
        found += [MetricSight("val_loss", line, "print", r"(?<![\w-])val_loss: *(\S+)") for line in fits[-1:]]
    if imported & _LIGHTNING:
        found += _of_lightning(calls, printed)
    if imported & {"xgboost", "lightgbm"}:
        found += _of_boosters(tree, calls, imported)
    return tuple(found)


def _of_trainer(tree: ast.Module, calls: list[ast.Call]) -> Iterator[MetricSight]:
    """The dictionary that evaluating prints: its loss, and what `compute_metrics` returns."""
    line = next(
        (call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id.endswith("Trainer")), None
    )
    if line is None:
        return
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and "metrics" in node.name]
    returned = [node.value for function in functions for node in ast.walk(function)
                if isinstance(node, ast.Return) and node.value is not None]  # fmt: skip
    chosen = _keyword(calls, "metric_for_best_model")
    names = [key for node in returned for key in keys_of(node) if "." not in key]
    for name in ("loss", *names, *([chosen] if isinstance(chosen, str) else [])):
        full = f"eval_{name.removeprefix('eval_')}"
        yield MetricSight(full, line, "print", rf"'{re.escape(full)}': *'?{_NUMBER}")


def _of_lightning(calls: list[ast.Call], printed: tuple[MetricSight, ...]) -> Iterator[MetricSight]:
    """What is logged, in the table that validating prints, or in that of a CSVLogger."""
    logged = [sight for sight in printed if sight.how == "log"]
    if {last_name(call.func) for call in calls if isinstance(call.func, ast.Attribute)} & {"validate", "test"}:
        for sight in logged:
            pattern = rf"(?<![\w-]){re.escape(sight.name)}\W+{_NUMBER}"
            yield MetricSight(sight.name, sight.line, "print", pattern)
    file = next((file for call in calls if last_name(call.func) == "CSVLogger" and (file := _table(call))), "")
    for sight in logged if file else []:
        yield MetricSight(sight.name, sight.line, "file", column=sight.name, file=file, is_below=True)


def _table(call: ast.Call) -> str:
    """Where a CSVLogger writes in its folder; "" where the source does not say it."""
    given = {keyword.arg: constant_of(keyword.value, {}) for keyword in call.keywords}
    given |= {name: constant_of(node, {}) for name, node in zip(("name", "version"), call.args[1:], strict=False)}
    name, version = given.get("name", "lightning_logs"), given.get("version", "version_0")
    if not isinstance(name, str) or not isinstance(version, str | int):
        return ""
    parts = (name, f"version_{version}" if isinstance(version, int) else version, "metrics.csv")
    return "/".join(part for part in parts if part)


def _of_boosters(tree: ast.Module, calls: list[ast.Call], imported: frozenset[str]) -> Iterator[MetricSight]:
    """`[39] valid-logloss:0.33` of XGBoost and `[40] valid_0's binary_logloss: 0.33` of LightGBM, of the last set."""
    names, settings = module_constants(tree), _settings(tree, calls)
    is_shown = bool({last_name(call.func) for call in calls} & {"log_evaluation", "early_stopping"})
    for call in calls:
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        shown = constant_of(given.get("verbose_eval", given.get("verbose")), names)
        if shown is False or last_name(call.func) not in ("train", "fit"):
            continue
        if "xgboost" in imported and (place := _xgboost_set(given)):
            metric = settings.get("eval_metric") or _XGBOOST.get(settings.get("objective", ""), "")
            yield from _boosted(metric, call.lineno, rf"\[(?P<step>\d+)\].*\s{re.escape(place)}-{{}}:(\S+)")
        elif "lightgbm" in imported and is_shown and (place := _lightgbm_set(given)):
            told = settings.get("metric", "")
            metric = _LIGHTGBM_ALIASES.get(told, told) or _LIGHTGBM.get(settings.get("objective", ""), "")
            yield from _boosted(metric, call.lineno, rf"\[(?P<step>\d+)\].*{re.escape(place)}'s {{}}: (\S+)")


def _boosted(metric: str, line: int, pattern: str) -> Iterator[MetricSight]:
    if metric:
        found = pattern.format(re.escape(metric))
        label = _LABELS.get(metric, metric)
        yield MetricSight(label, line, "print", found.replace("(?P<step>\\d+)", "\\d+"), found)


def _xgboost_set(given: Mapping[str, ast.expr]) -> str:
    """The name of the last set of evals=[(train, "train"), (valid, "valid")], or of eval_set."""
    pairs = given.get("evals")
    if isinstance(pairs, ast.List | ast.Tuple) and pairs.elts:
        last = pairs.elts[-1]
        name = constant_of(last.elts[-1], {}) if isinstance(last, ast.Tuple) and last.elts else None
        return name if isinstance(name, str) else ""
    sets = given.get("eval_set")
    return f"validation_{len(sets.elts) - 1}" if isinstance(sets, ast.List | ast.Tuple) and sets.elts else ""


def _lightgbm_set(given: Mapping[str, ast.expr]) -> str:
    sets = given.get("valid_sets", given.get("eval_set"))
    if not isinstance(sets, ast.List | ast.Tuple) or not sets.elts:
        return ""
    names = given.get("valid_names", given.get("eval_names"))
    if isinstance(names, ast.List | ast.Tuple) and len(names.elts) == len(sets.elts):
        name = constant_of(names.elts[-1], {})
        return name if isinstance(name, str) else ""
    return f"valid_{len(sets.elts) - 1}"


def _settings(tree: ast.Module, calls: list[ast.Call]) -> dict[str, str]:
    """Objective and metric as texts, from dictionaries, keywords and the defaults of arguments of those names."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        pairs: list[tuple[object, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = [(key.value, value) for key, value in zip(node.keys, node.values, strict=True)
                     if isinstance(key, ast.Constant)]  # fmt: skip
        elif isinstance(node, ast.Call):
            pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
            flags = [constant_of(word, {}) for word in node.args]
            default = next((keyword.value for keyword in node.keywords if keyword.arg == "default"), None)
            pairs += [(flag.lstrip("-"), default) for flag in flags if isinstance(flag, str) and default is not None]
        for key, value in pairs:
            if key in ("objective", "eval_metric", "metric"):
                parts = value.elts if isinstance(value, ast.List) and value.elts else [value]
                text = constant_of(parts[-1], {})  # of several, the last one is watched
                if isinstance(text, str):
                    found[str(key)] = text
    return found


def _keyword(calls: list[ast.Call], name: str) -> Value | None:
    """The constant that a keyword of that name gets anywhere."""
    values = (constant_of(word.value, {}) for call in calls for word in call.keywords if word.arg == name)
    return next((value for value in values if value is not None), None)

"""A draft's hyperparameters from a study of Optuna: its space, and its best values."""

import difflib
import logging
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...strategies.drafting.constants import usable
from ...strategies.drafting.draft import DraftedHyperparameter, Given
from ...strategies.drafting.drafted_hyperparameters import name_of
from ...strategies.drafting.given import with_choices
from ...strategies.drafting.metric_names import Direction
from ...strategies.drafting.program import Argument
from ...strategies.drafting.well_known import Range
from ...strategies.errors import InputError
from ...strategies.hyperparameter import Kind
from ..masking import masked


def study_of(url: str, name: str) -> Given:
    """What the study knows. Raises InputError, one line without passwords, where it cannot be read or has no trial."""
    if find_spec("optuna") is None:
        raise InputError(
            "Optuna is not installed with retuned", "needed to read a study", "pip install 'retuned[optuna]'"
        )
    import optuna

    logging.getLogger("optuna").setLevel(logging.ERROR)
    shown = masked(url)
    try:
        storage = _storage(url)
        names = sorted(optuna.get_all_study_names(storage))
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            known = f"there are: {', '.join(names[:10])}" if names else "it has no study"
            raise InputError(f"{shown} has no study '{name}'", known, f"did you mean '{near[0]}'?" if near else "")
        study = optuna.load_study(study_name=name, storage=storage)
        trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if not trials:
            raise InputError(
                f"the study '{name}' has no trial that completed", "needed: one with its values", "run some"
            )
        best = study.best_trials[0]
        metric = (study.metric_names or [""])[0]
        is_loss = study.directions[0] is optuna.study.StudyDirection.MINIMIZE
    except InputError:
        raise
    except Exception as error:  # each driver of a database has its own
        reason = masked(" ".join(str(error).split()))[:200]
        raise InputError(f"{shown} cannot be read: {reason}", "allowed: a storage of Optuna", "check the URL") from None
    source = f"trial {best.number} of the study {name}"
    direction: Direction = "minimize" if is_loss else "maximize"
    return Given(f"the study {name}", _hyperparameters(best, source), metric, direction)


def _storage(url: str) -> Any:  # noqa: ANN401 - Optuna's own, which is loaded here alone
    """The storage, which must be there: Optuna would make a new one."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    path = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else url
    if "://" not in path and not Path(path).is_file():
        raise InputError(f"there is no file {path}", "allowed: a storage's URL, or a journal's file", "check the path")
    if "://" not in url:
        return optuna.storages.JournalStorage(JournalFileBackend(url))
    return optuna.storages.RDBStorage(url, skip_table_creation=True)


def _hyperparameters(trial: Any, source: str) -> tuple[DraftedHyperparameter, ...]:  # noqa: ANN401 - Optuna's own
    found: list[DraftedHyperparameter] = []
    params: Mapping[str, Any] = trial.params
    for name, distribution in trial.distributions.items():
        value, own = usable(params[name]), name_of(Argument(name), {one.name for one in found})
        if hasattr(distribution, "choices"):
            choices = tuple(choice for choice in map(usable, distribution.choices) if choice is not None)
            one = with_choices(own, choices, value, source) if value is not None else None
        else:
            one = _ranged(own, distribution, value, source)
        found += [one] if one is not None else []
    return tuple(found)


def _ranged(name: str, distribution: Any, value: Any, source: str) -> DraftedHyperparameter:  # noqa: ANN401 - as above
    is_int = isinstance(distribution.low, int) and isinstance(distribution.high, int)
    step = None if distribution.log or distribution.step in (None, 1) else distribution.step
    kind = Kind.INT if is_int else Kind.FLOAT
    if distribution.low == distribution.high:
        return DraftedHyperparameter(name, Range(kind), value, source)
    space = Range(kind, distribution.low, distribution.high, distribution.log, why=f"the space of {source}")
    return DraftedHyperparameter(name, space, value, source, step=step)

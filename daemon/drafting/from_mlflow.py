"""A draft's hyperparameters from a run that MLflow recorded, or from the run behind a registered model."""

import os
import re
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ...strategies.drafting.constants import number_or_text
from ...strategies.drafting.draft import Given
from ...strategies.drafting.given import from_values
from ...strategies.drafting.metric_names import best_sight, direction_of
from ...strategies.drafting.program import Argument, MetricSight, kind_of
from ...strategies.errors import InputError
from ..masking import masked

_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""By itself MLflow asks a server that is not there for minutes."""
_MODEL = re.compile(r"models:/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))")
_RUN = re.compile(r"(?:runs:/)?(?P<run>[0-9a-zA-Z_-]{8,64})")


def run_of(place: str, environ: Mapping[str, str] = os.environ) -> Given:
    """What the run knows. Raises InputError, one line without passwords, where it cannot be read."""
    model, run = _MODEL.fullmatch(place), _RUN.fullmatch(place)
    if model is None and run is None:
        allowed = "allowed: models:/NAME@ALIAS, models:/NAME/VERSION, or the id of a run"
        raise InputError(f"--mlflow is '{place[:100]}'", allowed, "for instance models:/rides@champion")
    if find_spec("mlflow") is None:
        remedy = "pip install 'retuned[mlflow]'"
        raise InputError("MLflow is not installed with retuned", "needed to read a run", remedy)
    if not environ.get("MLFLOW_TRACKING_URI") and not any(map(os.path.exists, ("mlruns", "mlflow.db"))):
        allowed = "needed: a tracking server, or a folder mlruns here"
        raise InputError("$MLFLOW_TRACKING_URI is not set", allowed, "export MLFLOW_TRACKING_URI=...")
    try:
        data, run_id = _read(model, "" if run is None else run["run"])
    except Exception as error:  # MLflow's own, those of its stores, and those of the network
        reason = masked(" ".join(str(error).split()))[:200]
        raise InputError(
            f"{place} cannot be read from MLflow: {reason}", "", "check the name and the address"
        ) from None
    params = {name: value for name, text in data.params.items() if (value := number_or_text(str(text))) is not None}
    values = [Argument(name, kind=kind_of(value), default=value) for name, value in params.items()]
    source = f"the run {run_id[:8]} of MLflow"
    best = best_sight(tuple(MetricSight(name, 0, "print") for name in data.metrics))
    metric = "" if best is None else best.name
    return Given(source, from_values(values, source), metric, direction_of(metric) if metric else None)


def _read(model: re.Match[str] | None, run_id: str) -> tuple[Any, str]:
    """The data of the run and its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        client = MlflowClient()
        if model is not None:
            version = (
                client.get_model_version_by_alias(model["name"], model["alias"])
                if model["alias"]
                else client.get_model_version(model["name"], model["version"])
            )
            run_id = str(version.run_id)
        return client.get_run(run_id).data, run_id

"""The history of a model as a table for research on how settings age: a row for each campaign."""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...strategies.adoption.gain import arrival_of
from ...strategies.errors import InputError
from ...strategies.records import plain
from ...strategies.words import counted
from ..api.views import History
from ..durable_files import sweep, temporary_beside
from ..reports.self_contained import cannot_write, check_target
from ..state.campaigns.campaigns import Campaign
from ..state.models.adoption_log import Adoption
from ..state.paging import Order
from .paged import pages

if TYPE_CHECKING:
    from ..api.record_verbs import RecordVerbs

_VERDICT = ("lower", "upper", "mean", "sd", "e_value", "divergence_e", "alpha", "beta", "delta", "delta_share",
            "n_pairs", "drop", "drop_p", "has_fallen", "incumbent_runs", "incumbent_failed",
            "challenger_failed")  # fmt: skip
_TEXTS = ("model", "kind", "trigger", "state", "created_at", "started_at", "ended_at", "metric", "direction", "outcome",
          "reason", "failure", "settings", "recommended", "causes", "changes", "suspicions", "adoption",
          "adopted_by", "arrival")  # fmt: skip
_WHOLE = ("campaign", "model_version", "settings_version", "n_pairs", "incumbent_runs", "incumbent_failed",
          "challenger_failed", "runs", "adopted_as", "gain_pairs")  # fmt: skip


def export_history(
    verbs: "RecordVerbs", name: str, files: Mapping[str, Path | None], *, is_all: bool, as_json: bool
) -> str:
    """Write the whole history of a model to the one file that is named, and say so.

    Raises InputError for two files, other options, a missing library, or a folder that cannot be written.
    """
    wanted = {form: file for form, file in files.items() if file is not None}
    if len(wanted) > 1 or as_json or not is_all:
        found = "--" + " and --".join([*wanted, *(["json"] if as_json else []), *([] if is_all else ["limit"])])
        raise InputError(f"{found} do not go together", "allowed: one file, with all campaigns", "give one of them")
    ((form, file),) = wanted.items()
    check_target(file, f"--{form}", (f".{form}",), f"for instance history.{form}")
    found_pages = pages(lambda rows, cursor: verbs.history(name, rows, cursor, Order.OLDEST), None, True)
    rows = [row for page in [*found_pages] for row in _rows(page)]
    try:
        _write(file, {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[form](rows))
    except OSError as error:
        raise cannot_write(file, error) from None
    return f"{counted(len(rows), 'campaign')} of {name}: {file}"


def _rows(page: History) -> Iterator[dict[str, Any]]:
    settings = {version.version: plain(version.configuration) for version in page.settings}
    measured = {measured.version: measured for measured in page.measured}
    adoptions = {made.campaign_id: made for made in page.adoptions if made.campaign_id is not None}
    for campaign in page.campaigns:
        by = measured.get(campaign.model_version)
        row = _row(campaign, 1.0 if by is None or not by.lower_is_better else -1.0)
        row["metric"] = None if by is None else by.metric
        row["direction"] = None if by is None else "minimize" if by.lower_is_better else "maximize"
        row["settings"] = _json(settings.get(campaign.settings_version))
        yield row | _adopted(adoptions.get(campaign.id))


def _row(campaign: Campaign, sign: float) -> dict[str, Any]:
    """A campaign; improvements are positive, mean scores in the metric's own direction, by `sign`."""
    verdict, ended, facts = campaign.verdict, campaign.facts.ended, campaign.facts
    moments = ("created_at", "started_at", "ended_at")
    means = ("incumbent_mean", "challenger_mean")
    scores = {name: None if verdict is None else getattr(verdict, name) for name in means}
    return {
        "model": campaign.model, "campaign": campaign.id, "kind": campaign.kind, "trigger": campaign.trigger,
        "state": campaign.phase, **{name: _moment(campaign, name) for name in moments},
        "model_version": campaign.model_version, "settings_version": campaign.settings_version,
        "outcome": None if verdict is None else verdict.outcome.value,
        "reason": None if verdict is None else verdict.reason.value,
        "failure": campaign.failure,
        **{name: None if verdict is None else getattr(verdict, name) for name in _VERDICT},
        **{name: None if score is None else sign * score for name, score in scores.items()},
        "recommended": None if ended is None or ended.recommended is None else _json(plain(ended.recommended)),
        "causes": None if ended is None or ended.causes is None else _json(ended.causes.to_json()),
        "changes": None if facts.prepared is None else _json(list(facts.prepared.changes)),
        "suspicions": None if facts.prepared is None else _json(list(facts.prepared.suspicions)),
        "compute_s": None if ended is None else ended.compute_s,
        "runs": None if ended is None else ended.runs,
    }  # fmt: skip


def _adopted(made: Adoption | None) -> dict[str, Any]:
    """Whether and how the campaign's values were adopted, and what that brought."""
    gain = None if made is None else made.gain
    return {
        "adoption": None if made is None else made.kind.value,
        "adopted_as": None if made is None else made.settings_version,
        "adopted_by": None if made is None else made.by,
        "gain_mean": None if gain is None else gain.mean,
        "gain_low": None if gain is None else gain.low,
        "gain_high": None if gain is None else gain.high,
        "gain_pairs": None if gain is None else gain.pairs,
        "arrival": None if made is None or gain is None else arrival_of(made.promise, gain).value,
    }


def _moment(campaign: Campaign, name: str) -> str | None:
    moment = getattr(campaign, name)
    return None if moment is None else str(moment.isoformat())


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["campaign"])
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode(errors="backslashreplace")


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            "--parquet needs pyarrow, which is not installed",
            "allowed with the extra: pip install 'retuned[parquet]'",
            "install it, or write --csv or --jsonl",
        ) from None
    names = list(rows[0]) if rows else ["campaign"]
    kinds = {name: pyarrow.string() for name in _TEXTS} | {name: pyarrow.int64() for name in _WHOLE}
    kinds["has_fallen"] = pyarrow.bool_()
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in names])
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema=schema), sink)
    return bytes(sink.getvalue().to_pybytes())


def _write(file: Path, content: bytes) -> None:
    """Write the file whole, by rename."""
    sweep((file.parent,), of=file.name)
    temporary = temporary_beside(file)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

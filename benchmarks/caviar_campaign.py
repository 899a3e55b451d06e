"""One re-evaluation of the bike-share example from the command line, and where its time went."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from retuned.daemon.state.campaigns.campaigns import campaigns_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.store import Store

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "bike_share"


def bike_share(folder: Path, fuse: str, python: str) -> dict[str, Any]:
    """Launch on 2010, baseline, re-tune on 2015; `fuse` as in the model file."""
    shutil.copytree(EXAMPLE, folder / "model", ignore=shutil.ignore_patterns("data", "__pycache__"))
    file = folder / "model" / "model.toml"
    file.write_text(file.read_text().replace('timeout = "2m"', f'timeout = "2m"\nfuse = "{fuse}"'))
    _prepare(folder, python, "2010H2")
    _retuned(folder, python, "register", "--no-check", str(file))
    _retuned(folder, python, "baseline", "bike-share")
    _prepare(folder, python, "2015H2")
    _retuned(folder, python, "retune", "bike-share", "--seed", "1")
    return _account(folder / "state", fuse)


def _account(state: Path, fuse: str) -> dict[str, Any]:
    store = Store(state)
    campaign = campaigns_of(store, find_model(store, "bike-share").id, "retune")[-1]
    legs = [one for one in results_of(store, campaign.id) if one.request.trial.startswith(("search.", "confirm."))]
    rows = store.rows("SELECT name, planned_at, ended_at FROM legs WHERE campaign_id = ?", (campaign.id,))
    times = {row["name"]: (_time(row["planned_at"]), _time(row["ended_at"])) for row in rows}
    begun, ended = (pick(times[leg.request.name][at] for leg in legs) for at, pick in ((0, min), (1, max)))
    trained = sum(leg.seconds for leg in legs)
    runs = len({leg.request.trial for leg in legs})
    wall = (ended - begun).total_seconds()
    first = [leg for leg in legs if times[leg.request.name][0] == begun]
    started = (max(times[leg.request.name][1] for leg in first) - begun).total_seconds()
    started -= sum(leg.seconds for leg in first) / 2  # two workers import torch before the first wave
    return {
        "fuse": fuse, "verdict": campaign.verdict.outcome.value if campaign.verdict else "none", "runs": runs,
        "wall_s": round(wall, 2), "trained_s": round(trained, 2),
        "wall_is_times_half_of_it": round(2 * wall / trained, 2), "start_of_two_workers_s": round(started, 2),
        "without_start": round(2 * (wall - started) / trained, 2),
    }  # fmt: skip


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _prepare(folder: Path, python: str, window: str) -> None:
    subprocess.run([python, str(folder / "model" / "prepare.py"), window], check=True, stdout=subprocess.DEVNULL)


def _retuned(folder: Path, python: str, *words: str) -> None:
    command = [str(Path(python).with_name("retuned")), "--state", str(folder / "state"), *words]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    assert code in (0, 10, 11, 12, 13), (words, code)

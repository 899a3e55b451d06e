"""What the tests of cut files share: a model's data cut and handed to legs, without a campaign around it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retuned.daemon.config.model_tables import DataTable
from retuned.daemon.training.splits.split_files import SplitFiles, open_splits
from retuned.strategies.records import LegRequest, Purpose, Role


def leg(split_seed: int, purpose: Purpose = Purpose.CONFIRM, name: str = "leg") -> LegRequest:
    """A leg that needs the files of a split seed and a purpose."""
    return LegRequest(
        name=name, trial=name, purpose=purpose, configuration={}, seed=1, split_seed=split_seed, from_step=0,
        to_step=1, role=Role.INCUMBENT, number=0,
    )  # fmt: skip


@pytest.fixture
def cut(tmp_path: Path) -> Callable[..., SplitFiles]:
    """Cuts the data at a path, or that a pattern names, into a folder of its own."""

    def make(
        path: Path, pairs: int = 4, folder: str = "campaign", limits: dict[str, int] | None = None, **split: Any
    ) -> SplitFiles:
        keys = {"by": "rows", **split}
        place = {"glob": str(path)} if "*" in path.name else {"path": str(path)}
        data = DataTable.model_validate({**place, "split": keys})
        assert data.split is not None
        snapshot = path.parent if "*" in path.name else path
        return open_splits(data, data.split, snapshot, tmp_path / folder, pairs, lambda: None, **limits or {})

    return make

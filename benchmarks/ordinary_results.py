"""The result file of the study of ordinary scripts, which is kept campaign by campaign."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Results:
    """The result file: it holds every campaign that has ended, so that a study goes on where it was stopped."""

    def __init__(self, path: Path, search: str) -> None:
        """`search`: what the model files say of it; campaigns of other searches do not count."""
        self.path, self.search = path, search
        before = json.loads(path.read_text()) if path.exists() else {}
        self.campaigns: list[Row] = before.get("campaigns", []) if before.get("search") == search else []

    def join(self, path: Path) -> None:
        """Take in the campaigns of another file that this one lacks; raises ValueError for those of another search."""
        other = json.loads(path.read_text())
        if other["search"] != self.search:
            raise ValueError(f"{path} holds campaigns of the search {other['search']!r}, not {self.search!r}")
        here = {(row["study"], row["name"], row["seed"]) for row in self.campaigns}
        self.campaigns += [row for row in other["campaigns"] if (row["study"], row["name"], row["seed"]) not in here]

    def missing(self, study: str, name: str, count: int) -> list[int]:
        """The seeds from 1 to `count` whose campaigns have not ended yet."""
        return [seed for seed in range(1, count + 1) if seed not in {row["seed"] for row in self.of(study, name)}]

    def of(self, study: str, name: str) -> list[Row]:
        """The campaigns of one kind."""
        return [row for row in self.campaigns if (row["study"], row["name"]) == (study, name)]

    def add(self, row: Row) -> None:
        """Keep a campaign, on the disk too."""
        self.campaigns.append(row)
        print(
            " ".join(f"{key}={row[key]}" for key in ("study", "name", "seed", "outcome", "pairs", "wall_s")), flush=True
        )
        self.write({"search": self.search, "is_complete": False})

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the file whole, campaigns last."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_text(json.dumps({**record, "campaigns": self.campaigns}, indent=1, ensure_ascii=False) + "\n")
        beside.replace(self.path)

"""All that the phases of a campaign found and froze, as stored in the column `facts`.

The column is one flat JSON object with a version, because SQL queries its keys and services of every version read it.
Objects from before there was a version have the same keys. A record is present once its phase has written it; its keys
are written together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar

from ....strategies.panda.diary import Wish
from ....strategies.verdict.contract import Contract
from ....strategies.verdict.verdict_records import Verdict
from .phase_records import ChosenStrategy, Continued, Ended, FirstStage, Look, PandaDiary, Prepared, Searched

VERSION = 1
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """All that is known about a campaign besides its row; None: its phases have not reached that yet.

    `contract`: the baseline's while the code is the same, else probed before the search. `judged`: the verdict while
    its causes are investigated. People write `wishes` while a panda searches. `first`: where a second stage was begun;
    `searched` is then that of the stage whose pairs ran last. `looks`: what the pairs of the stage that runs have said
    so far.
    """

    prepared: Prepared | None = None
    contract: Contract | None = None
    chosen: ChosenStrategy | None = None
    panda: PandaDiary | None = None
    wishes: tuple[Wish, ...] = ()
    searched: Searched | None = None
    first: FirstStage | None = None
    looks: tuple[Look, ...] = ()
    judged: Verdict | None = None
    continued: Continued | None = None
    ended: Ended | None = None

    @property
    def suspicions(self) -> tuple[str, ...]:
        """What looks like a glitch in the data, in clauses."""
        return () if self.prepared is None else self.prepared.suspicions

    def to_json(self) -> dict[str, Any]:
        """The facts as one flat object of JSON values."""
        flat: dict[str, Any] = {"version": VERSION}
        for record in (self.prepared, self.chosen, self.searched, self.continued, self.ended):
            flat |= {} if record is None else record.to_json()
        parts = {"contract": self.contract, "panda": self.panda, "first_stage": self.first, "judged": self.judged}
        for name, part in parts.items():
            flat |= {} if part is None else {name: part.to_json()}
        flat |= {"wishes": [wish.to_json() for wish in self.wishes]} if self.wishes else {}
        return flat | ({"looks": [asdict(look) for look in self.looks]} if self.looks else {})

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The facts in a column of any version; raises ValueError for a newer version than this."""
        if fields.get("version", 0) > VERSION:
            raise ValueError(f"facts of version {fields['version']}; versions up to {VERSION} are known")
        return cls(
            prepared=Prepared.from_json(fields) if "environment" in fields else None,
            contract=Contract.from_json(fields["contract"]) if "contract" in fields else None,
            chosen=ChosenStrategy.from_json(fields) if "estimate" in fields else None,
            panda=PandaDiary.from_json(fields["panda"]) if "panda" in fields else None,
            wishes=tuple(Wish.from_json(wish) for wish in fields.get("wishes", ())),
            searched=Searched.from_json(fields) if "test_plan" in fields else None,
            first=FirstStage.from_json(fields["first_stage"]) if "first_stage" in fields else None,
            looks=tuple(Look(**look) for look in fields.get("looks", ())),
            judged=Verdict.from_json(fields["judged"]) if "judged" in fields else None,
            continued=Continued.from_json(fields) if "pairs_allowed" in fields else None,
            ended=Ended.from_json(fields) if "compute_s" in fields else None,
        )


def reached(record: Record | None) -> Record:
    """The record of a phase that the campaign has passed."""
    if record is None:
        raise LookupError("the campaign has not reached that phase")
    return record

"""The contract that a verdict rests on: seed, split and purpose each change the score, two identical calls do not.

A training command that breaks it makes the error rate of the paired test meaningless: without fresh noise the
differences of pairs repeat each other, and rows shared by search and confirm reward the search's luck. So a
broken or untested contract never leads to STALE.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

_CLEAR = 5.0  # an effect counts when it exceeds the range of identical calls this many times


class Breach(StrEnum):
    """What is wrong with a contract, the most important first."""

    NOT_REPEATABLE = "not_repeatable"  # identical calls differ as much as the effects do
    PURPOSE_IGNORED = "purpose_ignored"  # search and confirm are scored on the same rows
    SPLIT_IGNORED = "split_ignored"
    SEED_IGNORED = "seed_ignored"
    UNTESTED = "contract_untested"
    DATA_IGNORED = "data_ignored"  # forbids to name causes, not the verdict


_REMEDIES = {
    Breach.NOT_REPEATABLE: "two identical calls give scores that differ as much as scores with another seed, "
    "split or purpose; take every random number from the seed and the split seed that the training is given",
    Breach.PURPOSE_IGNORED: "the score does not depend on the purpose, so search and confirm are scored on the same "
    "rows; score the purposes probe and search on development rows, replicate and confirm on held-out rows, "
    "or have retuned cut the data ([data.split]) and score what {eval} names",
    Breach.SPLIT_IGNORED: "the score does not depend on the split seed, so every pair is scored on the same rows; "
    "draw or choose the evaluation rows from it, or have retuned cut the data ([data.split]), train on what {train} "
    "names and score what {eval} names",
    Breach.SEED_IGNORED: "the score does not depend on the seed, so training runs repeat each other; "
    "draw the initialisation and the data order from it ({seed} in the command, or RETUNED_SEED); where the training "
    "draws nothing at random, have retuned cut the data ([data.split]): its rows, drawn anew for each pair, are enough",
    Breach.UNTESTED: "whether seed, split and purpose change the score could not be tested; "
    "make a short run of the stored settings finish with a score, then re-tune again",
    Breach.DATA_IGNORED: "the score does not depend on RETUNED_DATA: a run on a part of the data scored the same, so "
    "old data and new data cannot be compared; read the data from the path that the training is given",
}


@dataclass(frozen=True, slots=True)
class Contract:
    """What short probes found out about a model's training; None where something could not be tested.

    `equal_calls`: how many calls were compared with an identical one. `data_matters`: whether a run on a part of the
    data scored differently; None as well where no data is configured. `data_note`: why it was not tested, as a clause.
    `are_rows_drawn`: retuned draws the training rows anew for each split seed.
    """

    seed_matters: bool | None
    split_matters: bool | None
    purpose_matters: bool | None
    is_deterministic: bool | None
    notes: tuple[str, ...] = ()
    equal_calls: int = 1
    data_matters: bool | None = None
    data_note: str = ""
    are_rows_drawn: bool = False

    @property
    def draws_nothing(self) -> bool:
        """Whether the training draws nothing by the seed that its score shows, but its rows are drawn anew for each
        pair, so that pairs do not repeat each other: what a closed formula or a tree of all columns does."""
        varies = self.are_rows_drawn and self.split_matters is True
        return self.seed_matters is False and varies and self.is_deterministic is True

    @property
    def effects(self) -> Mapping[str, bool | None]:
        """Whether "seed", "split" and "purpose" matter to the score."""
        return {"seed": self.seed_matters, "split": self.split_matters, "purpose": self.purpose_matters}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Those of them on which the score of a training that repeats itself did not depend at all."""
        is_sure = self.is_deterministic is True
        return tuple(name for name, matters in self.effects.items() if matters is False and is_sure)

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """Everything that limits the verdict, the most important first; empty when that part of the contract holds."""
        effects = {
            Breach.PURPOSE_IGNORED: self.purpose_matters,
            Breach.SPLIT_IGNORED: self.split_matters,
            Breach.SEED_IGNORED: self.seed_matters,
        }
        if self.draws_nothing:
            del effects[Breach.SEED_IGNORED]
        ignored = tuple(breach for breach, matters in effects.items() if matters is False)
        if ignored and self.is_deterministic is False:
            return (Breach.NOT_REPEATABLE,)
        untested = (Breach.UNTESTED,) if None in (*effects.values(), self.is_deterministic) else ()
        return ignored + untested

    @property
    def why_no_causes(self) -> str:
        """Why nothing may be said about causes, as a clause; empty where it may."""
        return _REMEDIES[Breach.DATA_IGNORED].partition(";")[0] if self.data_matters is False else ""

    @property
    def all_breaches(self) -> tuple[Breach, ...]:
        """What is wrong with the verdict's error rates, and after that what forbids to name causes."""
        return (*self.breaches, Breach.DATA_IGNORED) if self.data_matters is False else self.breaches

    @property
    def allows_stale(self) -> bool:
        """Whether seed, split and purpose are used as they should, so that the error rate of STALE means something."""
        return not self.breaches

    @property
    def forbids_pairs(self) -> bool:
        """Whether pairs could find the settings neither stale nor fresh, so that searching a challenger is wasted."""
        return not (self.allows_stale or self.allows_fresh_by_bound or Breach.UNTESTED in self.breaches)

    @property
    def allows_fresh_by_bound(self) -> bool:
        """Whether the pairs are scored on rows that the search has not seen."""
        return self.purpose_matters is True

    @property
    def covered(self) -> str:
        """What the error rate covers, or what is missing and how to fix it, in sentences for the owner."""
        ignored = f" No causes can be named: {_REMEDIES[Breach.DATA_IGNORED]}." if self.data_matters is False else ""
        if self.breaches:
            found = ". Also: ".join(_REMEDIES[breach] for breach in self.breaches)
            return f"No error rate can be given: {found}.{ignored}"
        varies = "" if self.is_deterministic else " Identical calls differ slightly: a second run gives other numbers."
        training = (
            "the choice of training rows (drawn anew for each pair; another seed did not change the score)"
            if self.draws_nothing
            else "randomness in training (initialisation and data order from a new seed)"
        )
        return (
            f"The error rate covers {training}, the choice of evaluation rows (a fresh split for each pair) "
            f"and luck in the search (rows that it has not seen).{varies}{ignored}"
        )

    def to_json(self) -> dict[str, Any]:
        """The contract as values that JSON can hold; as earlier versions wrote it where its probe was theirs."""
        absent = {"equal_calls": 1, "data_matters": None, "data_note": "", "are_rows_drawn": False}
        return {name: value for name, value in asdict(self).items() if name not in absent or value != absent[name]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The contract that `to_json` gave."""
        return cls(**{**fields, "notes": tuple(fields["notes"])})


def contract_of(
    base: float | None,
    equal: Sequence[float | None],
    *,
    seeds: Sequence[float | None],
    splits: Sequence[float | None],
    purposes: Sequence[float | None],
    confirmed: float | None,
    on_other_splits: Sequence[tuple[float | None, float | None]] = (),
    are_rows_drawn: bool = False,
) -> Contract:
    """What a model's training keeps of the contract, from the scores of short probes of one configuration.

    `base` is the score of one call, `equal` those of calls identical to it; in `seeds` and `purposes` only the seed or
    the purpose differs from it. `confirmed` is the score of a call on held-out rows, and in `splits` only the split
    seed differs from that: it is the pairs that need rows of their own. `on_other_splits`: of a call for a search and
    one for a confirmation, each two on one further split. None is a probe without a score.

    An effect counts when it is not zero and exceeds five times the range of identical calls. With three calls beside
    the first, pure noise does so in one of 3,000 models; ten times the difference of two calls lets one of 40 pass.
    """
    noise = _range([base, *equal])
    effects = {
        "seed": _largest_change(base, seeds),
        "split": _largest_change(confirmed, splits),
        "purpose": _largest([_largest_change(base, purposes), *(_largest_change(a, [b]) for a, b in on_other_splits)]),
    }
    matters = {name: _is_clear(effect, noise) for name, effect in effects.items()}
    changes = {"identical calls": noise, **effects}
    notes = (f"{name}: {'not tested' if change is None else f'{change:.3g}'}" for name, change in changes.items())
    return Contract(
        seed_matters=matters["seed"],
        split_matters=matters["split"],
        purpose_matters=matters["purpose"],
        is_deterministic=None if noise is None else noise == 0,
        notes=tuple(notes),
        equal_calls=len(equal),
        are_rows_drawn=are_rows_drawn,
    )


def with_data(contract: Contract, base: float | None, on_part: float | None, equal: Sequence[float | None]) -> Contract:
    """The contract with what a run on a part of the data says about it: whether the data matters to the score.

    `base` is the score of that run on the whole data, `equal` those of calls identical to one another, a first one
    included; without two of them the contract has to be known as repeatable. A run on the part that fails (None), where
    one on the whole completes, shows that the data is read.
    """
    noise = 0.0 if contract.is_deterministic else _range(equal)
    if base is None or not math.isfinite(base) or noise is None:
        return replace(contract, data_note="no probe that could be compared completed")
    if on_part is None or not math.isfinite(on_part):
        return replace(contract, data_matters=True, notes=(*contract.notes, "data: the run on a part of it failed"))
    effect = abs(on_part - base)
    notes = (*contract.notes, f"data: {effect:.3g}")
    return replace(contract, data_matters=_is_clear(effect, noise), notes=notes)


def _range(scores: Sequence[float | None]) -> float | None:
    """How far identical calls differ; None with fewer than two scores, or without the first."""
    finite = [score for score in scores if score is not None and math.isfinite(score)]
    if len(finite) < 2 or scores[0] not in finite:
        return None
    return max(finite) - min(finite)


def _largest_change(base: float | None, others: Sequence[float | None]) -> float | None:
    if base is None or not math.isfinite(base):
        return None
    changes = [abs(score - base) for score in others if score is not None and math.isfinite(score)]
    return max(changes, default=None)


def _largest(changes: Sequence[float | None]) -> float | None:
    return max((change for change in changes if change is not None), default=None)


def _is_clear(effect: float | None, noise: float | None) -> bool | None:
    if effect is None or noise is None:
        return None
    return effect > 0 and effect > _CLEAR * noise

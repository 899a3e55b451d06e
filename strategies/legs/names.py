"""The names of trials and their legs: built here, and read back here alone.

A name is what a file is called and what a reader sees; what a program wants to know of a leg stands in its request.
Requests written by versions before role and number were recorded have nothing but the name to say them.

    replicate.000                    a replicate of the baseline
    search.000, search.012           the incumbent's run in a search, and a candidate's; its legs: search.012.r1 to a
                                     rung, search.012.d0003 a day of a panda
    confirm.i000, confirm.c000       incumbent and challenger of a pair; those of a second stage begin with 1000
    cause.i000, cause.c000           the same on the baseline's data
    probe.seed, probe_full.seed      a probe of the contract, also probe_challenger and probe_challenger_full
    noise.seed1, noise.split1        a run of a check: the probe "purpose" with another seed or split
"""

import re
from dataclasses import dataclass

from ..records import Purpose, Role

PROBE_VARIANTS = (
    "base", "equal", "seed", "split", "purpose", "equal2", "equal3", "confirm_split", "data", "seed2", "seed3",
    "confirm_split2", "confirm_split3", "split2", "split3",
)  # fmt: skip
"""What each probe of the contract differs in, in the order of their numbers; "split" is on record only."""
PROBES = ("base", "equal", "equal2", "equal3", "seed", "purpose", "confirm_split")
"""The probes that are run: "confirm_split" differs from "purpose" in the split seed, all others from "base"."""
MORE_PROBES = {
    "seed": (("seed2",), ("seed3",)),
    "split": (("confirm_split2",), ("confirm_split3",)),
    "purpose": (("split2", "confirm_split2"), ("split3", "confirm_split3")),
}
"""The probes that follow, one step after the other, where a score did not depend on something: two scores may be the
same by chance, where the metric counts few rows. "split2" is a search on the rows' split of "confirm_split2"."""
DATA_PROBE = "data"
"""The probe on a part of the data, after the others."""

_SEARCH = "search."
_FULL_RUNS = {
    (Purpose.REPLICATE, Role.INCUMBENT): "replicate.",
    (Purpose.CONFIRM, Role.INCUMBENT): "confirm.i",
    (Purpose.CONFIRM, Role.CHALLENGER): "confirm.c",
    (Purpose.CONFIRM, Role.PREVIOUS): "previous.",
    (Purpose.REPLICATE, Role.CAUSE_INCUMBENT): "cause.i",
    (Purpose.REPLICATE, Role.CAUSE_CHALLENGER): "cause.c",
}
_ROLES = {stem: role for (_, role), stem in _FULL_RUNS.items()}
_PATTERN = re.compile(
    r"(?P<stem>replicate\.|previous\.|search\.|confirm\.[ic]|cause\.[ic])(?P<number>\d+)"
    r"(\.r(?P<rung>\d+)|\.d(?P<day>\d+))?(\.p\d+)?"
)
_PROBE = re.compile(rf"probe(_challenger)?(_full)?\.(?P<variant>{'|'.join(PROBE_VARIANTS)})")


@dataclass(frozen=True, slots=True)
class LegName:
    """What a name says; `rung` and `day` are those of a leg of a search, None for every other."""

    role: Role
    number: int
    rung: int | None = None
    day: int | None = None

    @property
    def is_of_search(self) -> bool:
        """Whether it names a leg of a search."""
        return self.rung is not None or self.day is not None


def full_run(purpose: Purpose, role: Role, number: int) -> str:
    """The name of one whole training outside a search: trial and leg are called the same."""
    return f"{_FULL_RUNS[purpose, role]}{number:03d}"


def search_trial(number: int) -> str:
    """The name of a search's trial; number 0 is the incumbent."""
    return f"{_SEARCH}{number:03d}"


INCUMBENT = search_trial(0)
"""The incumbent's trial in a search."""


def rung_leg(trial: str, rung: int) -> str:
    """The name of a trial's leg to a rung."""
    return f"{trial}.r{rung}"


def day_leg(trial: str, day: int) -> str:
    """The name of a panda's leg of one day; probes of rates are legs of day 0."""
    return f"{trial}.d{day:04d}"


def probe(variant: str, *, of_challenger: bool, is_full: bool) -> str:
    """The name of a probe of the contract: a short run of the stored settings, or of the challenger, or a full one."""
    return f"probe{'_challenger' if of_challenger else ''}{'_full' if is_full else ''}.{variant}"


def noise_run(differs_in: str, number: int) -> str:
    """The name of a run that measures noise: it differs from the probe "purpose" in "seed" or "split" alone."""
    return f"noise.{differs_in}{number}"


def piece(leg: str, number: int) -> str:
    """The name of a part of a leg that is trained with constant values."""
    return f"{leg}.p{number}"


def read_name(name: str) -> LegName:
    """What the name of a trial or leg says. A name of another form is a candidate's with number 0."""
    probed = _PROBE.fullmatch(name)
    if probed is not None:
        return LegName(Role.PROBE, PROBE_VARIANTS.index(probed["variant"]))
    match = _PATTERN.fullmatch(name)
    if match is None:
        return LegName(Role.CANDIDATE, 0)
    number = int(match["number"])
    in_search = Role.CANDIDATE if number else Role.INCUMBENT
    role = _ROLES.get(match["stem"], in_search)
    rung, day = (None if match[part] is None else int(match[part]) for part in ("rung", "day"))
    return LegName(role, number, rung, day)


def begins_with_trial(sentence: str) -> bool:
    """Whether a sentence begins with the name of a search's trial, which keeps its small letter."""
    return sentence.startswith(_SEARCH)

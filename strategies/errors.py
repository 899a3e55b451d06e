"""The error tree of retuned.

RetunedError
├── InputError        a file, value or command that a person can correct (exit code 2)
│   └── UnknownName   no model, campaign or version of that name
├── ConflictError     the state does not allow the action now (exit code 2)
├── StateError        the state folder or the database cannot be used (exit code 1)
│   └── DiskFull      nothing more can be written for now; what was written stays
├── CampaignFailed    a re-evaluation that cannot reach a verdict (exit code 1)
└── CannotFuse        trials that cannot be trained as one batch; they are trained one by one, and it is said why

Every message has three parts on one line: what was found, what is allowed, what to do next.
Runs on Python 3.10 with the standard library alone: the trainer imports this file too.
"""

from .words import readable


class RetunedError(Exception):
    """A failure with its remedy; its text is one line for a person, without a traceback."""

    exit_code = 1

    def __init__(self, found: str, allowed: str = "", remedy: str = "") -> None:
        self.found = readable(" ".join(found.split()))
        self.allowed = readable(" ".join(allowed.split()))
        self.remedy = readable(" ".join(remedy.split()))
        super().__init__("; ".join(part for part in (self.found, self.allowed, self.remedy) if part))


class InputError(RetunedError):
    """Something that a person wrote is not valid."""

    exit_code = 2


class UnknownName(InputError):
    """A name that the registry does not hold."""


class ConflictError(RetunedError):
    """The action does not fit the present state, for instance a campaign that is already running."""

    exit_code = 2


class StateError(RetunedError):
    """The state folder or its database cannot be used."""


class DiskFull(StateError):
    """The disk of the state folder is full. Nothing that was written is lost; the write may be tried again."""


class CampaignFailed(RetunedError):
    """A campaign that ends without a verdict, with the reason."""


class CannotFuse(RetunedError):
    """Trials that cannot be trained as one batch. Caught where they are then trained one by one."""

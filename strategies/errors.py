"""The error tree of retuned.

RetunedError
├── InputError        a file, value or command that a person can correct (exit code 2)
│   └── UnknownName   no model, campaign or version of that name
├── ConflictError     the state does not allow the action now (exit code 2)
├── StateError        the state folder or the database cannot be used (exit code 1)
│   └── DiskFull      nothing more can be written for now; earlier writes are kept
├── ClusterAway       the cluster does not answer for now; campaigns wait (exit code 1)
├── CampaignFailed    a re-evaluation that could not reach a verdict (exit code 1)
│   └── NoNodeNow     no node is there to be asked; one is added when something is trained
└── CannotFuse        trials that cannot be trained as one batch; trained one by one, the reason reported

Every message has three parts on one line: what was found, what is allowed, what to do next.
Runs on Python 3.10 with the standard library alone: the trainer imports this file too.
"""

from .words import readable


class RetunedError(Exception):
    """A failure with its remedy, shown to a person as one line without a traceback."""

    exit_code = 1

    def __init__(self, found: str, allowed: str = "", remedy: str = "") -> None:
        self.found = readable(" ".join(found.split()))
        self.allowed = readable(" ".join(allowed.split()))
        self.remedy = readable(" ".join(remedy.split()))
        super().__init__("; ".join(part for part in (self.found, self.allowed, self.remedy) if part))


class InputError(RetunedError):
    """A file, value or command written by a person is not valid."""

    exit_code = 2


class UnknownName(InputError):
    """A name that is not in the registry."""


class ConflictError(RetunedError):
    """The current state does not allow the action, for instance because a campaign is already running."""

    exit_code = 2


class StateError(RetunedError):
    """The state folder or its database cannot be used."""


class DiskFull(StateError):
    """The disk of the state folder is full. Earlier writes are kept, and the failed one may be retried."""


class ClusterAway(RetunedError):
    """The cluster does not answer. What trains there goes on, and a campaign waits until it is back."""


class CampaignFailed(RetunedError):
    """A campaign ended without a verdict; the message gives the reason."""


class NoNodeNow(CampaignFailed):
    """No node could be asked, and none is added for a mere question: one comes when something is trained."""


class CannotFuse(RetunedError):
    """Trials that cannot be trained as one batch. The fused trainer catches it and trains them one by one."""

"""Watching a campaign that a service works on: to its end, or until the watcher leaves."""

from collections.abc import Callable

from ..strategies.errors import RetunedError
from .clock import Clock
from .foreground import WATCH_S, Display
from .ledger import Campaign
from .remote import Gone
from .verbs import Verbs
from .views import Standing

PATIENCE_S = 30.0  # with a service that is being restarted; the campaign goes on meanwhile


class Parted(RetunedError):
    """The watcher left; the campaign goes on."""

    exit_code = 130


def follow(
    verbs: Verbs, campaign_id: int, clock: Clock, display: Display, again: Callable[[], Verbs | None] = lambda: None
) -> Campaign:
    """The campaign once it has ended. Ctrl-C raises Parted: the service goes on with it.

    `again` finds the service once more after it was gone, and gives None while there is none.
    """
    standing = verbs.standing(campaign_id)
    seen = [standing]
    try:
        with display(standing.model, lambda: (seen[-1].campaign, seen[-1].progress)) as show:
            show()
            while seen[-1].campaign.is_open:
                clock.sleep(WATCH_S)
                verbs, seen[0] = _look(verbs, campaign_id, clock, again)
                show()
    except KeyboardInterrupt:
        raise Parted(
            f"detached; campaign {campaign_id} goes on",
            f"watch it again: retuned watch {campaign_id}",
            f"stop it: retuned cancel {campaign_id}",
        ) from None
    return seen[-1].campaign


def _look(verbs: Verbs, campaign_id: int, clock: Clock, again: Callable[[], Verbs | None]) -> tuple[Verbs, Standing]:
    """Where the campaign stands, by the service or by the one that takes its place; raises Gone when none does."""
    until = clock.monotonic() + PATIENCE_S
    while True:
        try:
            return verbs, verbs.standing(campaign_id)
        except Gone:
            if clock.monotonic() > until:
                raise
            clock.sleep(WATCH_S)
            verbs = again() or verbs

"""Watching a campaign that a service works on: to its end, or until the watcher leaves."""

from ..strategies.errors import RetunedError
from .clock import Clock
from .foreground import WATCH_S, Display
from .ledger import Campaign
from .verbs import Verbs


class Parted(RetunedError):
    """The watcher left; the campaign goes on."""

    exit_code = 130


def follow(verbs: Verbs, campaign_id: int, clock: Clock, display: Display) -> Campaign:
    """The campaign once it has ended. Ctrl-C raises Parted: the service goes on with it."""
    standing = verbs.standing(campaign_id)
    seen = [standing]
    try:
        with display(standing.model, lambda: (seen[-1].campaign, seen[-1].progress)) as show:
            show()
            while seen[-1].campaign.is_open:
                clock.sleep(WATCH_S)
                seen[:] = [verbs.standing(campaign_id)]
                show()
    except KeyboardInterrupt:
        raise Parted(
            f"detached; campaign {campaign_id} goes on",
            f"watch it again: retuned watch {campaign_id}",
            f"stop it: retuned cancel {campaign_id}",
        ) from None
    return seen[-1].campaign

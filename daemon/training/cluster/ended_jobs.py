"""Jobs that ended when nobody looked after them any more."""

from pathlib import Path

from .asked_nodes import ASKED
from .jobs import PREFIX, Jobs


def forget_ended(jobs: Jobs, place: Path) -> None:
    """Have the cluster forget jobs below a folder that ended when nobody looked after them any more: after the end of
    their campaign or check, or while the head was away. Raises ClusterAway."""
    for job in jobs.jobs().values():
        spool = Path(job.spool)
        is_ours = spool.is_relative_to(place) and not job.is_living and not spool.match(f"{ASKED}*")
        if is_ours and not (spool / "workers" / job.id.removeprefix(PREFIX) / "worker.json").exists():
            jobs.delete(job.id)

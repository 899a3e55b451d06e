"""Slurm's commands as we run them: argv, a small environment, a limit of time, and what their complaints mean."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from ....strategies.errors import CampaignFailed, ClusterAway, InputError

TIMEOUT_S = 20.0  # a command gives a controller up after nine seconds
MOST_CHARACTERS = 300
# Of all SLURM_ variables, those that say where the controller is and who we are there. The rest change what commands
# print, or belong to a job that the service itself may run in.
_KEPT = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_SOCKET")
_OURS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
_FOR_GOOD = (  # in the answers of sbatch: what waiting does not change
    "Invalid partition",
    "Invalid account",
    "Invalid qos",
    "Invalid generic resource",
    "Invalid feature specification",
    "Invalid Trackable RESource",
    "Requested node configuration is not available",
    "Requested time limit is invalid",
    "Requested partition configuration not available",
    "Node count specification invalid",
    "Memory required by task is not available",
    "User's group not permitted to use this partition",
    "Access/permission denied",
    "unrecognized option",
    "invalid option",
    "Invalid --",
    "Batch script contains",
)
_GONE_ALREADY = ("Invalid job id", "already completing or completed")


def run_slurm(words: Sequence[str], timeout_s: float, script: str | None = None) -> "subprocess.CompletedProcess[str]":
    """One command's end. `script`: what it reads. Raises InputError where it is not installed, ClusterAway where it has
    not ended in time."""
    try:
        return subprocess.run(
            words, input="" if script is None else script, capture_output=True, text=True, errors="replace",
            timeout=timeout_s, env=_environment(), check=False,
        )  # fmt: skip
    except (FileNotFoundError, PermissionError):
        raise not_installed((words[0],)) from None
    except subprocess.TimeoutExpired:
        raise away(f"{words[0]} had no answer within {timeout_s:.0f} s") from None


def said_by(words: Sequence[str], timeout_s: float) -> str:
    """What a command printed that asks for something. Raises ClusterAway where it failed."""
    done = run_slurm(words, timeout_s)
    if done.returncode != 0:
        raise away(complaint(done.stderr, words[0]))
    return done.stdout


def refused(stderr: str) -> CampaignFailed | ClusterAway:
    """What to raise for a job that was not taken: what waiting will not change, or a trouble of the moment."""
    said = complaint(stderr, "sbatch")
    if any(sign in stderr for sign in _FOR_GOOD):
        return CampaignFailed(
            f"the cluster refused a worker: {said}",
            remedy="see resources under [training], [workers], and: retuned doctor",
        )
    return ClusterAway(f"the Slurm controller takes no job now ({said})", "campaigns wait until it does", "see: squeue")


def is_gone_already(stderr: str) -> bool:
    """Whether all that scancel complains of is that a job has ended."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return all(any(sign in line for sign in _GONE_ALREADY) for line in lines)


def missing_commands(names: Sequence[str]) -> tuple[str, ...]:
    """Those that cannot be run here."""
    return tuple(name for name in names if shutil.which(name) is None)


def not_installed(names: Sequence[str]) -> InputError:
    """What to raise where commands are missing."""
    return InputError(
        f"{', '.join(names)} of Slurm cannot be run here",
        "allowed: a machine with Slurm's commands on the service's PATH",
        "install them (Debian: apt install slurm-client), or correct runner under [workers]",
    )


def away(why: str) -> ClusterAway:
    """What to raise where the controller does not answer, or takes nothing now."""
    return ClusterAway(
        f"the Slurm controller does not answer ({why})",
        "campaigns wait until it is back",
        "look after slurmctld (scontrol ping), or correct [workers]",
    )


def complaint(stderr: str, command: str) -> str:
    """What a command said on its way out, on one line, without its own name before it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("Try ")]
    short = [line.removeprefix(f"{command}: ").removeprefix("error: ").removeprefix("fatal: ") for line in lines]
    return "; ".join(dict.fromkeys(short))[:MOST_CHARACTERS] or "no message"


def _environment() -> dict[str, str]:
    """What a command sees, and a job after it: nothing that may be secret but the token of Slurm itself."""
    return {name: os.environ[name] for name in (*_OURS, *_KEPT) if name in os.environ}

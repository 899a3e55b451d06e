"""What the tests of campaigns on clusters share: the campaign on this machine that those must equal, and one begun."""

import subprocess
import sys
import time

from retuned.daemon.durable_files import read_json
from retuned.daemon.state.campaigns.lease_file import folder_of
from retuned.daemon.state.campaigns.legs import results_of

SEED = 5


def prepared(desk, **toy):
    """A desk whose optimum moved a little since its baseline; `toy` is of the trainings after that."""
    desk.register()
    desk.baseline()
    desk.write_data(optimum=-2.7, **toy)
    return desk


def told(desk, campaign):
    """What is recorded of a campaign, without what is a matter of time."""
    legs = [(leg.request.name, leg.end, leg.score, leg.curve) for leg in results_of(desk.store, campaign.id)]
    searched = campaign.facts.searched
    return sorted(legs), campaign.verdict, searched and searched.challenger, campaign.facts.ended.recommended


def told_here(desk):
    """What is recorded of the campaign on this machine."""
    return told(prepared(desk), desk.retune(seed=SEED))


def wait_for(condition, timeout_s=90.0):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def begin(desk):
    """The process of a re-evaluation that has begun its search, on the desk's cluster."""
    workers = desk.config.workers
    named = {name: getattr(workers, name) for name in ("runner", "address", "token", "shared", "python")}
    lines = [f'{name} = "{value}"' for name, value in named.items() if value is not None]
    file = desk.folder / "config.toml"
    file.write_text("\n".join([f'state = "{desk.config.state}"', "[workers]", *lines, ""]))
    command = [sys.executable, "-m", "retuned.daemon", "--config", file, "retune", "toy", "--seed", SEED]
    with open(desk.folder / "leader.log", "wb") as log:
        leader = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    legs = desk.config.state / "campaigns" / "2" / "legs"
    wait_for(lambda: list(legs.glob("search.*/trial.json")) or leader.poll() is not None)
    assert leader.poll() is None
    return leader


def begun_workers(desk):
    """What the workers of that re-evaluation that have begun wrote of themselves."""
    found = (read_json(path) for path in folder_of(desk.config.state, 2).glob("workers/*/worker.json"))
    return [said for said in found if said is not None and "pid" in said]

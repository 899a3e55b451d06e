"""What is said of a smaller search where a re-evaluation takes long."""

import re
import sys

import pytest
from retuned.daemon.campaign.check.check import Extent, check_model
from retuned.daemon.campaign.forecast import forecast
from retuned.daemon.campaign.smaller_search import Noise, smaller_search
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.strategies.legs import names
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role
from retuned.strategies.schedule.grants import Machine

MACHINE = Machine(2, 8 << 30, (), 1)
OTHERS = "\n".join(
    f'[hyperparameters.{name}]\ntype = "float"\nlow = 0.0\nhigh = 1.0\nvalue = 0.5' for name in ("a", "b", "c")
)


def timed(seconds):
    name = names.full_run(Purpose.REPLICATE, Role.INCUMBENT, 0)
    request = LegRequest(name, name, Purpose.REPLICATE, {"lr": 0.1}, 1, 2, 0.0, 10.0, role=Role.INCUMBENT, number=0)
    return (LegResult(request, LegEnd.COMPLETED, 1.0, seconds=seconds),)


def less_for(desk, seconds, search="max_pairs = 32", noise=None):
    rate = 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = 0.01\n' + OTHERS
    path = desk.write_model(search=search, **{"hyperparameters.lr": rate})
    path.write_text(path.read_text().replace('"{lr}"', '"{lr}", "{a}", "{b}", "{c}"'))
    file, legs = load_model_file(path), timed(seconds)
    found = forecast(file, legs, MACHINE, desk.config)
    return smaller_search(file, legs, found, MACHINE, desk.config, noise)


def test_a_slow_training_is_told_a_smaller_search_its_time_and_what_it_finds(desk):
    said = less_for(desk, 600.0)
    assert said.startswith("for less: challengers = 12 under [search], about ")
    small, planned = re.search(r"deviations of a pair in 8 of 10, the planned one (\S+);", said), "finds a loss of "
    assert planned in said
    assert float(said.partition(planned)[2].partition(" ")[0]) > float(small[1])
    assert re.search(r"least of all: --budget \d+[hm] of compute", said)


def test_with_the_noise_known_the_loss_is_told_in_the_metric(desk):
    said = less_for(desk, 600.0, noise=Noise(0.01, 0.02, skill=0.5))
    assert re.search(r"it finds a loss of 0\.0\d+ to 0\.0\d+ in score \(\S+% of the skill\) in 8 of 10", said)


@pytest.mark.parametrize(
    ("seconds", "search"),
    [
        (2.0, "max_pairs = 32"),  # it is quick
        (600.0, "challengers = 20"),  # the owner chose the size
        (600.0, 'budget = "9h"'),  # the budget does
        (600.0, "challengers = 7"),  # it is the smallest
    ],
)
def test_where_nothing_is_to_be_saved_nothing_is_said(desk, seconds, search):
    assert less_for(desk, seconds, search) == ""


def test_a_check_that_cut_its_only_run_tells_the_cost_by_its_reports(desk):
    script = desk.folder / "slow.py"
    script.write_text(
        "import time\nfor step in range(1, 10_001):\n  time.sleep(0.2)\n"
        '  print(\'{"step": %d, "metrics": {"score": 0.5}}\' % step, flush=True)\n'
    )
    training = (
        f'command = ["{sys.executable}", "-I", "-S", "{script}", "{{lr}}"]\nbudget = {{steps = 10000}}\nslots = 2'
    )
    path = desk.write_model(training=training, objective='metric = "score"\ndirection = "maximize"')
    done = check_model(
        load_model_file(path), path, None, Extent(4.0), SystemClock(), desk.config, {"PATH": "/usr/bin"}, lambda _: None
    )
    points = {point.name: point for point in done.points}
    assert points["cost"].sentence.startswith("by its reports: ")
    saved = r"for less: challengers = \d+ under \[search\], about ([\d.]+) h in place of ([\d.]+) h"
    found = re.match(saved, points["cost"].remedy)
    assert found
    assert float(found[1]) < float(found[2])
    assert "--budget" in points["cost"].remedy

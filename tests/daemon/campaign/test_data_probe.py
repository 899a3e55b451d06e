"""A training that ignores the data it is given is found out by one short run on a part of it."""

import json
import sys
from pathlib import Path

import pytest
from retuned.daemon.cli.json_output import campaign_json
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.reports.campaign_record import record_of
from retuned.daemon.reports.page import page_of, render_page
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.registry import register as register_file
from retuned.strategies.verdict.contract import Breach

TOY = Path(__file__).parents[2] / "toys" / "averaging.py"


def register(desk, *options, data='path = "rides/rides.csv"', **tables):
    command = json.dumps([sys.executable, "-I", "-S", str(TOY), "{lr}", *map(str, options)])
    training = f'command = {command}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2'
    return desk.register(training=training, data=data, **tables)


def write_rides(desk, first=1.0, count=40):
    rows = [f"{first + number % 7 / 10 + number / 100}" for number in range(count)]
    (desk.folder / "rides" / "rides.csv").write_text("minutes\n" + "\n".join(rows) + "\n")


def data_probes(desk, number=1):
    return [r.request.name for r in results_of(desk.store, number) if r.request.name.endswith(".data")]


@pytest.fixture
def rides(desk):
    (desk.folder / "rides").mkdir()
    write_rides(desk)
    return desk


def test_a_training_that_reads_its_data_is_tested_once_and_keeps_the_contract(rides):
    register(rides)
    baseline = rides.baseline()
    contract = baseline.facts.contract
    assert (contract.data_matters, contract.all_breaches, contract.data_note) == (True, (), "")
    assert contract.notes[-1].startswith("data: 0.0")
    assert data_probes(rides) == ["probe.data"]
    assert not (rides.config.state / "campaigns" / "1" / "part" / "data").exists()
    page = render_page(page_of(record_of(rides.store, "1")))
    assert "The training keeps the contract." in page


def test_one_that_reads_another_path_breaks_the_contract_and_its_causes_are_not_named(rides):
    register(rides, "own", rides.folder / "rides", search="challengers = 8")
    baseline = rides.baseline()
    contract = baseline.facts.contract
    assert (contract.breaches, contract.all_breaches) == ((), (Breach.DATA_IGNORED,))
    assert data_probes(rides) == ["probe.data", "probe_full.data"]
    assert "The training does not keep the contract." in render_page(page_of(record_of(rides.store, "1")))
    assert campaign_json(baseline, 1.0)["breaches"] == ["data_ignored"]
    write_rides(rides, first=0.0)
    with_old_data = rides.retune(seed=1)
    assert with_old_data.verdict.is_covered
    assert with_old_data.verdict.outcome == "degraded"
    causes = with_old_data.facts.ended.causes
    assert causes.sentence == (
        "Why: not known (the score does not depend on RETUNED_DATA: a run on a part of the data scored the same, so "
        "old data and new data cannot be compared)."
    )
    assert data_probes(rides, 2) == []


def test_history_and_the_baselines_panel_say_so(rides, retuned):
    register(rides, "own", rides.folder / "rides")
    rides.baseline()
    history = retuned("history", "toy", env={"COLUMNS": "200", "PATH": "/usr/bin"}).stdout
    assert "breaks the contract: data_ignored" in history


def test_an_effect_that_only_a_full_run_shows_counts(rides):
    register(rides, "late")
    contract = rides.baseline().facts.contract
    assert data_probes(rides) == ["probe.data", "probe_full.data"]
    assert contract.data_matters is True


def test_a_run_that_fails_on_a_part_shows_that_the_data_is_read(desk):
    folder = desk.folder / "days"
    folder.mkdir()
    (folder / "a.txt").write_text("nothing\n")
    (folder / "b.txt").write_text("1.5\n2.5\n")
    register(desk, data='path = "days"')
    contract = desk.baseline().facts.contract
    assert (contract.data_matters, contract.notes[-1]) == (True, "data: the run on a part of it failed")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("rides.parquet", "1.5\n2.5\n", "rides.parquet is one file that cannot be cut"),
        ("rides.csv", "minutes\n1.5\n", "rides.csv has fewer than two rows"),
    ],
)
def test_data_that_cannot_be_cut_is_said_and_costs_nothing(desk, name, text, why):
    (desk.folder / name).write_text(text)
    register(desk, data=f'path = "{name}"')
    contract = desk.baseline().facts.contract
    assert (contract.data_matters, contract.all_breaches) == (None, ())
    assert contract.data_note.startswith(why)
    assert data_probes(desk) == []
    assert "the data was not tested" in render_page(page_of(record_of(desk.store, "1")))


def test_a_model_without_data_is_not_asked(desk):
    (desk.folder / "own.csv").write_text("1.5\n2.5\n")
    register(desk, "own", desk.folder / "own.csv", data='path = "own.csv"')
    path = desk.folder / "model.toml"
    path.write_text(path.read_text().replace('[data]\npath = "own.csv"\n', ""))
    register_file(desk.store, load_model_file(path), path, SystemClock().now())
    contract = desk.baseline().facts.contract
    assert (contract.data_matters, contract.data_note) == (None, "")


def test_a_contract_probed_anew_is_asked_only_where_causes_are_looked_for(rides):
    register(rides, "own", rides.folder / "rides" / "rides.csv", search="challengers = 8")  # counts as code, too
    rides.baseline()
    assert data_probes(rides) == ["probe.data", "probe_full.data"]
    write_rides(rides, first=1.001)
    fresh = rides.retune(seed=2)
    assert (fresh.verdict.outcome, fresh.facts.contract.data_matters, data_probes(rides, 2)) == ("fresh", None, [])
    write_rides(rides, first=0.0)
    fallen = rides.retune(seed=1)
    assert fallen.verdict.outcome == "degraded"
    assert fallen.facts.contract.data_matters is False
    assert data_probes(rides, 3) == ["probe.data", "probe_full.data"]
    assert "RETUNED_DATA" in fallen.facts.ended.causes.sentence

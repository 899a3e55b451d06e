"""Campaigns whose data retuned cuts, with scripts that have one file to train on and one to score on."""

import gzip
import importlib.util
import json
import os
import random
import sys
from pathlib import Path

import pytest
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.plan import plan_of
from retuned.daemon.campaign.reopen import reopen
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.reports.campaign_record import record_of
from retuned.daemon.reports.page import page_of, render_page
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.campaigns.lease import folder_of
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.upkeep.doctor_models import check_slices
from retuned.strategies.errors import ConflictError
from retuned.strategies.records import Outcome

EXAMPLES = Path(__file__).parents[3] / "examples"
PLAIN = Path(__file__).parents[2] / "toys" / "plain.py"
LOSS = 'metric = "loss"\ndirection = "minimize"\nfloor = 4.0'
GOOD, OFF = 0.06, 0.002  # thirty times


def write_points(path: Path, rows: int = 6400, groups: int = 200) -> None:
    """y = 3 x + noise, by hours of a year, of some sensors."""
    generator = random.Random(0)
    lines = ["x,y,sensor,hour"]
    for row in range(rows):
        x = generator.uniform(-1, 1)
        lines.append(f"{x:.6f},{3 * x + generator.gauss(0, 1):.6f},s{row * 7919 % groups},{row}")
    path.write_text("\n".join(lines) + "\n")


def command(*words: str) -> str:
    return json.dumps([sys.executable, "-I", "-S", *words])


def register(desk, split: str, rate: float = GOOD, words: str | None = None, **tables: str):
    """Register the plain training, with the current rate and the split."""
    words = words or command(str(PLAIN), "{train}", "{eval}", "{lr}", "{seed}")
    return desk.register(**{
        "training": f'command = {words}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2',
        "data": f'path = "points.csv"\nsplit = {split}',
        "objective": LOSS,
        "hyperparameters.lr": f'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = {rate}',
        "search": "challengers = 6",
        **tables,
    })  # fmt: skip


def orders_of(desk, campaign) -> dict[str, dict[str, str]]:
    """The environment of every leg of a campaign, by name."""
    legs = (folder_of(desk.store.state, campaign.id) / "legs").glob("*/leg.json")
    return {(order := json.loads(path.read_text()))["name"]: order["environment"] for path in legs}


@pytest.mark.parametrize(
    "split",
    ['{by = "rows"}', '{by = "groups", column = "sensor"}', '{by = "time", column = "hour", gap = 5}'],
    ids=["rows", "groups", "time"],
)
def test_a_rate_thirty_times_off_is_found_and_a_good_one_is_not_called_stale(desk, other_desk, split):
    verdicts = []
    for place, rate in ((desk, OFF), (other_desk, GOOD)):
        write_points(place.folder / "points.csv")
        register(place, split, rate)
        assert place.baseline().facts.contract.allows_stale
        verdicts.append(place.retune(seed=1).verdict.outcome)
    assert verdicts[0] in (Outcome.STALE, Outcome.BROKEN)
    assert verdicts[1] in (Outcome.FRESH, Outcome.INCONCLUSIVE)


def test_plan_and_doctor_say_for_how_many_pairs_the_slices_are_enough_and_how_large_they_are(desk):
    write_points(desk.folder / "points.csv", rows=1600)
    model = register(desk, '{by = "rows"}')
    planned = " ".join(plan_of(desk.store, model, desk.config, SystemClock().now()).sentences)
    assert "[data.split] cuts the data by rows into 32 held-out slices, one a pair" in planned
    assert [finding.sentence for finding in check_slices(desk.store, (model,))] == [
        "the data of 1 model with [data.split] can be cut"
    ]
    desk.baseline()
    said = (
        "[data.split] by rows gives 32 held-out slices of 20 rows: enough for 32 pairs; trainings draw from 800 of "
        "1,600 rows; scores on so few rows vary much"
    )
    planned = plan_of(desk.store, model, desk.config, SystemClock().now()).sentences
    assert [sentence for sentence in planned if sentence.startswith(said)] != []
    (finding,) = check_slices(desk.store, (model,))
    assert (finding.level, finding.sentence.startswith(f"toy: {said}")) == ("warning", True)
    (desk.folder / "points.csv").write_text("x,y\n")
    (finding,) = check_slices(desk.store, (model,))
    assert (finding.level, finding.sentence) == ("error", "toy: points.csv has no row")


def test_both_sides_of_a_pair_read_the_same_files_and_no_two_pairs_the_same(desk):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows"}', OFF)
    desk.baseline()
    campaign = desk.retune(seed=1)
    legs = orders_of(desk, campaign)
    pairs = [
        [(legs[f"confirm.{side}{number:03d}"]["RETUNED_TRAIN"], legs[f"confirm.{side}{number:03d}"]["RETUNED_EVAL"])
         for side in "ic"]
        for number in range(campaign.verdict.n_pairs)
    ]  # fmt: skip
    assert [ours for ours, theirs in pairs if ours != theirs] == []
    assert len({trained for (trained, _), _ in pairs}) == len({scored for (_, scored), _ in pairs}) == len(pairs)
    searched = [leg for name, leg in legs.items() if name.startswith("search.")]
    assert len({leg["RETUNED_EVAL"] for leg in searched}) == 1
    assert Path(searched[0]["RETUNED_EVAL"]).name == "development.csv"
    assert not {leg["RETUNED_EVAL"] for leg in searched} & {scored for (_, scored), _ in pairs}


def test_the_record_says_how_the_data_were_cut_and_the_files_go_with_the_campaign(desk):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows", held_out = 0.5}')
    campaign = desk.baseline()
    assert (
        "retuned cut 6,400 rows by rows: 2,560 to train on, 640 for the search, 32 held-out slices of 100"
        in campaign.facts.prepared.notes
    )
    assert not (folder_of(desk.store.state, campaign.id) / "splits").exists()


def test_the_page_names_the_files_of_a_run_though_they_are_gone(desk):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows"}')
    page = render_page(page_of(record_of(desk.store, str(desk.baseline().id))))
    assert "RETUNED_TRAIN=train.csv RETUNED_EVAL=eval.csv" in page
    assert "plain.py train.csv eval.csv 0.06" in page
    assert "train.csv and eval.csv here, were cut for it and went with the campaign" in page


def test_a_script_may_take_its_files_from_the_environment(desk):
    write_points(desk.folder / "points.csv")
    script = desk.folder / "script.sh"
    script.write_text(f'exec {sys.executable} -I -S {PLAIN} "$RETUNED_TRAIN" "$RETUNED_EVAL" "$1" "$RETUNED_SEED"\n')
    register(desk, '{by = "rows"}', words=json.dumps(["sh", str(script), "{lr}"]))
    assert desk.baseline().facts.contract.allows_stale


def test_a_script_with_a_seed_of_its_own_is_judged_by_the_rows_that_are_drawn_for_each_pair(desk, other_desk):
    verdicts = []
    for place, rate in ((desk, OFF), (other_desk, GOOD)):
        write_points(place.folder / "points.csv")
        register(place, '{by = "rows"}', rate, words=command(str(PLAIN), "{train}", "{eval}", "{lr}", "42"))
        contract = place.baseline().facts.contract
        assert (contract.seed_matters, contract.allows_stale) == (False, True)
        verdicts.append(place.retune(seed=1).verdict)
    assert verdicts[0].outcome in (Outcome.STALE, Outcome.BROKEN)
    assert "another seed did not change the score" in verdicts[0].covered
    assert verdicts[1].outcome in (Outcome.FRESH, Outcome.INCONCLUSIVE)


def test_a_script_with_a_seed_of_its_own_on_rows_that_are_always_the_same_is_never_stale(desk):
    write_points(desk.folder / "points.csv")
    split = '{by = "rows", draw = 1.0}'
    register(desk, split, OFF, words=command(str(PLAIN), "{train}", "{eval}", "{lr}", "42"))
    assert not desk.baseline().facts.contract.allows_stale


def test_a_script_that_ignores_what_was_cut_is_told_what_it_ignores(desk):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows"}', words=command(str(PLAIN), "{data}", "{data}", "{lr}", "{seed}"))
    contract = desk.baseline().facts.contract
    assert contract.forbids_pairs
    assert (contract.seed_matters, contract.split_matters, contract.purpose_matters) == (True, False, False)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace("x,y,sensor,hour\n", "x,y\n"), "row 1 has 4 cells, the first row has 2"),
        (lambda text: text[:300], "rows leave"),
        (lambda text: "", "points.csv has no row"),
    ],
    ids=["unequal columns", "too few rows", "empty"],
)
def test_data_that_cannot_be_cut_fail_the_campaign_before_any_training(desk, spoil, says):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows"}')
    path = desk.folder / "points.csv"
    path.write_text(spoil(path.read_text()))
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert says in campaign.failure
    assert "\n" not in campaign.failure
    assert orders_of(desk, campaign) == {}
    assert not (folder_of(desk.store.state, campaign.id) / "splits").exists()


def test_data_that_vanish_while_the_campaign_runs_fail_it_in_one_line(desk):
    write_points(desk.folder / "points.csv")
    script = desk.folder / "script.sh"
    script.write_text(f'rm -f points.csv\nexec {sys.executable} -I -S {PLAIN} "$@"\n')
    words = json.dumps(["sh", str(script), "{train}", "{eval}", "{lr}", "{seed}"])
    split = '{by = "rows"}\nsnapshot = "reference"'
    register(desk, split, words=words)
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert "points.csv changed while the campaign ran" in campaign.failure
    assert 'write snapshot = "copy" under [data]' in campaign.failure


def test_more_pairs_than_slices_are_refused(desk):
    write_points(desk.folder / "points.csv", rows=3000)
    register(desk, '{by = "rows"}', 0.02, search="challengers = 6\nmax_pairs = 4", objective=f"{LOSS}\nmargin = 0.001")
    desk.baseline()
    campaign = desk.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.INCONCLUSIVE
    with pytest.raises(ConflictError, match=r"has 4 held-out slices, and 12 pairs in total need one each.*slices = 12"):
        reopen(desk.store, find_model(desk.store, "toy"), 8)


def test_more_pairs_have_slices_where_the_file_provides_for_them(desk):
    write_points(desk.folder / "points.csv", rows=3000)
    tables = {"search": "challengers = 6\nmax_pairs = 4", "objective": f"{LOSS}\nmargin = 0.001"}
    register(desk, '{by = "rows", slices = 12}', 0.02, **tables)
    desk.baseline()
    assert desk.retune(seed=1).verdict.outcome is Outcome.INCONCLUSIVE
    campaign = desk.run(reopen(desk.store, find_model(desk.store, "toy"), 8))
    assert campaign.verdict.n_pairs > 4
    legs = orders_of(desk, campaign)
    scored = [leg["RETUNED_EVAL"] for name, leg in legs.items() if name.startswith("confirm.i")]
    assert len(set(scored)) == len(scored) > 4


def flights(folder: Path) -> None:
    """The first quarter of the flights, as the example's data."""
    spec = importlib.util.spec_from_file_location("flights_prepare", EXAMPLES / "flights" / "prepare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_rows(module.window_rows((1, 2, 3)), folder / "window.csv")


@pytest.mark.parametrize(("rate", "outcomes"), [(0.03, {Outcome.FRESH}), (0.001, {Outcome.STALE, Outcome.BROKEN})])
def test_the_ordinary_example_is_judged_as_it_stands(desk, rate, outcomes):
    flights(desk.folder)
    script = EXAMPLES / "ordinary" / "train.py"
    words = command(str(script), "--train", "{train}", "--eval", "{eval}", "--lr", "{lr}", "--seed", "{seed}")
    desk.register(**{
        "training": f'command = {words}\nbudget = {{epochs = 2}}\ntimeout = "1m"\nslots = 2',
        "data": 'path = "window.csv"\nsplit = {by = "rows"}',
        "objective": 'metric = "log_loss"\ndirection = "minimize"\ntrivial = 0.534',
        "hyperparameters.lr": f'type = "float"\nlow = 3e-4\nhigh = 3.0\nlog = true\nvalue = {rate}',
        "search": "challengers = 5",
    })  # fmt: skip
    assert desk.baseline().facts.contract.allows_stale
    assert desk.retune(seed=1).verdict.outcome in outcomes


def test_causes_are_looked_for_on_files_cut_from_the_data_of_the_baseline(desk):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows"}')
    desk.baseline()
    lines = (desk.folder / "points.csv").read_text().splitlines()
    rescaled = [f"{float(x) * 8},{rest}" for x, rest in (line.split(",", 1) for line in lines[1:])]
    (desk.folder / "points.csv").write_text("\n".join([lines[0], *rescaled]) + "\n")
    campaign = desk.retune(seed=1)
    assert campaign.verdict.outcome in (Outcome.STALE, Outcome.BROKEN)
    assert campaign.facts.ended.causes is not None
    folder = folder_of(desk.store.state, campaign.id) / "old"
    trained = [json.loads(path.read_text())["environment"]["RETUNED_TRAIN"] for path in folder.glob("legs/*/leg.json")]
    assert trained
    assert {Path(path).parent for path in trained} == {folder / "splits"}
    assert not (folder / "splits").exists()


class Interrupted(BaseException):
    """As a signal would."""


def test_a_campaign_that_was_interrupted_goes_on_with_the_same_files_to_the_same_verdict(desk, other_desk):
    verdicts = []
    for place in (desk, other_desk):
        write_points(place.folder / "points.csv")
        register(place, '{by = "groups", column = "sensor"}', OFF)
        place.baseline()
    verdicts.append(other_desk.retune(seed=1).verdict)
    campaign = open_or_queue(desk.store, find_model(desk.store, "toy"), "retune", 1, {}, SystemClock())
    for trained in (1, 8):
        with pytest.raises(Interrupted):
            run_interrupted(desk, campaign, trained)
    verdicts.append(desk.retune(seed=1).verdict)
    assert verdicts[0] == verdicts[1]


def run_interrupted(desk, campaign, trained):
    """Run a campaign until it has begun so many trainings, however fast the machine is."""
    folder = folder_of(desk.store.state, campaign.id)

    def watch():
        if len(list(folder.glob("legs/*/leg.json"))) >= trained:
            raise Interrupted

    run_campaign(desk.store, campaign.id, clock=SystemClock(), config=desk.config, environ=os.environ, watch=watch)


def test_the_files_of_a_cancelled_campaign_are_removed(desk):
    write_points(desk.folder / "points.csv")
    register(desk, '{by = "rows"}')
    (campaign,) = open_campaigns(desk.store)
    with pytest.raises(Interrupted):
        run_interrupted(desk, campaign, 1)
    splits = folder_of(desk.store.state, campaign.id) / "splits"
    assert list(splits.glob("train-*.csv"))
    Verbs(desk.store, desk.config, SystemClock()).cancel("toy")
    assert not splits.exists()


MEAN = """
import gzip, json, os, random, sys
def values(path):
    if os.path.isdir(path):
        return [float(open(os.path.join(folder, name)).read()) for folder, _, names in os.walk(path) for name in names]
    if path.endswith(".gz"):
        return [json.loads(line)["y"] for line in gzip.open(path, "rt")]
    import pyarrow.parquet
    return pyarrow.parquet.read_table(path)["y"].to_pylist()
train, scored = values(sys.argv[1]), values(sys.argv[2])
guess = sum(train) / len(train) + random.Random(int(sys.argv[4])).gauss(0, 0.1)
loss = sum((guess - y) ** 2 for y in scored) / len(scored)
print(json.dumps({"step": 10, "metrics": {"loss": loss}}))
"""


def packed_lines(folder: Path) -> str:
    with gzip.open(folder / "values.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"y": random.Random(row).gauss(0, 1)}) + "\n" for row in range(600))
    return "values.jsonl.gz"


def parquet(folder: Path) -> str:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"y": [random.Random(row).gauss(0, 1) for row in range(600)]}), folder / "values.parquet")
    return "values.parquet"


def classes(folder: Path) -> str:
    for row in range(300):
        (folder / "values" / "ab"[row % 2]).mkdir(parents=True, exist_ok=True)
        (folder / "values" / "ab"[row % 2] / f"{row}.txt").write_text(str(random.Random(row).gauss(0, 1)))
    return "values"


@pytest.mark.parametrize("write", [packed_lines, parquet, classes])
def test_scripts_read_their_own_format_and_keep_the_contract(desk, write):
    (desk.folder / "mean.py").write_text(MEAN)
    words = json.dumps([sys.executable, str(desk.folder / "mean.py"), "{train}", "{eval}", "{lr}", "{seed}"])
    data = f'path = "{write(desk.folder)}"\nsplit = {{by = "rows"}}'
    register(desk, "", words=words, data=data)
    baseline = desk.baseline()
    assert baseline.phase == "done", baseline.failure
    assert baseline.facts.contract.allows_stale

"""The trainer process, driven through its pipes as a worker does; one copy runs where retuned is not importable."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from retuned.daemon.training.trainer.leg_files import choice_on_record, mask_of_campaign
from retuned.strategies.fused.models_per_batch import BatchChoice

ROOT = Path(__file__).resolve().parents[3]
TRAINING = Path("daemon", "training")

RECIPE = """
import math
import os
import tempfile
import torch
from torch import nn
from retuned.strategies.recipe import Recipe, draw_rows
from neighbour import SCALE

class Line(Recipe):
    loads = 0

    def __init__(self, data):
        super().__init__(data)
        Line.loads += 1

    def data(self, split, seed):
        inputs = torch.linspace(-1, 1, 100).unsqueeze(1)
        rows = draw_rows(100, split, seed, train=50, dev=20, slices=3)
        return inputs[rows], SCALE * inputs[rows]

    def model(self, hyperparameters):
        print("a model is made")
        return nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.1), nn.Linear(4, 1))

    def loss(self, model, batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    def metrics(self, model, data):
        temporary = tempfile.gettempdir()
        assert os.environ["TMPDIR"] == temporary
        return {"loss": self.loss(model, data).item(), "rows": len(data[0]), "loads": Line.loads}

class Plain(Line):
    def model(self, hyperparameters):
        return nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))

class BreaksForOne(Plain):
    def model(self, hyperparameters):
        if hyperparameters["lr"] > 0.25:
            raise ValueError("no such model")
        return super().model(hyperparameters)

class BreaksInCompany(Plain):
    def loss(self, model, batch):
        if torch._C._functorch.is_functorch_wrapped_tensor(model[0].weight):
            raise MemoryError
        return super().loss(model, batch)

class Breaks(Line):
    def metrics(self, model, data):
        raise ValueError("two\\nlines")

class Exits(Line):
    def data(self, split, seed):
        raise SystemExit(3)

class Diverges(Line):
    def loss(self, model, batch):
        return super().loss(model, batch) * math.nan

class Lacks(Recipe):
    pass

from retuned.strategies import recipe as found

class WhereFrom(Line):
    def metrics(self, model, data):
        import importlib.util
        ours = ["config", "leg_order", "trainer", "recipes", "leg_files", "worker", "leg_ends", "daemon"]
        assert [name for name in ours if importlib.util.find_spec(name)] == [], "our own modules were importable"
        print("strategies from", found.__file__)
        return {"loss": 0.0}
"""


class Campaign:
    """A campaign folder with legs to train, and a trainer process that is handed them."""

    def __init__(self, folder, trainer=ROOT / TRAINING / "trainer", python=sys.executable, environment=None):
        self.folder = folder
        (folder / "recipe.py").write_text(RECIPE)
        (folder / "neighbour.py").write_text("SCALE = 2.0\n")
        (folder / "config.py").unlink(missing_ok=True)
        requests, self.requests = os.pipe()
        self.answers, answers = os.pipe()
        argv = [python, str(trainer), "--in-fd", str(requests), "--out-fd", str(answers)]
        self.output = (folder / "output.log").open("w+")
        self.process = subprocess.Popen(
            argv, cwd="/", env=environment, pass_fds=(requests, answers), stdout=self.output, stderr=self.output
        )
        os.close(requests)
        os.close(answers)
        self.heard = os.fdopen(self.answers)

    def hear(self):
        return json.loads(self.heard.readline())

    def prepare(self, name, recipe="Line", training=None, hyperparameters=None, **leg):
        folder = self.folder / "legs" / name
        folder.mkdir(parents=True)
        order = {"recipe": f"{self.folder}/recipe.py:{recipe}", "data": "", "unit": "steps", "threads": 1}
        (self.folder / "training.json").write_text(json.dumps({**order, **(training or {})}))
        defaults = {"seed": 1, "split_seed": 2, "purpose": "search", "from_step": 0, "to_step": 10}
        (folder / "leg.json").write_text(json.dumps({**defaults, **leg}))
        (folder / "hyperparameters.json").write_text(json.dumps(hyperparameters or {"lr": 0.1, "momentum": 0.9}))
        return folder

    def train(self, name, *arguments, **leg):
        folder = self.prepare(name, *arguments, **leg)
        os.write(self.requests, json.dumps({"leg": str(folder)}).encode() + b"\n")
        answer = self.hear()
        assert answer.pop("leg") == str(folder)
        path = folder / "report.jsonl"
        reports = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return answer["end"], answer["detail"], reports

    def group(self, prefix, recipe="Plain", rates=(0.1, 0.2, 0.3), training=None, to_step=200, **leg):
        """Legs that are trained together, one a rate; their folders. {name} in what they are given is their own."""
        names = [f"{prefix}{number}" for number in range(len(rates))]
        return [
            self.prepare(
                f"{name}.a1", recipe, training, {"lr": rate, "momentum": 0.9}, group=names, to_step=to_step,
                **{key: value.format(name=name) if isinstance(value, str) else value for key, value in leg.items()},
            )
            for name, rate in zip(names, rates, strict=True)
        ]  # fmt: skip

    def train_group(self, folders):
        """The answers by folder."""
        os.write(self.requests, json.dumps({"legs": [str(folder) for folder in folders]}).encode() + b"\n")
        answers = [self.hear() for _ in folders]
        return {answer.pop("leg"): answer for answer in answers}

    def printed(self):
        self.output.seek(0)
        return self.output.read()

    def close(self):
        os.close(self.requests)
        self.heard.close()
        self.process.wait(20)
        self.output.close()


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    made = Campaign(tmp_path_factory.mktemp("campaign"))
    assert made.hear() == {"ready": True}
    yield made
    made.close()
    assert made.process.returncode == 0


def test_a_leg_ends_completed_and_reports_its_metrics(campaign):
    end, detail, reports = campaign.train("a0", training={"evaluate_every": 4})
    assert (end, detail) == ("completed", "")
    assert [report["step"] for report in reports] == [4, 8, 10]
    assert "a model is made" in campaign.printed()


def test_the_recipe_and_its_data_are_loaded_once_for_many_legs(campaign):
    first = campaign.train("b0")[2][-1]["metrics"]["loads"]
    assert campaign.train("b1")[2][-1]["metrics"]["loads"] == first


# 20 development rows; the 30 held-out rows lie in three slices.
@pytest.mark.parametrize(("purpose", "rows"), [("probe", 20), ("search", 20), ("replicate", 10), ("confirm", 10)])
def test_a_purpose_decides_which_rows_score_the_leg(campaign, purpose, rows):
    assert campaign.train(f"c-{purpose}", purpose=purpose)[2][-1]["metrics"]["rows"] == rows


def test_legs_through_a_checkpoint_give_the_uninterrupted_result(campaign):
    checkpoint = str(campaign.folder / "checkpoint")
    whole = campaign.train("d0", to_step=17)[2][-1]
    campaign.train("d1", to_step=9, checkpoint_out=checkpoint)
    assert campaign.train("d2", from_step=9, to_step=17, checkpoint_in=checkpoint)[2][-1] == whole


def test_a_loss_that_is_not_finite_is_answered_as_diverged(campaign):
    end, detail, reports = campaign.train("e0", "Diverges")
    assert (end, detail) == ("diverged", "loss is nan at step 1")
    assert math.isnan(reports[-1]["metrics"]["loss"])


def reports_of(folder):
    return [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]


def test_a_group_is_trained_as_one_batch_and_each_leg_is_answered_for(campaign):
    folders = campaign.group("g", training={"evaluate_every": 80})
    answers = campaign.train_group(folders)
    alone = campaign.train("g-alone", "Plain", {"evaluate_every": 80}, {"lr": 0.2, "momentum": 0.9}, to_step=200)[2]
    assert list(answers) == [str(folder) for folder in folders]
    assert {(answer["end"], answer["detail"]) for answer in answers.values()} == {("completed", "")}
    assert len({answer["seconds"] for answer in answers.values()}) == 1  # shares of the same time
    assert [report["step"] for report in reports_of(folders[1])] == [80, 160, 200]
    assert reports_of(folders[1])[-1]["metrics"]["loss"] == pytest.approx(alone[-1]["metrics"]["loss"], abs=1e-5)
    (choice,) = (json.loads(path.read_text()) for path in (campaign.folder / "fusing").iterdir())
    assert choice["is_fused"]


def test_what_is_recorded_of_a_choice_names_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB", "canary-4711")
    mask = mask_of_campaign({"pass_env": ["HUB"]})
    choice = choice_on_record(
        tmp_path / "fusing",
        "sgd in 'canary-4711' of password=hunter22x",
        lambda: BatchChoice(False, 1, "Layer_canary-4711 gains little"),
        mask,
    )
    (path,) = (tmp_path / "fusing").iterdir()
    recorded = json.loads(path.read_text())
    assert (recorded["kind"], recorded["why"]) == ("sgd in '***' of password=***", "Layer_*** gains little")
    assert choice.why == recorded["why"]


def test_a_part_of_a_group_is_trained_in_the_whole_company_to_the_same_bits(campaign):
    folders = campaign.group("h", checkpoint_out=str(campaign.folder / "whole"))
    campaign.train_group(folders)
    again = campaign.prepare(
        "h1.a2", "Plain", None, {"lr": 0.2, "momentum": 0.9}, group=["h0", "h1", "h2"], to_step=200
    )  # fmt: skip
    campaign.train_group([again])
    assert reports_of(again) == reports_of(folders[1])
    assert len(reports_of(folders[0])) == 1  # a member that is not asked for writes nothing


def test_a_group_goes_on_from_the_checkpoints_of_its_legs(campaign):
    whole = campaign.group("i", to_step=300)
    first = campaign.group("j", to_step=150, checkpoint_out=f"{campaign.folder}/{{name}}.checkpoint")
    later = [
        campaign.prepare(
            f"k{number}.a1", "Plain", None, {"lr": rate, "momentum": 0.9}, group=["k0", "k1", "k2"],
            from_step=150, to_step=300, checkpoint_in=f"{campaign.folder}/j{number}.checkpoint",
        )
        for number, rate in enumerate((0.1, 0.2, 0.3))
    ]  # fmt: skip
    answers = [campaign.train_group(folders) for folders in (whole, first, later)]
    assert {answer["end"] for group in answers for answer in group.values()} == {"completed"}
    assert [reports_of(folder)[-1] for folder in later] == [reports_of(folder)[-1] for folder in whole]


@pytest.mark.parametrize(
    ("recipe", "ends", "told"),
    [
        (
            "BreaksForOne",
            ["completed", "completed", "crashed"],
            "BreaksForOne-2 is trained alone: ValueError: no such model",
        ),
        (
            "BreaksInCompany",
            ["completed"] * 3,
            "BreaksInCompany-0 is trained alone: MemoryError",
        ),  # what does not fit is not lost
        ("Breaks", ["crashed"] * 3, "Breaks-0 is trained alone: ValueError: two"),
        ("Missing", ["crashed"] * 3, "no class Missing in "),
    ],
)
def test_what_fails_in_a_group_is_tried_alone(campaign, recipe, ends, told):
    folders = campaign.group(f"{recipe}-", recipe)
    answers = campaign.train_group(folders)
    assert [answers[str(folder)]["end"] for folder in folders] == ends
    assert told in campaign.printed()


@pytest.mark.parametrize("train", ["alone", "as a group"])
def test_the_precision_of_the_order_is_that_of_the_training(campaign, train):
    fine, coarse = (losses(campaign, precision, train) for precision in ("float32", "bf16"))
    assert coarse != fine
    assert coarse == pytest.approx(fine, abs=0.01)


def losses(campaign, precision, train):
    """The last loss of a leg alone, or of each of a group."""
    if train == "alone":
        return [campaign.train(f"{precision}-alone", "Plain", {"precision": precision})[2][-1]["metrics"]["loss"]]
    folders = campaign.group(f"{precision}-", training={"precision": precision})
    assert {answer["end"] for answer in campaign.train_group(folders).values()} == {"completed"}
    return [reports_of(folder)[-1]["metrics"]["loss"] for folder in folders]


@pytest.mark.parametrize(
    ("recipe", "detail"),
    [
        ("Breaks", "ValueError: two lines (recipe.py line "),  # an error of the user's code, with its place
        ("Exits", "SystemExit: 3 (recipe.py line "),  # does not take the trainer along
        ("Lacks", "recipe Lacks has no data and no model and no loss and no metrics; a recipe defines"),
        ("Missing", "no class Missing in "),  # misspelt in the model file
        ("math", "math is not a recipe; "),  # there, but something else
    ],
)
def test_an_error_ends_the_leg_with_one_line_and_the_trainer_goes_on(campaign, recipe, detail):
    end, found, _ = campaign.train(f"f-{recipe}", recipe)
    assert end == "crashed"
    assert found.startswith(detail)
    assert "\n" not in found
    assert "Traceback (most recent call last)" in campaign.printed()
    assert campaign.train(f"f-{recipe}-after")[0] == "completed"


def test_a_missing_hyperparameter_is_told_with_its_remedy(campaign):
    end, detail, _ = campaign.train("g0", hyperparameters={"momentum": 0.5})
    assert (end, detail[:21]) == ("crashed", "no hyperparameter lr;")


def test_a_trainer_where_retuned_is_not_importable_uses_the_folder_beside_it(tmp_path):
    shutil.copytree(ROOT / "strategies", tmp_path / "release" / "strategies")
    shutil.copytree(ROOT / "daemon", tmp_path / "release" / "daemon")
    alone = tmp_path / "alone"
    alone.mkdir()
    # Isolated from the environment (-I) and without any path file (-S): an editable install is not seen, torch is.
    launcher = tmp_path / "python"
    packages = Path(pytest.__file__).resolve().parents[1]
    start = f"import runpy, sys; sys.path.append({str(packages)!r}); sys.argv[:] = sys.argv[1:]; "
    start += "runpy.run_path(sys.argv[0], run_name='__main__')"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S -c "{start}" "$@"\n')
    launcher.chmod(0o755)
    made = Campaign(alone, tmp_path / "release" / TRAINING / "trainer", str(launcher))
    assert made.hear() == {"ready": True}
    assert made.train("a0", "WhereFrom")[:2] == ("completed", "")
    assert f"strategies from {tmp_path}/release/strategies/recipe.py" in made.printed()
    made.close()


NAMES = ("recipes", "leg_files", "trainer", "worker", "legs", "children", "output", "watch")
NAMESAKES = """
import recipes, leg_files, trainer, worker, legs, children, output, watch
from recipe import Line

class Fine(Line):
    def metrics(self, model, data):
        modules = (recipes, leg_files, trainer, worker, legs, children, output, watch)
        return {"loss": sum(module.HOW_MANY for module in modules)}

class Fails(Line):
    def loss(self, model, batch):
        return recipes.fail()
"""


def test_modules_of_the_user_with_our_names_are_found_and_named_in_errors(campaign):
    for name in NAMES:
        (campaign.folder / f"{name}.py").write_text("HOW_MANY = 1\n\ndef fail():\n    raise KeyError('x')\n")
    (campaign.folder / "namesakes.py").write_text(NAMESAKES)
    fine, fails = ({"recipe": f"{campaign.folder}/namesakes.py:{name}"} for name in ("Fine", "Fails"))
    assert campaign.train("n0", training=fine)[2][-1]["metrics"] == {"loss": 8}
    assert campaign.train("n1", training=fails)[:2] == ("crashed", "KeyError: 'x' (recipes.py line 4)")


def test_a_trainer_is_started_though_the_user_has_modules_of_its_names(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("raise AssertionError('not the trainer')\n")
    made = Campaign(tmp_path, environment={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert made.hear() == {"ready": True}
    assert made.train("a0")[0] == "completed"
    made.close()


def test_an_interpreter_without_torch_answers_each_leg_with_the_remedy(tmp_path):
    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    launcher.chmod(0o755)
    made = Campaign(tmp_path, python=str(launcher))
    assert made.hear() == {"ready": True}
    end, detail, _ = made.train("a0")
    assert end == "crashed"
    assert "it needs torch; install it there, or name another interpreter in [training] python" in detail
    made.close()

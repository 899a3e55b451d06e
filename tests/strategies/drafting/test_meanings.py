"""What a name of several meanings is, and the range that a draft gives it."""

import pytest
from retuned.strategies.drafting.draft import Surroundings
from retuned.strategies.drafting.drafting import draft
from retuned.strategies.drafting.python_source import read_python
from retuned.strategies.drafting.text_source import read_text

AROUND = Surroundings("model", "train.py", ("python3", "train.py"), "me", "a guess")


def drafted(flag, default, more, rest):
    source = "import argparse\np = argparse.ArgumentParser()\n"
    option = f"p.add_argument('--{flag}', type=float, default={default}{more})"
    (found,) = draft(read_python(f"{source}{option}\na = p.parse_args()\n{rest}\n"), AROUND).hyperparameters
    return found.range


MEANINGS = [
    # flag, default, more of the option, rest of the source, range, words of the reason
    # what it is handed to settles it, whatever else is there
    ("gamma", 0.7, "", "StepLR(o, 1, gamma=a.gamma)\nimport xgboost", (0.1, 1.0, False), "hands it to StepLR"),
    ("gamma", 0.05, "", "SVC(C=1, gamma=a.gamma)", (0.0005, 5.0, True), "hands it to SVC"),
    ("gamma", 2.0, "", "crit = FocalLoss(a.gamma)", (0.0, 5.0, False), "hands it to FocalLoss"),
    # so do its own name and its help
    ("svr-gamma", 0.001, "", "", (1e-05, 0.1, True), "name or help"),
    ("gamma", 0.99, ", help='discount factor'", "", (0.9, 0.9999, False), "discount"),
    # else its neighbours
    ("gamma", 4, "", "params = dict(min_child_weight=1)", (0.0, 10.0, False), "mentions min_child_weight"),
    ("gamma", 0.98, "", "import gymnasium", (0.9, 0.9999, False), "mentions gymnasium"),
    ("gamma", 2.0, "", "loss = sigmoid_focal_loss(x, y, **options)", (0.0, 5.0, False), "mentions sigmoid_focal_loss"),
    # a value that no decay has is no decay, even where a scheduler is near
    ("gamma", 2.0, "", "s = lr_scheduler(o)", (0.2, 20.0, True), "nothing says which"),
    # nothing says which: by the value alone, and the reason says so
    ("gamma", 0.9, "", "", (0.1, 1.0, False), "if it is that"),
    ("gamma", 0.003, "", "", (0.0003, 0.03, True), "nothing says which"),
    # a shrinking penalty, the weight of a class, adapters
    ("alpha", 0.5, "", "ElasticNet(alpha=a.alpha)", (0.005, 50.0, True), "regularisation"),
    ("alpha", 0.25, "", "FocalLoss(2.0, a.alpha)", (0.05, 0.95, False), "rarer class"),
    ("lora-alpha", 16, "", "", (4.0, 64.0, True), "adapters"),
    # how fast a target network follows, or a temperature
    ("tau", 0.005, "", "buffer = ReplayBuffer(9)", (0.0005, 0.05, True), "target network"),
    ("tau", 0.5, "", "softmax(x / a.tau)", (0.05, 5.0, True), "temperature"),
    # such a small value is no factor of a rate, and a step below 1 is a rate
    ("decay", 0.001, "", "", (1e-05, 0.1, True), "weight decay"),
    ("decay", 0.9, "", "", (0.1, 1.0, False), "if it is that"),
    ("step", 0.0003, "", "", (1e-05, 0.009, True), "learning rate"),
    # a boosted tree takes no rate above 1; a network does
    ("eta", 0.3, "", "import xgboost", (0.01, 1.0, True), "learning rate"),
    ("lr", 1.0, "", "import torch", (0.033, 30.0, True), "learning rate"),
    # a beta of 1 is refused by every optimizer
    ("beta2", 0.999, "", "", (0.9, 0.9999, False), "second-moment"),
    # a value beyond the usual range lies within the range, not at its end
    ("dropout", 0.8, "", "", (0.0, 0.9, False), "widened"),
]  # fmt: skip


@pytest.mark.parametrize(("flag", "default", "more", "rest", "expected", "reason"), MEANINGS)
def test_a_name_of_several_meanings_gets_the_range_of_the_one_that_is_meant(
    flag, default, more, rest, expected, reason
):
    found = drafted(flag, default, more, rest)
    assert (found.low, found.high, found.log) == expected
    assert reason in found.why


def test_a_step_size_of_a_scheduler_is_no_learning_rate():
    source = (
        "import click\n@click.command()\n@click.option('--lr', default=0.1)\n@click.option('--step-size', default=10)\n"
        "def main(lr, step_size):\n  StepLR(o, step_size)\n"
    )
    by_name = {one.name: one.range for one in draft(read_python(source), AROUND).hyperparameters}
    assert (by_name["step_size"].kind, by_name["step_size"].low, by_name["step_size"].high) == ("int", 2, 40)


def test_a_size_of_zero_is_computed_by_the_program_and_not_searched():
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\n"
    found = draft(read_python(f"{source}p.add_argument('--batch-size', type=int, default=0)"), AROUND)
    assert [one.name for one in found.hyperparameters] == ["lr"]


def test_a_flag_of_one_letter_is_known_by_its_help():
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('-b', type=int, default=128, help='{}')"
    known = draft(read_python(source.format("batch size for the loader")), AROUND)
    assert [one.name for one in known.hyperparameters] == ["b"]
    assert (known.hyperparameters[0].range.low, known.hyperparameters[0].range.high) == (32, 512)
    unknown = draft(read_python(source.format("how many of them")), AROUND)
    assert "for want of more" in unknown.hyperparameters[0].range.why


def test_constants_are_named_once_and_those_of_a_configurator_are_arguments():
    source = "DEPTH = 4\nLEARNING_RATE = 0.05\nfit(learning_rate=LEARNING_RATE, max_depth=5)\n"
    names = [one.name for one in draft(read_python(source), AROUND).hyperparameters]
    assert names == ["DEPTH", "LEARNING_RATE", "max_depth"]
    found = draft(read_python("learning_rate = 6e-4\ncompile = True\nexec(open('configurator.py').read())\n"), AROUND)
    assert found.command[-1] == "--learning_rate={learning_rate}"


def test_the_words_of_a_program_in_another_language_tell_a_meaning_too():
    source = "# usage: train.R --gamma G\nlibrary(xgboost)\nopt <- c('--gamma', default = 4)\n"
    found = read_text(source)
    assert {"xgboost", "library"} <= found.around.words


def test_a_default_of_zero_that_is_set_later_counts():
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--dropout', type=float, default=0.5)\n"
    (found,) = draft(read_python(f"{source}p.set_defaults(dropout=0.0)"), AROUND).hyperparameters
    assert found.value == 0.0

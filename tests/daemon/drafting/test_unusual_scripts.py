"""Drafts for scripts that tell their values and metrics in less usual ways: meters, absl, fire, optparse, docopt, Tap,
Hydra without a file, and `sys.argv` by hand."""

from pathlib import Path

import pytest
from retuned.daemon.config.model_file import model_file_in
from retuned.daemon.drafting.first_draft import draft_for
from retuned.daemon.metric_patterns import compile_pattern, number_in
from retuned.strategies.drafting.imported_programs import with_imported
from retuned.strategies.drafting.metric_names import best_sight
from retuned.strategies.drafting.python_source import read_python

SCRIPTS = Path(__file__).parent / "scripts" / "unusual"
NOWHERE = {"HOME": "/nowhere", "PATH": "/usr/bin:/bin"}
ROWS = "x1,x2,customer_id,date,price\n" + "1,2,7,2026-01-01,3\n" * 500


@pytest.fixture
def folder(work_in):
    """The scripts in a folder with a table, which is the current folder."""
    return work_in(SCRIPTS, ROWS)


def drafted(name):
    return draft_for(Path(name), Path("model.toml"), NOWHERE, asks=False)


# script, the command's words after it, (metric, direction), budget
WHOLE = [
    # the meters of PyTorch's ImageNet example: the first guess before the first five
    ("meters.py", "{data} --arch={arch} --batch-size={batch_size} --lr={lr} --momentum={momentum} --wd={weight_decay} "
     "--seed={seed}", ("Acc@1", "maximize"), {"epochs": 90}),
    # its older form: "Loss {loss.val:.4f} ({loss.avg:.4f})", and a summary
    ("averaged.py", "--train-csv={train} --val-csv={eval} --lr={lr}", ("Prec@1", "maximize"), {"epochs": 20}),
    # keys of a tracker, printed in a loop, those of held-out rows with a prefix; a configuration file
    ("tracker.py", "--config={config}", ("val_loss", "minimize"), {"epochs": 100}),
    # keywords of a logger that prints itself
    ("smoothed.py", "--lr={lr} --batch_size={batch_size} --weight_decay={weight_decay} --data_path={data} "
     "--seed={seed}", ("loss", "minimize"), {"epochs": 300}),
    # Hydra, with dataclasses instead of a file, one in the other
    ("structured.py", "optim.lr={lr} optim.weight_decay={weight_decay} hidden={hidden} dropout={dropout} seed={seed} "
     "train_path={train} val_path={eval}", ("val_loss", "minimize"), {"epochs": 10}),
    # a position that only read_csv names
    ("tables.py", "{data} {alpha}", ("MSE", "minimize"), {"epochs": 1}),
    # key=value, put into a dictionary by a loop
    ("pairs.py", "lr={lr} hidden={hidden} seed={seed} data={data}", ("loss", "minimize"), {"epochs": 10}),
    ("flagged.py", "--learning_rate={learning_rate} --dropout_rate={dropout_rate} --batch_size={batch_size} "
     "--seed={seed} --train_file={train} --eval_file={eval} --optimizer={optimizer} --workdir={tmp}/run",
     ("test_accuracy", "maximize"), {"epochs": 12}),
    # a class: its constructor's arguments and those of the method that trains
    ("fired_class.py", "fit --train_csv={train} --eval_csv={eval} --lr={lr} --hidden={hidden} --seed={seed} "
     "--dropout={dropout}", ("val_rmse", "minimize"), {"epochs": 10}),
    # several functions, one of which trains
    ("fired_several.py", "train --data={data} --lr={lr} --hidden={hidden} --seed={seed}", ("val_loss", "minimize"),
     {"epochs": 3}),
    ("tapped.py", "--data_path={data} --lr={lr} --hidden_size={hidden_size} {use_bias:--use_bias} --seed={seed}",
     ("test_rmse", "minimize"), {"epochs": 30}),
    ("optparsed.py", "--file={data} --lr={lr} --hidden={hidden} {nesterov:--nesterov} --seed={seed}",
     ("Test_RMSE", "minimize"), {"epochs": 1}),
    # the help is the module's docstring
    ("docopted.py", "{train} {eval} --lr={lr} --hidden={hidden} --seed={seed}", ("RMSE", "minimize"), {"epochs": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words", "metric", "budget"), WHOLE, ids=[row[0] for row in WHOLE])
def test_an_unusual_script_becomes_a_model_file_that_can_be_registered(folder, name, words, metric, budget):
    found = drafted(name)
    model = model_file_in(found.text.encode(), folder / "model.toml")
    assert [*model.training.command] == ["python3", name, *words.split()]
    assert (model.goal.metric, model.goal.direction) == metric
    assert model.training.budget.model_dump(exclude_none=True) == budget
    assert (found.fault, "# TODO" in found.text) == ("", False)


PRINTED = [
    ("meters.py", " * Acc@1 76.130 Acc@5 92.862", 76.13),
    ("meters.py", "Test: [ 1/10]\tTime  0.5 ( 0.5)\tLoss 3.1e-01 (2.9e-01)\tAcc@1  70.00 ( 76.13)\tAcc@5 9 (9)", 76.13),
    ("averaged.py", " * Prec@1 76.130", 76.13),
    ("tracker.py", "2026-01-01 - INFO -     val_loss       : 0.4321", 0.4321),
    ("smoothed.py", "Averaged stats: loss: 0.3012 (0.3501)  acc1: 70.1 (71.2)", 0.3501),
    ("smoothed.py", "Averaged stats: acc1: 70.1 (71.2)  loss: 0.3012", 0.3012),
]


@pytest.mark.parametrize(("name", "line", "value"), PRINTED)
def test_of_what_a_meter_prints_the_average_is_found(folder, name, line, value):
    *_, (_, text, _) = compile_pattern(drafted(name).draft.metric.pattern).matches(line)
    assert number_in(text) == value


def test_an_option_that_its_help_calls_otherwise_is_one_hyperparameter(folder):
    usable = "import sys\n" + (folder / "averaged.py").read_text().replace("import torch\n", "")
    option = 'parser.add_argument("--wd", "--weight-decay", dest="weight_decay", default=1e-4, type=float)\n'
    (folder / "averaged.py").write_text(usable.replace("\n\n\nclass", f"\n{option}\n\nclass", 1))
    found = draft_for(Path("averaged.py"), Path("model.toml"), {**NOWHERE, "PATH": "/usr/bin:/bin"}, asks=True)
    assert [one.name for one in found.draft.hyperparameters] == ["lr", "weight_decay"]


SOURCES = [
    # what reads the command line, the words that hand over its values
    ("import sys\ncfg = {'lr': 0.1, 'x': True}\nfor a in sys.argv[1:]:\n    k, v = a.lstrip('-').split('=')\n"
     "    cfg[k] = v", [("--lr={}",), ("--x={}",)]),
    ("import sys\nfor a in sys.argv[1:]:\n    print(a.split(','))", []),  # no pairs
    ("import sys\ntrain = pd.read_csv(sys.argv[1])\ntest_df = pd.read_csv(sys.argv[2])", ["train", "test"]),
    ("import sys\na = pd.read_csv(sys.argv[1])\nb = pd.read_csv(sys.argv[2])", ["data", "argument_2"]),
    ("from absl import flags\nflags.DEFINE_string('rate', default=None, help='')\nflags.DEFINE_list('x', [], '')",
     [("--rate={}",)]),
    ("import fire\ndef train(lr=0.1): pass\ndef other(x): pass\nfire.Fire()", [("--lr={}",)]),
    ("import fire\nclass A:\n    def one(self, lr=0.1): pass\n    def two(self): pass\nfire.Fire(A)", []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_arguments_are_found_where_they_are_sure_and_no_others(source, expected):
    arguments = read_python(source).arguments
    assert [
        one.name if isinstance(word, str) else one.words for one, word in zip(arguments, expected, strict=True)
    ] == expected


@pytest.mark.parametrize(
    ("call", "is_open", "word"),
    [
        ("fire.Fire(train)", False, ""),
        ("fire.Fire({'fit': train, 'score': score})", True, "fit"),
        ("fire.Fire()", True, "train"),
        ("fire.Fire(Odd)", True, ""),  # nobody knows which method trains
    ],
)
def test_the_word_for_what_fire_runs_is_known_or_asked_for(call, is_open, word):
    source = "import fire\nclass Odd:\n    def a(self): pass\n    def b(self): pass\n"
    program = read_python(f"{source}def train(lr=0.1): pass\ndef score(): pass\n{call}\n")
    assert (program.has_subcommands, program.subcommand) == (is_open, word)


@pytest.mark.parametrize(("script", "says_so"), [("tables.py", True), ("docopted.py", False), ("keras.py", False)])
def test_init_says_at_once_that_a_script_which_cuts_one_table_needs_a_second_file(folder, retuned, script, says_so):
    (folder / "keras.py").write_text('history = model.fit(validation_split=0.2)\nprint("val_loss:", loss)\n')
    done = retuned("init", script, "--no-help", cwd=folder)
    assert done.returncode == 0
    assert ("let it take a second file" in done.stdout) is says_so
    assert ("cut by the script itself" in done.stdout) is says_so


def test_arguments_and_metric_may_stand_in_modules_beside_the_script(folder):
    found = drafted("parts/train.py")
    words = "--train-csv={train} --valid-csv={eval} --lr={lr} --seed={seed}"
    assert [*found.draft.command] == ["python3", "parts/train.py", *words.split()]
    assert found.draft.metric.name == "val_loss"
    assert "# guess: line 4 of fit.py prints it" in found.text
    assert found.fault == ""


MODULES = [
    # what the script says, what a module says, (arguments, metric) that count
    ("", "click.option('--lr', default=0.1)", ([], None)),  # imports nothing that reads a command line
    ("import argparse\np.add_argument('--rate')", "import argparse\np.add_argument('--lr')", (["rate"], None)),
    ("print('rmse:', rmse)", "print('mae:', mae)", ([], "rmse")),  # the script itself goes before
    ("wandb.log({'rmse': rmse})", "print('mae:', mae)", ([], "mae")),  # what a tracker gets cannot be read
]


@pytest.mark.parametrize(("script", "module", "expected"), MODULES)
def test_what_a_script_says_itself_goes_before_its_modules(script, module, expected):
    program = with_imported(read_python(script), [("net.py", read_python(module))])
    best = best_sight(program.metrics)
    assert ([one.name for one in program.arguments], None if best is None else best.name) == expected

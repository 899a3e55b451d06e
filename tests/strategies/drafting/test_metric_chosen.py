"""Which metric a draft takes for the one that counts, by what the source prints."""

import pytest
from retuned.daemon.metric_patterns import compile_pattern
from retuned.strategies.drafting.draft import Surroundings
from retuned.strategies.drafting.drafting import draft
from retuned.strategies.drafting.python_source import read_python

AROUND = Surroundings("model", "train.py", ("python3", "train.py"), "me", "a guess")

CHOSEN = [
    # what can be had by predicting one class, what is signed, and a parameter do not push out what counts
    ('print(f"auc={a:.3f} fpr={f:.3f} fnr={g:.3f}")', "auc", "maximize"),
    ('print(f"rmse={a:.3f} mpe={m:.3f}")', "rmse", "minimize"),
    ('print(f"auc: {a:.3f}, ece: {e:.3f}")', "auc", "maximize"),
    ('print(f"rmse: {a:.3f} residual deviation: {d:.3f}")', "rmse", "minimize"),
    ('print(f"auc: {a:.3f} huber_delta: {h:.3f}")', "auc", "maximize"),
    ('print(f"fnr: {g:.3f}")', "fnr", "minimize"),
    # a metric beside the loss was chosen by the owner; of a loop without words about rows, too
    ('print(f"epoch {epoch}: loss={loss:.4f} pr_auc={ap:.4f}")', "pr_auc", "maximize"),
    # accuracy is coarse, and told beside what counts
    ('print(f"Test AUC: {auc:.4f} (accuracy {acc:.3f})")', "Test_AUC", "maximize"),
    # of several in one line, the last
    ("print('acc %.3f f1 %.3f' % (a, f))", "f1", "maximize"),
    # the loss of held-out rows goes before a metric of training rows
    ("print(f'train acc {a:.3f} val loss {b:.3f}')", "val_loss", "minimize"),
    # words about the rows hold for what follows them, in other arguments too
    ('print("Test set results:", "loss= {:.4f}".format(a), "accuracy= {:.4f}".format(b))', "accuracy", "maximize"),
    ("print('train: loss {} acc {} | val: loss {} acc {}'.format(a, b, c, d))\nprint('took loss', loss)",
     "acc", "maximize"),
    # 9913/10000 is no number
    ("print('Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)'.format(a, b, c, d))", "loss", "minimize"),
    ("print(f'loss {a} correct accuracy {b}/{c}')", "loss", "minimize"),
    # a function of one's own that prints; what stands in a function for held-out rows goes first
    ("progress_bar(i, n, 'Loss: %.3f | Acc: %.3f%% (%d/%d)' % (a, b, c, d))", "Acc", "maximize"),
    ("def test(epoch):\n  log_print('mae: %f' % a)\nprint('r2', r2)", "mae", "minimize"),
    # a dictionary as Python shows it
    ("print({'epoch': e, 'loss': 0.1, 'ndcg@10': 0.3})", "ndcg@10", "maximize"),
    ("metrics = {'loss': a, 'f1': b}\nlogger.info(metrics)", "f1", "maximize"),
    # the words name the rows, the variable the metric
    ("print(f'epoch {e}/{n}  train {loss:.4f}  valid {valid_loss:.5f}')", "valid_loss", "minimize"),
    # words after the name that are no part of it, and names that are of something else
    ("print('best acc is {:0.2f}'.format(best))", "acc", "maximize"),
    ("print('loss weight: %f' % w)\nprint('mse: %f' % m)", "mse", "minimize"),
    # the booster's own log, by its objective or its metric; what the owner prints beside it goes first
    ("import xgboost as xgb\nparams = {'objective': 'binary:logistic'}\n"
     "xgb.train(params, d, evals=[(d, 'train'), (v, 'valid')])", "logloss", "minimize"),
    ("import xgboost as xgb\nxgb.XGBClassifier(eval_metric=['logloss', 'aucpr']).fit(x, y, eval_set=[(a, b)])",
     "aucpr", "maximize"),
    ("import lightgbm as lgb\n"
     "lgb.train({'objective': 'regression'}, d, valid_sets=[v], callbacks=[lgb.log_evaluation(9)])", "mse", "minimize"),
    ("import lightgbm as lgb\nlgb.train(dict(metric='auc'), d, valid_sets=[d, v], valid_names=['train', 'dev'],"
     " callbacks=[lgb.early_stopping(9)])\nprint('logloss', log_loss(a, b))", "logloss", "minimize"),
    # what a Trainer is told to compute, and by which it chooses
    ("from transformers import Trainer\ndef compute_metrics(p):\n  return {'f1': f1(p)}\nTrainer(compute_metrics=c)\n",
     "eval_f1", "maximize"),
    ("from transformers import Trainer, TrainingArguments as A\nTrainer(m, A(metric_for_best_model='accuracy'))",
     "eval_accuracy", "maximize"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "name", "direction"), CHOSEN)
def test_the_metric_that_counts_is_the_one_its_owner_prints(source, name, direction):
    found = draft(read_python(source), AROUND)
    assert (found.metric.name, found.direction) == (name, direction)


PATTERNS = [
    ("import xgboost as xgb\nxgb.train({'objective': 'reg:squarederror'}, d, evals=[(d, 'train'), (v, 'test')])",
     "[9]\ttrain-rmse:1.5\ttest-rmse:2.5", "2.5"),
    ("import lightgbm as lgb\n"
     "lgb.train({'metric': 'binary_logloss'}, d, valid_sets=[v], callbacks=[lgb.log_evaluation(1)])",
     "[40]\tvalid_0's binary_logloss: 0.3234", "0.3234"),
    ("print({'loss': a, 'auc': b})", "{'loss': 0.2, 'auc': np.float64(0.75)}", "0.75"),
    ("print(f'valid {valid_loss:.5f}')", "epoch 1/2 train 0.5 valid 0.25000", "0.25000"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line", "value"), PATTERNS)
def test_the_pattern_finds_the_number_in_what_is_printed(source, line, value):
    pattern = draft(read_python(source), AROUND).metric.pattern
    assert [text for _, text, _ in compile_pattern(pattern).matches(line)] == [value]


def test_other_metrics_are_named_and_those_of_training_rows_are_not():
    found = draft(read_python("print(f'train loss {a}')\nprint(f'val loss {b} val mae {c} val r2 {d}')"), AROUND)
    assert (found.metric.name, [sight.name for sight in found.other_metrics]) == ("val_r2", ["val_loss", "val_mae"])


def test_the_table_of_a_csv_logger_lies_in_the_folder_that_the_command_names():
    source = (
        "import argparse, lightning as L\nfrom lightning.pytorch.loggers import CSVLogger\n"
        "p = argparse.ArgumentParser()\np.add_argument('--logs', default='logs')\na = p.parse_args()\n"
        "class M(L.LightningModule):\n  def validation_step(self, b):\n    self.log('val_mae', b)\nCSVLogger(a.logs)\n"
    )
    found = draft(read_python(source), AROUND)
    assert (found.metric.column, found.metric_file) == (
        "val_mae",
        "{tmp}/logs/lightning_logs/version_0/metrics.csv",
    )

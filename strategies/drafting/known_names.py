"""Hyperparameters that most people would know by their name, and the range that a first draft gives them.

A table, not a theory: around the current value where that is known, because a search for rust looks near the current
settings first; else what the libraries that made the name known recommend.
"""

import math
import re
from dataclasses import dataclass

from ..hyperparameter import Kind


@dataclass(frozen=True, slots=True)
class Known:
    """Names (a regular expression over the whole plain name), and the range.

    With `factor` the range is the current value divided and multiplied by it, within the bounds; without a value, or a
    factor, low to high. `rank`: the lower, the earlier it is among those searched. No range goes above `most`, unless
    the value does.
    """

    names: str
    noun: str
    kind: Kind
    low: float
    high: float
    log: bool = False
    factor: float = 0.0
    rank: int = 5
    most: float = math.inf


_FLOAT, _INT = Kind.FLOAT, Kind.INT
WELL_KNOWN = (
    Known("(min|end|final)_(lr|learning_?rate)|eta_min", "lowest learning rate", _FLOAT, 1e-7, 1.0, True, 30.0, 6),
    Known("(.*_)?(lr|learning_?rate|eta|eta0|step_?size|base_lr|init_lr|lr0)", "learning rate", _FLOAT, 1e-5, 1.0, True,
          30.0, 0),
    Known("(.*_)?(weight_?decay|wd)", "weight decay", _FLOAT, 1e-6, 0.1, True, 100.0, 1, most=1.0),
    Known("(.*_)?(l2|l2_?reg(ularization)?|l2_lambda|reg_lambda|lambda_l2|ridge)", "L2 regularisation", _FLOAT, 1e-6,
          0.1, True, 100.0, 1),
    Known("(l1|l1_?reg|lambda_l1|reg_alpha|alpha|lambda|lambda_|lamb|lam|reg|regularization|penalty_weight)",
          "regularisation", _FLOAT, 1e-6, 1.0, True, 100.0, 1),
    Known("(l1_ratio|elastic_?net_?(param|ratio))", "share of L1", _FLOAT, 0.0, 1.0, rank=3),
    Known("c|sv[mcr]_c", "inverse regularisation", _FLOAT, 1e-3, 1e3, True, 100.0, 1),
    Known("(.*_)?(batch_?size|bs|minibatch(_size)?|batch|train_batch_size)", "batch size", _INT, 8, 512, True, 4.0, 2),
    Known("(.*_)?(momentum|beta_?1|adam_beta1|b1|mom)", "momentum", _FLOAT, 0.0, 0.99, rank=2),
    Known("(.*_)?(beta_?2|adam_beta2|b2)", "second-moment decay", _FLOAT, 0.9, 0.9999, rank=6),
    Known("(.*_)?(dropout|drop_?rate|dropout_?rate|p_drop|drop_?prob|dropout_p(rob)?|drop_path(_rate)?|stochastic_depth)",
          "dropout", _FLOAT, 0.0, 0.6, rank=2),
    Known("(scale_)?pos(itive)?_?(class_)?weight", "weight of the rarer class", _FLOAT, 0.1, 100.0, True, 10.0, 4),
    Known("((num_?)?leaves|max_leaves|max_leaf_nodes)", "leaves of a tree", _INT, 8, 256, True, 4.0, 2),
    Known("(max_?depth|tree_depth)", "depth of a tree", _INT, 2, 12, rank=2),
    Known("(n_estimators|num_boost_round|num_rounds?|n_rounds?|rounds|num_trees|n_trees|num_iterations|trees|nrounds|ntree)",
          "number of trees", _INT, 50, 2000, True, 4.0, 2),
    Known("(min_child_weight|min_child_samples|min_samples_leaf|min_data_in_leaf|min_samples_split|min_node_size)",
          "least rows of a leaf", _INT, 1, 100, True, 5.0, 4),
    Known("(subsample|bagging_fraction|colsample(_.*)?|feature_fraction|row_sample|col_sample|max_samples|sample_frac)",
          "share that is sampled", _FLOAT, 0.4, 1.0, rank=4),
    Known("(n_neighbors|k_neighbors|knn|neighbors)", "neighbours", _INT, 1, 50, True, 4.0, 1),
    Known("(.*_)?(hidden(_?(size|dim|units|layer_size|features|channels))?|units|width|n_hidden|d_model|embed(ding)?_?dim|"
          "n_embd|emb_dim|em_?size|n_?hid|latent_dim|channels|filters|neurons)", "width", _INT, 8, 512, True, 4.0, 3),
    Known("(n_?layers?|num_?layers|layers|depth|n_blocks|num_blocks|num_hidden_layers)", "number of layers", _INT, 1, 8,
          rank=4),
    Known("(.*_)?(label_?smoothing|smoothing)", "label smoothing", _FLOAT, 0.0, 0.3, rank=4),
    Known("(mixup(_alpha)?|cutmix(_alpha)?)", "strength of mixing", _FLOAT, 0.0, 1.0, rank=5),
    Known("(.*_)?(clip|grad_?clip|clip_?grad(_norm)?|max_grad_norm|clip_norm|gradient_clip(_val)?)",
          "gradient clipping", _FLOAT, 0.1, 10.0, True, 10.0, 5),
    Known("(warmup|warm_?up_?(steps|iters)|num_warmup_steps)", "warm-up", _INT, 0, 2000, rank=5),
    Known("(warm_?up_?(ratio|frac(tion)?|proportion))", "warm-up", _FLOAT, 0.0, 0.3, rank=5),
    Known("(lr_)?(gamma|decay|lr_decay|decay_rate|step_gamma)", "decay", _FLOAT, 0.1, 1.0, rank=4),
    Known("(temperature|temp|tau)", "temperature", _FLOAT, 0.05, 5.0, True, 10.0, 4),
    Known("(ema(_decay)?|ema_momentum)", "averaging", _FLOAT, 0.9, 0.9999, rank=6),
)  # fmt: skip
SWITCHES = re.compile(
    "nesterov|amsgrad|(use_)?(bias|batch_?norm|layer_?norm|bn|augment(ation)?|aug|class_weights?|early_stopping)|"
    "centered|normali[sz]e|standardi[sz]e|bootstrap|weighted|ema"
)
CHOICES = re.compile(
    "(.*_)?(optim(izer)?|opt|solver|scheduler|lr_sched(uler)?|activation|act|loss(_fn|_function)?|criterion|kernel|"
    "booster|boosting(_type)?|penalty|weights|norm(alization)?|init(ialization)?|arch|model|objective|splitter)"
)

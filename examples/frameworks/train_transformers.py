"""A tiny transformer, randomly initialised, reads a flight as six words; Hugging Face's Trainer trains it."""

import argparse
import os
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from flights_table import CARRIERS, ORIGINS, is_late, read_rows
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

WORDS = 128


def words_of(row):
    delay = min(31, max(0, (int(row["dep_delay"]) + 15) // 5))
    carrier = CARRIERS.index(row["carrier"]) if row["carrier"] in CARRIERS else len(CARRIERS)
    distance = min(15, int(row["distance"]) // 200)
    return [1, 2 + delay, 40 + carrier, 60 + ORIGINS.index(row["origin"]), 70 + int(row["hour"]), 100 + distance]


def load(path):
    return [{"input_ids": words_of(row), "labels": int(is_late(row))} for row in read_rows(path)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True)
    parser.add_argument("--valid", required=True)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--max-steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    set_seed(args.seed)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=8,
    )
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            out,
            max_steps=args.max_steps,
            learning_rate=args.learning_rate,
            weight_decay=args.weight_decay,
            per_device_train_batch_size=64,
            per_device_eval_batch_size=1024,
            seed=args.seed,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = Trainer(
            BertForSequenceClassification(config),
            arguments,
            train_dataset=load(args.train),
            eval_dataset=load(args.valid),
        )
        trainer.train()
        print("validation:", trainer.evaluate())


if __name__ == "__main__":
    main()

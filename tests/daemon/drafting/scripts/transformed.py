from dataclasses import dataclass, field

from transformers import HfArgumentParser, Trainer, TrainingArguments


@dataclass
class Arguments:
    train_file: str = field(metadata={"help": "training data"})
    validation_file: str = field(metadata={"help": "evaluation data"})
    learning_rate: float = 5e-5
    per_device_train_batch_size: int = 8
    weight_decay: float = field(default=0.01)
    seed: int = 42


def main():
    (args,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    trainer = Trainer(model=None, args=TrainingArguments("out"))
    trainer.train()
    print(trainer.evaluate())


if __name__ == "__main__":
    main()

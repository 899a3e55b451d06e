from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class Optim:
    lr: float = 0.001
    weight_decay: float = 0.01


@dataclass
class Config:
    optim: Optim = field(default_factory=Optim)
    hidden: int = 64
    dropout: float = 0.1
    epochs: int = 10
    seed: int = 0
    train_path: str = "rows.csv"
    val_path: str = "rows.csv"


cs = ConfigStore.instance()
cs.store(name="config", node=Config)


@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg: Config) -> None:
    for epoch in range(cfg.epochs):
        val_loss = 1.0
        print(f"[{epoch}] val_loss={val_loss:.4f}")


if __name__ == "__main__":
    main()

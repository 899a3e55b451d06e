from dataclasses import dataclass

import tyro


@dataclass
class Config:
    env_id: str = "CartPole-v1"
    learning_rate: float = 2.5e-4
    num_steps: int = 128
    gamma: float = 0.99
    ent_coef: float = 0.01
    anneal_lr: bool = True
    seed: int = 1


config = tyro.cli(Config)
print(f"global_step={config.num_steps}, episodic_return={12.5}")

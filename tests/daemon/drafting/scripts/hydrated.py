import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    error = cfg.optimizer.lr
    print(f"{cfg.name}: val/error={error}")
    return error


if __name__ == "__main__":
    main()

from tap import Tap


class Args(Tap):
    data_path: str = "rows.csv"  # the table
    lr: float = 1e-3  # learning rate
    hidden_size: int = 300
    use_bias: bool = False
    epochs: int = 30
    seed: int = 0


if __name__ == "__main__":
    args = Args().parse_args()
    print(f"Overall test rmse = {args.lr:.6f}")

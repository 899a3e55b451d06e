import fire


class Trainer:
    def __init__(self, train_csv="rows.csv", eval_csv="rows.csv", lr=0.003, hidden=64, seed=0):
        self.lr = lr

    def fit(self, epochs=10, dropout=0.1):
        for epoch in range(epochs):
            print(f"epoch {epoch} val_rmse {0.5:.4f}")

    def predict(self, path):
        pass


if __name__ == "__main__":
    fire.Fire(Trainer)

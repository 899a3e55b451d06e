import fire


def train(train_csv, eval_csv, lr=0.1, momentum=0.9, nesterov=True, epochs=3, seed=0):
    for epoch in range(epochs):
        loss = 1.0 / (epoch + 1)
        print(f"Epoch {epoch + 1}/{epochs} | train loss {loss:.3f} | val loss {loss:.3f}")


if __name__ == "__main__":
    fire.Fire(train)

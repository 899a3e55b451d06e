import click
import logging

log = logging.getLogger(__name__)


@click.command()
@click.argument("train_path", type=click.Path(exists=True))
@click.argument("val_path", type=click.Path(exists=True))
@click.option("--lr", default=1e-3, show_default=True, help="Learning rate")
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), default="adam")
@click.option("--nesterov/--no-nesterov", default=False)
@click.option("--dropout", "-d", type=float, default=0.1)
@click.option("--num-epochs", type=int, default=5)
@click.option("--seed", type=int, default=0)
@click.option("-v", "--verbose", is_flag=True)
def main(train_path, val_path, lr, optimizer, nesterov, dropout, num_epochs, seed, verbose):
    for epoch in range(num_epochs):
        acc = 0.5
        log.info("epoch %d val_acc %.4f", epoch, acc)


if __name__ == "__main__":
    main()

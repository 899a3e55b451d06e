from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer()


@app.command()
def train(
    data: Path,
    hidden_size: int = 64,
    learning_rate: Annotated[float, typer.Option("--learning-rate", "-l", help="step")] = 0.003,
    weight_decay: float = typer.Option(1e-4, help="L2"),
    batch_norm: bool = True,
    max_steps: int = 2000,
    seed: Optional[int] = None,
):
    mae = 1.0
    typer.echo(f"step={max_steps} mae={mae}")


if __name__ == "__main__":
    app()

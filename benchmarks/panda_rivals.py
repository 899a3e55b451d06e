"""What a person might use instead of a panda: a constant rate, a schedule, or an optimiser that needs no rate."""

import math
from collections.abc import Callable
from typing import Any

import torch
from panda_jobs import Job
from panda_runs import EVALUATIONS, Point, run_constant
from retuned.strategies.training.optimizers import make_optimizer

COSINE_PIECES = 200
PATIENCE = 2  # evaluations without a gain before ReduceLROnPlateau divides the rate by ten, torch's own factor


def constant(job: Job, seed: int, rate: float) -> list[Point]:
    """No babysitter."""
    return run_constant(job, seed, {"lr": rate})


def cosine(job: Job, seed: int, rate: float) -> list[Point]:
    """The rate along half a cosine to zero."""
    shares = [piece / COSINE_PIECES for piece in range(COSINE_PIECES)]
    heights = [0.5 * (1 + math.cos(math.pi * share)) for share in shares]
    points = [[share * job.steps, rate * height] for share, height in zip(shares, heights, strict=True)]
    return run_constant(job, seed, {"lr": points})


def plateau(job: Job, seed: int, rate: float) -> list[Point]:
    """torch's ReduceLROnPlateau, told the development loss at each evaluation."""

    def make(model: torch.nn.Module) -> tuple[Any, Any]:
        optimizer = make_optimizer(job.optimizer, model, {"lr": rate, **job.others})
        return optimizer, torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=PATIENCE)

    return _loop(job, seed, make)


def schedule_free(job: Job, seed: int, rate: float) -> list[Point]:
    """AdamW without a schedule. Source: Defazio et al., The Road Less Scheduled, arXiv 2405.15682."""
    import schedulefree

    def make(model: torch.nn.Module) -> tuple[Any, Any]:
        return schedulefree.AdamWScheduleFree(model.parameters(), lr=rate, weight_decay=0.01, warmup_steps=30), None

    return _loop(job, seed, make)


def prodigy(job: Job, seed: int, rate: float) -> list[Point]:
    """Prodigy at its own rate of 1, whatever the start. Source: Mishchenko & Defazio, arXiv 2306.06101."""
    import prodigyopt

    def make(model: torch.nn.Module) -> tuple[Any, Any]:
        return prodigyopt.Prodigy(model.parameters(), lr=1.0, weight_decay=0.01), None

    return _loop(job, seed, make)


def _loop(job: Job, seed: int, make: Callable[[torch.nn.Module], tuple[Any, Any]]) -> list[Point]:
    """The same rows, initialisation and evaluations as everywhere; the order of rows is drawn by the seed."""
    recipe: Any = job.recipe()
    data, scored = recipe.data("train", seed), recipe.data("dev", seed)
    torch.manual_seed(seed)
    model = recipe.model(job.others)
    optimizer, scheduler = make(model)
    generator = torch.Generator().manual_seed(seed)
    points: list[Point] = []
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, job.steps + 1):
        if not len(order):
            order = torch.randperm(len(data[0]), generator=generator)
        chosen, order = order[: recipe.batch_size], order[recipe.batch_size :]
        _switch(optimizer, "train")
        optimizer.zero_grad()
        loss = recipe.loss(model, tuple(tensor[chosen] for tensor in data))
        if not math.isfinite(float(loss.detach())):
            break
        loss.backward()
        optimizer.step()
        if step % round(job.steps / EVALUATIONS) == 0:
            _switch(optimizer, "eval")
            with torch.no_grad():
                found = recipe.metrics(model, scored)
            points.append((float(step), found["dev_loss"], found["test_loss"]))
            if scheduler is not None:
                scheduler.step(found["dev_loss"])
    return points


def _switch(optimizer: Any, mode: str) -> None:  # noqa: ANN401 - any optimiser; a schedule-free one has two modes
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()

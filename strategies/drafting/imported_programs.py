"""What the modules that a program imports add to what it says itself: its command line, and prints of its metric."""

from collections.abc import Sequence
from dataclasses import replace

from .metric_names import best_sight
from .program import MetricSight, Program


def with_imported(program: Program, modules: Sequence[tuple[str, Program]]) -> Program:
    """The program, with the arguments of the one of its `modules` (file name, what it says) that declares some, where
    it declares none, and with the metrics that they tell, where it tells none that can be read."""
    speaking = [module for _, module in modules if module.arguments and module.parser not in ("", "argv")]
    if not program.parser and not program.arguments and len(speaking) == 1:
        program = replace(
            speaking[0],
            metrics=program.metrics,
            constants=program.constants,
            reads_a_file=program.reads_a_file or speaking[0].reads_a_file,
        )
    if _is_told(program.metrics):
        return program
    told = [replace(sight, module=name) for name, module in modules for sight in module.metrics]
    return replace(program, metrics=(*program.metrics, *told))


def _is_told(sights: tuple[MetricSight, ...]) -> bool:
    best = best_sight(sights)
    return best is not None and best.how != "log"

"""Evaluators: one file each; here a line, and a place in the union of options, which tells them apart by `name`.

Importing this loads no torch: an evaluator's own module is imported when a task is opened.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

from pydantic import Field

from apportion.errors import InputError
from apportion.evaluators.protocol import TrialFailed
from apportion.evaluators.synthetic import SyntheticOptions
from apportion.evaluators.table import TableOptions
from apportion.evaluators.task import Bench, Task
from apportion.evaluators.training.options import TrainOptions
from apportion.registry import Registry
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

EvaluatorOptions = Annotated[TrainOptions | SyntheticOptions | TableOptions, Field(discriminator="name")]


def own_domains(options: TrainOptions | SyntheticOptions | TableOptions) -> tuple[str, ...] | None:
    """The domains that an evaluator brings with it; None where it reads the images that the study names."""
    return None if isinstance(options, TrainOptions) else options.domains


@dataclass(frozen=True)
class EvaluatorEntry:
    """`module` has `shape_and_space(task)`, which reads no image, and `opened(task)`."""

    name: str
    summary: str
    module: str

    def load(self) -> Any:
        return import_module(self.module)


evaluators: Registry[EvaluatorEntry] = Registry(
    "evaluator",
    [
        EvaluatorEntry(
            "train", "trains the pattern on all domains and scores it: the truth", "apportion.evaluators.train"
        ),
        EvaluatorEntry(
            "synthetic", "a closed form with a known optimum; microseconds a trial", "apportion.evaluators.synthetic"
        ),
        EvaluatorEntry(
            "table", "reads a table of trained patterns: the best is known; microseconds", "apportion.evaluators.table"
        ),
    ],
)


def open_task(task: Task) -> Bench:
    """Build everything: data, network, evaluator."""
    try:
        bench: Bench = evaluators.get(task.evaluator.name, "evaluator.name").load().opened(task)
    except TrialFailed as failed:
        # Choosing the form takes a few training steps: what breaks them breaks every trial.
        raise InputError("the first training steps", failed.reason, failed.message) from failed
    return bench


def shape_and_space(task: Task) -> tuple[BackboneShape, SharingSpace]:
    """The space alone, before any image is read: what the budget checks need."""
    found: tuple[BackboneShape, SharingSpace] = (
        evaluators.get(task.evaluator.name, "evaluator.name").load().shape_and_space(task)
    )
    return found

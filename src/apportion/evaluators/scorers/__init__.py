"""Scorers: what a filter, or a whole pattern, is worth, without training the pattern. One file each, here a line.

A scorer of filters is `score(lab, options, seed, key) -> {"worth.<site>": [owners, filters], ...}`; one of patterns is
`score(lab, options, seed, key, allocations) -> {"losses": [patterns]}`. More tensors may be kept beside these, to be
drawn. Importing this loads no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from pydantic import BaseModel

from apportion.evaluators.scorers.options import (
    DeltaSupernetOptions,
    DepthOptions,
    FisherOptions,
    GradientVarianceOptions,
    NeedOptions,
    Rung1Options,
    TaskVectorOptions,
)
from apportion.evaluators.scorers.relaxations.options import Ba2Options, GateOptions, HardConcreteOptions, TapsOptions
from apportion.registry import Registry

Score = Callable[..., Any]


def no_epochs(options: BaseModel, full: int) -> int:
    """Batches, or nothing."""
    return 0


def a_run(options: TaskVectorOptions | DeltaSupernetOptions, full: int) -> int:
    """The full schedule, or what the options say instead."""
    return full if options.epochs is None else options.epochs


def half_a_run(options: GateOptions, full: int) -> int:
    """Each round of gates."""
    return options.rounds * (options.epochs or max(1, round(full / 2)))


@dataclass(frozen=True)
class ScorerEntry:
    """`of`: what it scores. `scorer` is `module:function`; `options` validates its part of a config.

    `epochs(options, full)`: of training that it takes, where the full schedule has `full`; a pattern for `patterns`.
    """

    name: str
    summary: str
    of: Literal["filters", "patterns"]
    scorer: str
    options: type[BaseModel]
    epochs: Callable[[Any, int], int] = no_epochs

    def load(self) -> Score:
        module, function = self.scorer.split(":")
        score: Score = getattr(import_module(module), function)
        return score


_HERE = "apportion.evaluators.scorers"

scorers: Registry[ScorerEntry] = Registry(
    "scorer",
    [
        ScorerEntry(
            "fisher",
            "how strongly a domain's loss depends on a filter: mean squared gradient; seconds",
            "filters",
            f"{_HERE}.fisher:score",
            FisherOptions,
        ),
        ScorerEntry(
            "gradient_variance",
            "how far a domain's gradient lies from all domains' mean, batch noise taken off; seconds",
            "filters",
            f"{_HERE}.gradient_variance:score",
            GradientVarianceOptions,
        ),
        ScorerEntry(
            "task_vector",
            "how far a domain moves a filter when it trains alone; an independent run",
            "filters",
            f"{_HERE}.task_vector:score",
            TaskVectorOptions,
            a_run,
        ),
        ScorerEntry(
            "taps",
            "scores of gates on departures, open at a threshold, under an L1 penalty (004); half a run",
            "filters",
            f"{_HERE}.relaxations.taps:score",
            TapsOptions,
            half_a_run,
        ),
        ScorerEntry(
            "ba2",
            "scores of binary gates under a budget on what is owned, by a multiplier (002); half a run",
            "filters",
            f"{_HERE}.relaxations.ba2:score",
            Ba2Options,
            half_a_run,
        ),
        ScorerEntry(
            "hard_concrete",
            "log odds of random gates under an L0 penalty (Louizos et al. 2018); half a run",
            "filters",
            f"{_HERE}.relaxations.hard_concrete:score",
            HardConcreteOptions,
            half_a_run,
        ),
        ScorerEntry(
            "need",
            "a domain's loss shared less its loss alone, the same for all its filters; two runs",
            "filters",
            f"{_HERE}.need:score",
            NeedOptions,
            lambda options, full: 2 * full,
        ),
        ScorerEntry(
            "depth",
            "nearer to the input is worth more: the control that the others must beat; free",
            "filters",
            f"{_HERE}.depth:score",
            DepthOptions,
        ),
        ScorerEntry(
            "rung1",
            "val loss after an epoch from the shared start, its learning rate annealed; an epoch a pattern",
            "patterns",
            f"{_HERE}.rung1:score",
            Rung1Options,
            lambda options, full: options.epochs,
        ),
        ScorerEntry(
            "delta_supernet",
            "val loss in one network trained under random patterns; an independent run, then a second a pattern",
            "patterns",
            f"{_HERE}.delta_supernet:score",
            DeltaSupernetOptions,
            a_run,
        ),
    ],
)

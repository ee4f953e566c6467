"""What a config may say about relaxations. Loads no torch."""

from typing import Literal

from pydantic import BaseModel, Field

from apportion.evaluators.scorers.options import STRICT, Start


class GateOptions(BaseModel):
    """How gates are trained. `epochs` of a round, by default half of the full schedule's.

    `lr` of the scores, by the evaluator's optimiser: meant for Adam's steps. SGD moves a score by its gradient, which
    is about 1e-3 at a filter, and needs a hundred times as much.
    `rounds`: each further one starts from weights, departures and scores of the one before, its schedule anew.
    `held_out`: the part of every domain's train split that the gates alone are trained on, the weights on the rest.
    `wait`: the part of a round in which the scores stay where they are, until departures mean something.
    """

    model_config = STRICT
    start: Start = "auto"
    epochs: int | None = Field(None, ge=1)
    lr: float = Field(5e-3, gt=0, allow_inf_nan=False)
    rounds: int = Field(1, ge=1, le=8)
    held_out: float = Field(0.0, ge=0, le=0.9)
    wait: float = Field(0.0, ge=0, lt=1)
    per: Literal["site", "filter"] = "filter"


class TapsOptions(GateOptions):
    """`penalty`: 004's lambda. `per: site` gates whole layers, as the paper does. `first`: the scores' start.

    The paper's .25 and more are for 30 epochs: in half a short run, with a gate a filter, they close all but a
    hundredth before anything is learned; .1 leaves a seventh open.
    """

    penalty: float = Field(0.1, ge=0, allow_inf_nan=False)
    tau: float = Field(0.1, allow_inf_nan=False)
    first: float = Field(0.15, allow_inf_nan=False)


class Ba2Options(GateOptions):
    """`target`: 002's beta, the part of the backbone that a domain may own, on average over domains.

    `rate`: what a step adds to the multiplier for each unit that is owned above it. `first`: the scores' start (002).
    Without a `wait` nine tenths of the gates close in the first steps, on departures that are noise.
    """

    lr: float = Field(1e-3, gt=0, allow_inf_nan=False)
    wait: float = Field(0.25, ge=0, lt=1)
    target: float = Field(0.2, gt=0, le=1)
    rate: float = Field(0.05, gt=0, allow_inf_nan=False)
    first: float = Field(1e-3, gt=0, allow_inf_nan=False)


class HardConcreteOptions(GateOptions):
    """`penalty`: on the expected L0 norm. `first`: log alpha at the start, 2 opens nine gates of ten and more."""

    lr: float = Field(2e-2, gt=0, allow_inf_nan=False)
    penalty: float = Field(1.0, ge=0, allow_inf_nan=False)
    first: float = Field(2.0, allow_inf_nan=False)

"""What a config may say about scorers. Loads no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from apportion.spaces.options import BudgetOptions

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class JointStart(BaseModel):
    """The shared network is trained for `joint` epochs first; once a study and seed, its cost charged."""

    model_config = STRICT
    joint: int = Field(ge=1)


Start = Literal["auto", "template", "warm_up"] | JointStart
"""Where a scorer starts: `template` (random weights, or `backbone.weights`), `warm_up` (the shared network that trials
start from as well), `{joint: 2}`, or `auto`: the warm-up where the evaluator has one, else the template."""

Scale = Literal["raw", "site", "root"]
"""What is done to squared norms before sites are compared. Squared gradients fall with depth, 100- to 750-fold a weight
in a small ResNet, so that as they are (`raw`) sums of them say little but depth. `root`: their roots, with their signs,
which halves that distance in orders of magnitude. `site`: each is divided by the mean of its site, which removes it and
leaves what differs within a site."""


class FisherOptions(BaseModel):
    """`batches` of the evaluator's size, or of `batch` images of each domain: one squared gradient each."""

    model_config = STRICT
    start: Start = "auto"
    batches: int = Field(32, ge=1)
    batch: int | None = Field(None, ge=2)
    scale: Scale = "root"


class GradientVarianceOptions(BaseModel):
    """`batches` of the evaluator's size, or of `batch` images of each domain: their spread is the noise."""

    model_config = STRICT
    start: Start = "auto"
    batches: int = Field(32, ge=2)
    batch: int | None = Field(None, ge=2)
    scale: Scale = "root"


class TaskVectorOptions(BaseModel):
    """`epochs` of the independent run, the first ones of the full schedule; by default all.

    `against`: the shared `start`, or the `mean` over domains of what they became.
    """

    model_config = STRICT
    start: Start = "auto"
    epochs: int | None = Field(None, ge=0)
    against: Literal["start", "mean"] = "start"
    scale: Scale = "root"


class NeedOptions(BaseModel):
    """There is nothing to choose: both networks are trained as every trial is."""

    model_config = STRICT


class DepthOptions(BaseModel):
    """There is nothing to choose."""

    model_config = STRICT


class Rung1Options(BaseModel):
    """`anneal`: the learning rate falls within the `epochs`; else they are the first ones of the full schedule."""

    model_config = STRICT
    start: Start = "auto"
    epochs: int = Field(1, ge=1)
    anneal: bool = True


class DeltaSupernetOptions(BaseModel):
    """`epochs` of training, by default the full schedule's. Every step draws a pattern at one of `budgets`.

    Without budgets a `live` share between none and all is drawn as well. `filters` that a drawn level takes: the first
    ones of the `space`'s order, or any (`random`), so that patterns in other orders can be scored too.
    `statistics_batches` re-estimate BatchNorm before a pattern is scored.
    """

    model_config = STRICT
    start: Start = "auto"
    epochs: int | None = Field(None, ge=1)
    budgets: tuple[BudgetOptions, ...] = ()
    filters: Literal["random", "space"] = "random"
    statistics_batches: int = Field(16, ge=1)

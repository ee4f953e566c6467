"""NNI's tuners by the names it registers them under: how each is made and driven here, and why others are not.

NNI 3.0 is its last release (2023). Its registry (`nni.tools`) is not asked, since it writes a folder where it is
installed; what it lists is written down here, all of it. Importing this does not load NNI.
"""

import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from apportion.errors import InputError
from apportion.search.controllers.fixed import NoOptions
from apportion.search.controllers.nni_space import Parameters

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
Liar = Literal["best", "worst", "mean"]


class TpeArgs(BaseModel):
    """NNI's `TpeArguments`. 10 random starts as Optuna's `tpe` has here, not NNI's 20: samplers on equal terms.

    Up to the bounds of `n_startup_jobs` and `gamma` some trials always count as bad ones, without which NNI fails.
    """

    model_config = _STRICT
    constant_liar_type: Liar | None = "best"
    n_startup_jobs: int = Field(10, ge=2)
    n_ei_candidates: int = Field(24, ge=1)
    linear_forgetting: int = Field(25, ge=1)
    prior_weight: float = Field(1.0, gt=0, allow_inf_nan=False)
    gamma: float = Field(0.25, gt=0, le=0.7, allow_inf_nan=False)


class TpeArguments(BaseModel):
    model_config = _STRICT
    tpe_args: TpeArgs = TpeArgs()


class EvolutionArguments(BaseModel):
    """`population_size`: that many random patterns first, then children of the better of two. NNI's own default is 32.

    Share of the known optimum after 200 trials on 50 sites, 5 to 10 seeds: 4 .966, 8 .957, 16 .945, 32 .927. With as
    many trials under way the search waits, so 8 rather than 4.
    """

    model_config = _STRICT
    population_size: int = Field(8, ge=2, le=99999)


class PbtArguments(BaseModel):
    """`fraction` of the population replaced by changed copies of as many best; `factor`: the size of a change."""

    model_config = _STRICT
    population_size: int = Field(10, ge=2, le=99999)
    factor: float = Field(0.2, gt=0, le=1, allow_inf_nan=False)
    resample_probability: float = Field(0.25, ge=0, le=1, allow_inf_nan=False)
    fraction: float = Field(0.2, gt=0, le=0.5, allow_inf_nan=False)


def _never(tuner: Any) -> bool:
    return False


# How a tuner learns a pattern that it did not ask for, or asked otherwise under this `number` (None: not its own).


def _imported(tuner: Any, number: int | None, parameters: Parameters, value: float) -> None:
    if number is not None:
        tuner.trial_end(number, False)
    tuner.import_data([{"parameter": parameters, "value": value}])


def _joined(tuner: Any, number: int | None, parameters: Parameters, value: float) -> None:
    """Evolution imports nothing, so the pattern is put in as one of its own that is under way."""
    individual = _loaded("nni.algorithms.hpo.evolution_tuner:Individual")
    space = tuner.searchspace_json
    config = {
        name: {"_index": given, "_value": given} if space[name]["_type"] == "choice" else given
        for name, given in parameters.items()
    }
    tuner.running_trials[number] = individual(config=config)
    tuner.receive_trial_result(number, parameters, value)


def _corrected(tuner: Any, number: int | None, parameters: Parameters, value: float) -> None:
    """PBT goes on from a member's pattern as it was measured; others' trials it takes only with their checkpoints."""
    if number is not None:
        tuner.running[number].hyper_parameters.update(parameters)
        tuner.receive_trial_result(number, parameters, value)


@dataclass(frozen=True)
class Known:
    """A tuner that works in process. `path`: module:class. `waits`: it needs results before it can be asked again.

    `over_again`: a new search space makes it forget what it has proposed, but not what that was worth.
    """

    path: str
    arguments: type[BaseModel] = NoOptions
    seeded: bool = False
    fixed: dict[str, Any] = field(default_factory=dict)
    waits: Callable[[Any], bool] = _never
    over_again: bool = False
    learn: Callable[[Any, int | None, Parameters, float], None] = _imported

    def maker(self, arguments: dict[str, Any], seed: int) -> Callable[[], Any]:
        """Loads NNI; what makes its own object, minimising. It takes `seed` or draws from the global generators."""
        seeds = {"seed": seed % 2**31} if self.seeded else {}
        return partial(_loaded(self.path), optimize_mode="minimize", **seeds, **self.fixed, **arguments)


_HPO = "nni.algorithms.hpo"
KNOWN: dict[str, Known] = {
    "TPE": Known(f"{_HPO}.tpe_tuner:TpeTuner", TpeArguments, seeded=True, over_again=True),
    "Evolution": Known(
        f"{_HPO}.evolution_tuner:EvolutionTuner",
        EvolutionArguments,
        waits=lambda tuner: not tuner.population,
        learn=_joined,
    ),
    "Random": Known(f"{_HPO}.random_tuner:RandomTuner", seeded=True, over_again=True),
    "GridSearch": Known(f"{_HPO}.gridsearch_tuner:GridSearchTuner"),
    "PBT": Known(
        f"{_HPO}.pbt_tuner:PBTTuner",
        PbtArguments,
        # It only writes paths below this folder into its parameters; nobody makes them.
        fixed={"all_checkpoint_dir": ""},
        waits=lambda tuner: tuner.pos == tuner.population_size - 1,
        learn=_corrected,
    ),
}

_HYPEROPT = "it needs hyperopt 0.1.2, which numpy 2 breaks"
_SCIPY = "scipy 1.11 and later refuse the shape of its starting points"
_ADVISOR = "it is an advisor, which talks to NNI's server itself, and no tuner"
_NETWORKS = "it searches NNI's own networks, not numbers"
REFUSED: dict[str, str] = {
    "Anneal": _HYPEROPT,
    "BOHB": _ADVISOR,
    "Batch": "it runs through a list of given configurations and proposes none",
    "DNGO": "it needs pybnn, which NNI does not install",
    "GP": _SCIPY,
    "Hyperband": _ADVISOR,
    "Metis": _SCIPY,
    "NetworkMorphism": _NETWORKS,
    "PPO": _NETWORKS,
    "RegularizedEvolutionTuner": _NETWORKS,
    "SMAC": "its extension does not build on Python 3.11",
    "TPE_legacy": _HYPEROPT,
}


def installed() -> bool:
    """True where `import nni` would find something; does not import it."""
    return find_spec("nni") is not None


def _loaded(path: str) -> Any:
    """`module:attribute` of NNI. Its first import adds a handler that prints to stdout: that one is removed again."""
    first = "nni" not in sys.modules
    module, attribute = path.split(":")
    try:
        with warnings.catch_warnings():
            # Code of 2023: what its imports deprecate is nothing that a study's reader could mend.
            warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning, SyntaxWarning))
            found = getattr(import_module(module), attribute)
    except Exception as problem:
        law = "NNI is installed but does not load here"
        raise InputError(
            "nni", repr(problem), law, 'install what it is tried with: pip install "apportion[nni]"'
        ) from problem
    if first:
        sys.modules["nni"].silence_stdout()
        logging.getLogger("nni").setLevel(logging.WARNING)
    return found

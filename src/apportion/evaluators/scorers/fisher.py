"""`fisher`: how strongly a domain's loss depends on each filter.

worth[d, f] = 1/n sum_b |g_{d,f,b}|^2, the empirical Fisher information of domain d summed over the weights of filter f,
from n batches' gradients g of its loss. Two readings, both of which lead here:
First order: a step along its own gradient lowers domain d's loss by an amount in proportion to |g|^2.
Second order: around a point that was trained on all domains, where gradients nearly cancel, the Fisher information
stands for the Hessian: a change delta of the filter that other domains ask for costs domain d 1/2 sum F delta^2
(Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting", equation 3). An owner is free of such changes.
Sung et al. 2021 ("Training neural networks with fixed sparse masks") choose in this way which weights a task may
change, from gradients of single images. BatchNorm needs batches: B images give |mean g|^2 + tr(cov g) / B, which
weighs what the images agree on B times as much.
"""

from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.scorers.closed_form import closed_form_worth
from apportion.evaluators.scorers.gradients import gradients
from apportion.evaluators.scorers.options import FisherOptions
from apportion.evaluators.scorers.scale import scaled
from apportion.evaluators.synthetic import Synthetic


def score(lab: Laboratory, options: FisherOptions, seed: int, key: str) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters], never below 0. Costs one training step of the independent network a batch."""
    if isinstance(lab.evaluator, Synthetic):
        return closed_form_worth(lab.evaluator)
    found = gradients(lab, "fisher", options, seed, key)
    return scaled(found.energies, found.energies, options.scale)

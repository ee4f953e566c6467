"""`gradient_variance`: how far the step that a domain wants for a filter lies from what the domains want together.

With g_d the mean of n batches' gradients of domain d's loss, gbar their mean over D domains and s_d^2 the variance of a
single batch around g_d (with n - 1), summed over a filter's weights:
    worth[d, f] = |g_d - gbar|^2 - [(1 - 1/D)^2 s_d^2 + 1/D^2 sum_{e != d} s_e^2] / n
The second term is what batch noise alone adds to the first, so the expectation is the squared distance of the true
gradients, 0 where all domains agree, and an estimate may be below 0. Summed over domains this is (D - 1) times the
unbiased variance between groups of a one-way analysis of variance. Batches must hold different images for that: beyond
one pass over a domain's images they do not, and noise is then counted too high.
"""

from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.scorers.closed_form import closed_form_worth
from apportion.evaluators.scorers.gradients import gradients
from apportion.evaluators.scorers.options import GradientVarianceOptions
from apportion.evaluators.scorers.scale import scaled
from apportion.evaluators.synthetic import Synthetic


def score(lab: Laboratory, options: GradientVarianceOptions, seed: int, key: str) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters]. Costs one training step of the independent network a batch."""
    if isinstance(lab.evaluator, Synthetic):
        return closed_form_worth(lab.evaluator)
    found = gradients(lab, "gradient_variance", options, seed, key)
    pairs = list(zip(found.sums, found.squares, strict=True))
    worth = [squared_distances(sums, squares, found.batches) for sums, squares in pairs]
    return scaled(worth, found.energies, options.scale)


def squared_distances(sums: Tensor, squares: Tensor, batches: int) -> Tensor:
    """[owners, filters], unbiased, from sums over batches of gradients [owners, filters, weights] and squared norms."""
    domains = len(sums)
    means = sums / batches
    distances = (means - means.mean(0)).square().sum(-1)
    noise = (squares - batches * means.square().sum(-1)) / (batches - 1) / batches
    others = noise.sum(0) - noise
    return distances - (1 - 1 / domains) ** 2 * noise - others / domains**2

"""How small a model may be with no domain much worse off than with a network of its own."""

from dataclasses import dataclass

from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.statistics import Interval, paired_difference

BANDS = (0.01, 0.02, 0.05)
"""What "not much worse" may mean, in accuracy: 1, 2 and 5 points. Fixed here, not by what a study finds."""


@dataclass(frozen=True)
class Worst:
    """The domain that a scheme costs most: its accuracy less that of its own network, by paired seeds."""

    domain: str
    difference: Interval


def worst_domain(results: Results, scheme: Scheme) -> Worst | None:
    """None where `independent` was not measured or shares no seed with the scheme."""
    own = results.of("independent")
    if own is None:
        return None
    found = []
    for card in results.study.header.domains:
        both = [
            one.by_seed(lambda scores, name=card.name: scores[name].accuracy if name in scores else float("nan"))  # type: ignore[misc]
            for one in (scheme, own)
        ]
        difference = paired_difference(*both)
        if difference.n:
            found.append(Worst(card.name, difference))
    return min(found, key=lambda worst: worst.difference.mean, default=None)


def smallest_within(results: Results, band: float) -> tuple[Scheme, Worst] | None:
    """The measured scheme that stores least with no domain's mean accuracy more than `band` below its own network's.

    By the live size, then by loss; `independent` itself is left out. None where there is no such scheme.
    """
    fitting = []
    for scheme in results.measured:
        worst = worst_domain(results, scheme)
        if scheme.controller != "independent" and worst is not None and worst.difference.mean >= -band:
            fitting.append((scheme, worst))
    return min(fitting, key=lambda one: (one[0].price.live, one[0].loss.mean), default=None)

"""`fisher` and `gradient_variance`: what they estimate, and that nothing but the data decides it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from apportion.evaluators.scorers.gradient_variance import squared_distances
from apportion.evaluators.scorers.start import started
from apportion.evaluators.train import Train
from apportion.evaluators.training.stepper import Phase, Stepper
from tests.evaluators.scorers import builders
from tests.evaluators.scorers.builders import laboratory, train, worth

GRADIENT_SCORERS = ("fisher", "gradient_variance")
BATCHES = 3


def by_hand(evaluator: Train, seed: int = 0) -> list[list[Tensor]]:
    """[batch][site]: each domain's gradient of CE / ln(classes), [owners, filters, weights], from D plain networks."""
    lab = laboratory(evaluator)
    net = started(lab, evaluator, "template", seed, evaluator.space.shared())
    stepper = Stepper(net, evaluator.source, evaluator.options, Phase("gradients", 1), seed)
    found = []
    for images, labels in stepper.batches(0, BATCHES):
        of_owners = []
        for owner, mine, truth in zip(net.owners, images.chunk(len(net.owners)), labels, strict=True):
            plain = net.materialise(owner).train()
            weights = [plain.get_submodule(site.name).get_parameter("weight") for site in evaluator.space.sites]
            loss = F.cross_entropy(plain(mine), truth) / math.log(builders.CLASSES)
            of_owners.append([gradient.flatten(1) for gradient in torch.autograd.grad(loss, weights)])
        found.append([torch.stack(site).double() for site in zip(*of_owners, strict=True)])
    return found


@pytest.fixture(scope="module")
def gradients() -> list[Tensor]:
    """[batches, owners, filters, weights] of every site."""
    return [torch.stack(site) for site in zip(*by_hand(train()), strict=True)]


def options(**changed: Any) -> dict[str, Any]:
    return {"start": "template", "batches": BATCHES, **changed}


@pytest.mark.parametrize("form", ["compose", "interleaved"])
def test_fisher_is_the_mean_square_of_gradients_taken_domain_by_domain(form: Any, gradients: list[Tensor]) -> None:
    for found, site in zip(
        worth(laboratory(train(form=form)), "fisher", **options(scale="raw")), gradients, strict=True
    ):
        torch.testing.assert_close(found, site.square().sum(-1).mean(0), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("form", ["compose", "interleaved"])
def test_gradient_variance_is_the_squared_distance_from_the_mean_less_the_noise(
    form: Any, gradients: list[Tensor]
) -> None:
    found = worth(laboratory(train(form=form)), "gradient_variance", **options(scale="raw"))
    for values, site in zip(found, gradients, strict=True):
        means, noise = site.mean(0), site.var(0, unbiased=True).sum(-1) / BATCHES
        domains = len(means)
        for d in range(domains):
            others = sum(noise[e] for e in range(domains) if e != d)
            wanted = (means[d] - means.mean(0)).square().sum(-1)
            wanted = wanted - (1 - 1 / domains) ** 2 * noise[d] - others / domains**2
            torch.testing.assert_close(values[d], wanted, rtol=1e-3, atol=1e-6)


def estimates(centres: Tensor, draws: int, batches: int = 4) -> Tensor:
    """[draws, owners]: of one filter whose domains have mean gradients `centres` [owners, weights], unlike noise."""
    generator = np.random.default_rng(1)
    spreads = torch.linspace(0.5, 2, len(centres))[:, None]
    found = []
    for _ in range(draws):
        noise = torch.from_numpy(generator.normal(size=(batches, *centres.shape)))
        drawn = centres + spreads * noise
        sums, squares = drawn.sum(0), drawn.square().sum(-1).sum(0)
        found.append(squared_distances(sums[:, None], squares[:, None], batches)[:, 0])
    return torch.stack(found)


@pytest.mark.parametrize("apart", [False, True])
def test_gradient_variance_is_unbiased_and_so_zero_where_all_domains_agree(apart: bool) -> None:
    centres = torch.ones(3, 6, dtype=torch.float64)
    if apart:
        centres[2] = -1
    true = (centres - centres.mean(0)).square().sum(-1)
    found = estimates(centres, 2000)
    error = (found.mean(0) - true) / (found.std(0) / math.sqrt(len(found)))
    assert error.abs().max() < 4
    # The noise that was taken off is no trifle: without it agreeing domains would seem .5 apart or more.
    assert found.std(0).min() > 0.1
    assert apart or (found < 0).any(0).all()


def test_the_distances_of_all_domains_are_the_between_groups_variance_of_an_analysis_of_variance() -> None:
    drawn = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 4, 7)))
    sums, squares = drawn.sum(0)[:, None], drawn.square().sum(-1).sum(0)[:, None]
    means = drawn.mean(0)
    between = (means - means.mean(0)).square().sum() / 3 - drawn.var(0).sum() / 4 / 5
    assert squared_distances(sums, squares, 5).sum() == pytest.approx(3 * float(between))


def test_neither_threads_nor_form_change_more_than_rounding() -> None:
    first = worth(laboratory(train()), "gradient_variance", **options(batches=2))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        second = worth(laboratory(train(form="interleaved")), "gradient_variance", **options(batches=2))
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-3 * float(one.abs().max()))


@pytest.mark.parametrize("scorer", GRADIENT_SCORERS)
@pytest.mark.parametrize("how", ["replace", "delta"])
def test_the_parametrisation_does_not_matter(scorer: str, how: str) -> None:
    first, second = (worth(laboratory(train(parametrisation=p)), scorer, **options()) for p in ("replace", how))
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other)


def test_scales_change_units_and_never_the_order_within_a_site() -> None:
    lab = laboratory(train())
    raw, site, root = (worth(lab, "gradient_variance", **options(scale=scale)) for scale in ("raw", "site", "root"))
    energies = worth(lab, "fisher", **options(scale="raw"))
    for plain, relative, rooted, energy in zip(raw, site, root, energies, strict=True):
        torch.testing.assert_close(relative, plain / energy.mean())
        torch.testing.assert_close(rooted.sign() * rooted.square(), plain)
    for values in worth(lab, "fisher", **options(scale="site")):
        assert float(values.mean()) == pytest.approx(1)


@pytest.mark.parametrize("scorer", GRADIENT_SCORERS)
def test_a_single_domain_has_nobody_to_be_free_of(scorer: str) -> None:
    found = worth(laboratory(train({"north": "plain"})), scorer, **options())
    assert all(values.shape[0] == 1 and not values.any() for values in found)


@pytest.mark.parametrize("form", ["compose", "interleaved"])
def test_all_kinds_of_sites_have_a_worth(form: Any) -> None:
    evaluator = train(
        {"north": "plain", "south": "inverted"}, "tests.evaluators.scorers.networks:of_all_kinds", form=form
    )
    kinds = [site.kind for site in evaluator.space.sites]
    assert kinds == ["conv", "depthwise", "grouped", "linear", "linear"]
    for values, site in zip(
        worth(laboratory(evaluator), "fisher", **options(scale="raw")), evaluator.space.sites, strict=True
    ):
        assert values.shape == (2, site.filters)
        assert bool((values >= 0).all() and torch.isfinite(values).all())
        assert values.any()


@pytest.mark.parametrize("scorer", GRADIENT_SCORERS)
def test_in_bfloat16_the_same_filters_are_worth_most(scorer: str) -> None:
    exact, coarse = (
        worth(laboratory(train(precision=precision)), scorer, **options(batches=8))
        for precision in ("float32", "bfloat16")
    )
    left, right = (torch.cat([values.flatten() for values in found]) for found in (exact, coarse))
    assert float(torch.corrcoef(torch.stack([left, right]))[0, 1]) > 0.95

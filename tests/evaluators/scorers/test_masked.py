"""The network behind `delta_supernet`, and how it is trained and read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from apportion.errors import InputError
from apportion.evaluators.data.source import Batch, Source
from apportion.evaluators.scorers.delta_supernet import _take_statistics, drawn
from apportion.evaluators.scorers.masked import MaskedNet, masks_of
from apportion.evaluators.scorers.options import DeltaSupernetOptions
from apportion.evaluators.scorers.start import owned_rows
from apportion.evaluators.train import Train
from apportion.evaluators.training.stepper import Phase, Stepper
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.network.forms import FORMS, Form
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.network.norm import DomainBatchNorm2d
from apportion.spaces.options import BudgetOptions
from tests.evaluators.scorers.builders import laboratory, patterns, tensors, train
from tests.strategies import COMMON_ORDERS, allocations_of, spaces

NETWORKS = ("resnet8", "tests.evaluators.scorers.networks:of_all_kinds")


def masked(evaluator: Train) -> MaskedNet:
    """With deltas that are not 0."""
    found = MaskedNet(evaluator._net(evaluator.space.independent(), 0), evaluator.space)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in found.net.named_parameters():
            if name.endswith("owned.original"):
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return found


def as_trained_alone(evaluator: Train, found: MaskedNet, allocation: Allocation) -> MultiDomainNet:
    """The network of `allocation` whose weights are those that the masks leave."""
    net = evaluator._net(allocation, 0)
    weights = [rows.detach() for rows in owned_rows(found.net, evaluator.space)]
    with torch.no_grad():
        for site, rows, mask in zip(evaluator.space.sites, weights, masks_of(evaluator.space, allocation), strict=True):
            layer: Any = net.network.get_submodule(site.name)
            shared = found.departures[evaluator.space.sites.index(site)].shared.flatten(1)
            layer.shared.copy_(shared[layer.get_buffer("_live")].view_as(layer.shared))
            # In index order a domain's owned rows come filter by filter, its domain after the one before.
            mine = torch.cat([own[torch.from_numpy(worn)] for own, worn in zip(rows, mask, strict=True)])
            layer.owned.copy_(mine.view_as(layer.owned))
    return net


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("form", FORMS)
def test_under_a_mask_it_computes_what_the_patterns_own_network_computes(network: str, form: Form) -> None:
    evaluator = train(backbone=network, form=form)
    found = masked(evaluator)
    images = torch.randn(3 * 4, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    seen = []
    for allocation in patterns(evaluator.space):
        found.wear(masks_of(evaluator.space, allocation))
        alone = as_trained_alone(evaluator, found, allocation)
        seen.append(torch.cat(found.net.train()(images)))
        torch.testing.assert_close(seen[-1], torch.cat(alone.train()(images)), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(seen[0], seen[1])
    assert not torch.allclose(seen[1], seen[2])


def test_without_any_delta_all_domains_have_the_shared_filters() -> None:
    evaluator = train()
    found = masked(evaluator)
    found.wear(masks_of(evaluator.space, evaluator.space.shared()))
    for departures, rows in zip(found.departures, owned_rows(found.net, evaluator.space), strict=True):
        for own in rows:
            assert torch.equal(own, departures.shared.flatten(1))


def test_only_what_is_worn_learns() -> None:
    evaluator = train()
    found = masked(evaluator)
    masks = masks_of(evaluator.space, patterns(evaluator.space)[1])
    found.wear(masks)
    stepper = Stepper(found.net.train(), evaluator.source, evaluator.options, Phase("main", 1), 0)
    stepper.backward(0, next(stepper.batches(0, 1)))
    for site, mask, departures in zip(evaluator.space.sites, masks, found.departures, strict=True):
        name = f"{site.name}.parametrizations.owned.original"
        gradient = found.net.network.get_parameter(name).grad
        assert gradient is not None
        moved = gradient.view(*mask.shape, -1).abs().sum(-1) > 0
        assert np.array_equal(moved.numpy(), mask)
        # The shared filter learns from all domains, those that depart from it included.
        assert departures.shared.grad is not None


@given(st.data())
def test_masks_hold_what_domains_own_and_are_equal_for_patterns_that_mean_the_same(data: st.DataObject) -> None:
    space = data.draw(spaces(COMMON_ORDERS))
    allocation = data.draw(allocations_of(space))
    masks = masks_of(space, allocation)
    canonical = space.canonical(allocation)
    for mask, levels in zip(masks, canonical.levels, strict=True):
        assert mask.sum(1).tolist() == list(levels)
    for one, other in zip(masks, masks_of(space, canonical), strict=True):
        assert np.array_equal(one, other)


@settings(max_examples=30)
@given(st.data(), st.integers(0, 5), st.sampled_from(["random", "space"]))
def test_drawn_patterns_are_within_the_budget_and_come_from_their_number(
    data: st.DataObject, step: int, filters: str
) -> None:
    space = data.draw(spaces((COMMON_ORDERS[0],), keep_shared=False))
    options = DeltaSupernetOptions.model_validate({"budgets": (BudgetOptions(share=0.3),), "filters": filters})
    masks = drawn(space, options, 7, step)
    live = 0
    for site, mask in zip(space.sites, masks, strict=True):
        live += site.parameters_per_filter * int(mask.sum() + site.filters - mask.all(0).sum())
    # A filter that all but one own costs the same whoever has it.
    assert live <= space.limit(Budget("live", 0.3))
    again = drawn(space, options, 7, step)
    assert all(np.array_equal(one, other) for one, other in zip(masks, again, strict=True))


def test_every_delta_is_worn_at_some_step() -> None:
    space = train().space
    worn = [np.zeros((len(space.owners), site.filters), dtype=int) for site in space.sites]
    for step in range(60):
        for count, mask in zip(worn, drawn(space, DeltaSupernetOptions(), 0, step), strict=True):
            count += mask
    assert min(count.min() for count in worn) > 5
    assert max(count.max() for count in worn) < 55


@dataclass(frozen=True)
class TrainingImagesAlone:
    """A source that refuses to show anything else."""

    source: Source

    def training(self, *args: Any) -> Iterator[Batch]:
        return self.source.training(*args)

    @property
    def device(self) -> torch.device:
        return self.source.device

    def weight(self, domain: str) -> float:
        return self.source.weight(domain)

    def size(self, domain: str, split: str = "train") -> int:
        assert split == "train"
        return self.source.size(domain, split)


def test_statistics_are_means_over_training_batches_and_val_is_not_seen() -> None:
    evaluator = train()
    net = evaluator._net(evaluator.space.independent(), 0)
    source: Any = TrainingImagesAlone(evaluator.source)
    stepper = Stepper(net, source, evaluator.options, Phase("statistics", 1), 0)
    _take_statistics(stepper, 3)
    first = next(module for module in net.modules() if isinstance(module, DomainBatchNorm2d))
    stem = net.layer(evaluator.space.sites[0].name)
    means: list[Tensor] = []
    for images, _ in stepper.batches(0, 3):
        with torch.no_grad():
            convolved = stem(images)  # type: ignore[operator]
        means.append(torch.stack([part.mean((0, 2, 3)) for part in convolved.chunk(3)]))
    torch.testing.assert_close(first.running_mean, torch.stack(means).mean(0), rtol=1e-4, atol=1e-5)
    assert not net.training


def test_with_one_domain_all_patterns_are_the_plain_network() -> None:
    losses = tensors(laboratory(train({"north": "plain"}, epochs=1)), "delta_supernet")["losses"]
    assert losses[0] == losses[1] == losses[2]


def test_a_budget_that_no_pattern_meets_is_refused() -> None:
    with pytest.raises(InputError, match=r"budget live 7 backbones: .* the reachable range is 1 to 3"):
        tensors(laboratory(train()), "delta_supernet", budgets=(BudgetOptions(multiple=7.0),))

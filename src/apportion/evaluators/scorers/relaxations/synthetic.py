"""Relaxations on the synthetic world: its gain as a function of gates, in milliseconds. No images, no start.

The fraction x of a site that a domain owns is the mean of its gates there, and y = sqrt(x + tiny): the root alone has
no finite slope at x = 0.
"""

import torch
from torch import Tensor, nn

from apportion.evaluators.memo import Tensors
from apportion.evaluators.scorers.relaxations.gated import EDGE, open_gates, outcome
from apportion.evaluators.scorers.relaxations.gates import Relaxation, owned_share
from apportion.evaluators.scorers.relaxations.options import GateOptions
from apportion.evaluators.scorers.relaxations.path import Path
from apportion.evaluators.synthetic import Synthetic
from apportion.spaces.orders import counted_seed

STEPS_PER_EPOCH = 20
# What a gain of 1 takes off a domain's loss in `Synthetic`.
_LOSS_PER_GAIN = 0.3
_TINY = 1e-6


def gain(world: Synthetic, fractions: Tensor) -> Tensor:
    """`Synthetic.gain` of each domain at `fractions` [sites, owners], differentiable; [owners]."""
    y = (fractions + _TINY).sqrt()
    k = world.options.interactions if len(y) > 1 else 0.0
    alone, together = torch.tensor(world.gains).to(y) @ y, torch.tensor(world.together).to(y)
    return (alone + k * (together @ (y[1:] * y[:-1]).sqrt())) / (1 + k)


def on_synthetic(world: Synthetic, relaxation: Relaxation, options: GateOptions, seed: int) -> Tensors:
    """As `relaxed`; a round of n epochs is 20 n steps of Adam on the scores alone."""
    space, steps = world.space, STEPS_PER_EPOCH * (options.epochs or max(1, round(world.rungs / 2)))
    gated = [i for i, site in enumerate(space.sites) if site.name not in space.keep_shared]
    owners, filters = len(space.owners), [site.filters for site in space.sites]
    scores = [
        nn.Parameter(torch.full((owners, filters[i] if options.per == "filter" else 1), relaxation.start))
        for i in gated
    ]
    shares = torch.tensor([space.sites[i].parameters / space.backbone_parameters for i in gated])
    nothing = torch.zeros(owners)
    paths: Tensors = {}
    for number in range(1, options.rounds + 1):
        path, multiplier = Path(gated, owners, steps), torch.zeros(())
        optimizer = torch.optim.Adam(scores, options.lr)
        for step in range(steps + 1):
            with torch.no_grad():
                is_open = open_gates(relaxation, scores)
                owned = owned_share(is_open, shares)
                if path.has(step):
                    path.note(step, scores, is_open, multiplier, owned)
            if step == steps:
                break
            noise = _noise(scores, seed, number, step) if relaxation.noisy else [None] * len(scores)
            means = [relaxation.open(*both).mean(1) for both in zip(scores, noise, strict=True)]
            at = dict(zip(gated, means, strict=True))
            fractions = torch.stack([at.get(i, nothing) for i in range(len(filters))])
            loss = -_LOSS_PER_GAIN * gain(world, fractions).sum() + relaxation.penalty(scores, shares, multiplier)
            optimizer.zero_grad()
            loss.backward()
            if step >= options.wait * steps:
                optimizer.step()
                multiplier = relaxation.pressed(multiplier, owned)
        paths |= {f"path.{number}.{name}": tensor for name, tensor in path.state_dict().items()}
    return outcome(relaxation, dict(zip(gated, scores, strict=True)), owners, filters) | paths


def _noise(scores: list[nn.Parameter], seed: int, number: int, step: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(counted_seed("gates", seed, number, step) % 2**63)
    return [torch.rand(one.shape, generator=generator).clamp_(EDGE, 1 - EDGE) for one in scores]

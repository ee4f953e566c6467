"""What scorers say of a synthetic world, whose gains are known: so that whatever uses scorers can be tried in no time.

Owning k of a site's F filters is worth g sqrt(k / F) there, so the k-th is worth g (sqrt(k / F) - sqrt((k - 1) / F)).
What neighbours gain from one another is left out: no sum over filters can say it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.synthetic import Synthetic
from apportion.spaces.allocation import Allocation


def closed_form_worth(world: Synthetic) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters]: falls from the first filter to the last, the same for every owner."""
    found = {}
    for i, (site, gain) in enumerate(zip(world.space.sites, world.gains.tolist(), strict=True)):
        filled = torch.arange(site.filters + 1, dtype=torch.float64) / site.filters
        found[f"worth.{i}"] = (gain * filled.sqrt().diff()).repeat(len(world.space.owners), 1)
    return found


def closed_form_losses(world: Synthetic, seed: int, allocations: Sequence[Allocation]) -> dict[str, Tensor]:
    """`losses` [patterns] on val at rung 1."""
    objective, losses = Objective(), []
    for allocation in allocations:
        proposal = Proposal("scored", "scored", allocation, None, 1, seed)
        losses.append(objective(world(proposal, Slot()).measurement.splits["val"]))
    return {"losses": torch.tensor(losses, dtype=torch.float64)}

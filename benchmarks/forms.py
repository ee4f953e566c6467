"""What a mixed batch costs: plain backbone, compose, interleaved and the papers' form, side by side.

    python -m benchmarks.forms --out benchmarks/records/<date>_forms

A quarter of the filters of every site owned, forward and backward of the summed losses in train mode. The forms are
timed by turns in one process, so that a busy machine slows all of them: ratios of the medians are what to read.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tests.spaces.two_conv_form import papers_form
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from apportion.cli.machine import commit, machine, versions
from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.backbones.lookup import backbone_entry
from apportion.spaces.network.forms import FORMS
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.space import SharingSpace

FRACTION, CLASSES = 4, 10


@dataclass(frozen=True)
class Case:
    """A backbone at an image size with so many domains."""

    backbone: str
    image_size: int
    domains: int
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.backbone} {self.image_size} px, D = {self.domains}"


CASES = (
    Case("resnet50", 64, 4),
    Case("mobilenet_v2", 72, 4),
    Case("mobilenet_v2", 72, 10),
    Case("resnet26", 64, 4),
    Case("resnet8", 28, 5, (("width", 8), ("stem_stride", 2))),
)


class Plain(nn.Module):
    """The backbone on the same images, one head for all: the yardstick."""

    def __init__(self, network: nn.Module, domains: int) -> None:
        super().__init__()
        self.network, self.domains = network, domains

    def forward(self, images: Tensor) -> Sequence[Tensor]:
        return list(self.network(images).chunk(self.domains))


class Papers(nn.Module):
    """Two convolutions and an overwrite per domain, BatchNorm and head of its own (000, figure 2)."""

    def __init__(self, nets: list[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, images: Tensor) -> Sequence[Tensor]:
        return [net(part) for net, part in zip(self.nets, images.chunk(len(self.nets)), strict=True)]


class Ops(TorchDispatchMode):
    """Counts the operators that compute or copy something; views are free."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not any(result.alias_info and not result.alias_info.is_write for result in func._schema.returns)
        return func(*args, **(kwargs or {}))


def networks(case: Case) -> dict[str, nn.Module]:
    """Every form of the case, started from the same weights."""
    torch.manual_seed(0)
    entry = backbone_entry(case.backbone)
    template = entry.build(CLASSES, dict(case.options))
    shape = shape_of(case.backbone, template, entry.head, case.image_size)
    owners = tuple(f"domain{d}" for d in range(case.domains))
    space = SharingSpace(shape.sites, owners)
    levels = tuple((site.filters // FRACTION,) * case.domains for site in shape.sites)
    allocation = Allocation(levels)
    owned = {site.name: [torch.arange(site.filters // FRACTION)] * case.domains for site in shape.sites}
    mixed = {
        form: MultiDomainNet(template, shape, space, allocation, [CLASSES] * case.domains, form=form) for form in FORMS
    }
    papers = Papers(papers_form(template, owned, case.domains))
    return {"plain": Plain(template, case.domains), **mixed, "papers": papers}


def loss_of(outputs: Sequence[Tensor]) -> Tensor:
    """A sum over domains of something that every logit moves."""
    return torch.stack([output.float().logsumexp(1).mean() for output in outputs]).sum()


def step_of(net: nn.Module, images: Tensor) -> Callable[[], None]:
    """Forward and backward; gradients are dropped, as an optimiser's zero_grad does."""
    net.train()

    def step() -> None:
        net.zero_grad(set_to_none=True)
        loss_of(net(images)).backward()  # type: ignore[no-untyped-call]
        if images.is_cuda:
            torch.cuda.synchronize()

    return step


def saved_bytes(net: nn.Module, images: Tensor) -> int:
    """Bytes that autograd holds between forward and backward, parameters not counted, each storage once."""
    own = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = loss_of(net(images))
    total = sum(held.values())
    loss.backward()  # type: ignore[no-untyped-call]
    return total


def measured(case: Case, batch: int, turns: int, device: str) -> dict[str, Any]:
    """Seconds of every turn, bytes and operators, by form."""
    nets = {name: net.to(device) for name, net in networks(case).items()}
    images = torch.randn(batch * case.domains, 3, case.image_size, case.image_size, device=device)
    steps = {name: step_of(net, images) for name, net in nets.items()}
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    for turn in range(turns + 2):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if turn >= 2:  # the first two pay for memory and for the choice of kernels
                seconds[name].append(time.perf_counter() - began)
    result: dict[str, Any] = {}
    for name, net in nets.items():
        with Ops() as ops:
            steps[name]()
        result[name] = {"seconds": seconds[name], "saved_bytes": saved_bytes(net, images), "operators": ops.count}
    return result


def row(case: Case, result: dict[str, Any]) -> list[str]:
    """A line of the table for each form."""
    plain = statistics.median(result["plain"]["seconds"])
    lines = []
    for name, found in result.items():
        pairs = [mine / base for mine, base in zip(found["seconds"], result["plain"]["seconds"], strict=True)]
        low, _, high = statistics.quantiles(pairs, n=4)
        lines.append(
            f"| {case.name} | {name} | {1e3 * statistics.median(found['seconds']):.1f} |"
            f" {statistics.median(found['seconds']) / plain:.2f} | {low:.2f} to {high:.2f} |"
            f" {found['saved_bytes'] / 1e6:.0f} | {found['operators']:,} |"
        )
    return lines


def main() -> None:
    """Measure all cases, print the table, write it and the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the record")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--batch", type=int, default=8, help="images per domain")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="backbones to measure, separated by commas")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print("| case | form | ms | against plain | quartiles of pairs | MB for backward | operators |")
    print("|---|---|---|---|---|---|---|")
    results, lines = {}, []
    for case in CASES:
        if asked.only and case.backbone not in asked.only.split(","):
            continue
        results[case.name] = measured(case, asked.batch, asked.turns, asked.device)
        lines += row(case, results[case.name])
        print("\n".join(row(case, results[case.name])), flush=True)
    about = {
        "machine": machine(),
        "versions": versions(),
        "commit": commit(),
        "cases": [asdict(case) for case in CASES],
    }
    settings = {"turns": asked.turns, "batch": asked.batch, "threads": asked.threads, "device": asked.device}
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "forms.json").write_text(json.dumps({**about, **settings, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()

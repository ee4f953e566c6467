"""Multiply-accumulates of a plain network. thop, torchinfo and ptflops miss functional convolutions; this does not."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def convolution_macs(network: nn.Module, image_size: int) -> int:
    """MACs of all convolutions for one image of `image_size` pixels a side (a FLOP count halved)."""
    probe = copy.deepcopy(network).to("meta").float().eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        probe(torch.empty(1, 3, image_size, image_size, device="meta"))
    return sum(int(flops) for op, flops in counter.get_flop_counts()["Global"].items() if "conv" in str(op)) // 2

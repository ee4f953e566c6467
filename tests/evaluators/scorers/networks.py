"""A tiny network with every kind of site: dense, depthwise and grouped convolutions, linear layers, with biases."""

import torch
from torch import Tensor, nn


class _Block(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.widen = nn.Linear(features, 2 * features)
        self.narrow = nn.Linear(2 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x + self.narrow(torch.relu(self.widen(self.norm(x))))
        return mixed


class _Mixed(nn.Module):
    """Convolutions first, then their positions as tokens through one block, and the mean over these."""

    def __init__(self, classes: int, features: int = 8) -> None:
        super().__init__()
        self.dense = nn.Conv2d(3, features, 3, 2, 1)
        self.depthwise = nn.Conv2d(features, features, 3, 1, 1, groups=features, bias=False)
        self.norm = nn.BatchNorm2d(features)
        self.grouped = nn.Conv2d(features, features, 3, 2, 1, groups=2)
        self.block = _Block(features)
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        convolved = self.grouped(torch.relu(self.norm(self.depthwise(self.dense(x)))))
        logits: Tensor = self.head(self.block(convolved.flatten(2).transpose(1, 2)).mean(1))
        return logits


def of_all_kinds(classes: int) -> nn.Module:
    return _Mixed(classes)

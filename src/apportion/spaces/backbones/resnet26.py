"""ResNet-26 of the visual decathlon (003 section 3.2; called WRN-28 in 002 and 004).

A stem of 32 filters, then three macro-blocks of 64, 128 and 256 filters with four residual blocks of two 3x3
convolutions each; the first convolution of a macro-block has stride 2. A shortcut that changes shape is 2x2 average
pooling with zero channels appended, so it has no weights. A last BatchNorm stands before
the pooling. 25 convolutions, 5,806,944 weights, 7,744 norm affines.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 256)
BLOCKS = 4


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.padding = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        if self.stride != 1:
            # Ceil mode keeps the shortcut as large as the strided convolution's output on odd sides.
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        if self.padding:
            x = F.pad(x, (0, 0, 0, 0, 0, self.padding))
        return F.relu(y + x)


class ResNet26(nn.Module):
    """[N, 3, H, W] -> [N, classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(32)
        inputs, blocks = 32, []
        for width in WIDTHS:
            for index in range(BLOCKS):
                blocks.append(Block(inputs, width, 2 if index == 0 else 1))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.last_norm = nn.BatchNorm2d(inputs)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.last_norm(self.blocks(F.relu(self.norm(self.stem(x))))))
        logits: Tensor = self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
        return logits


def resnet26(classes: int) -> nn.Module:
    """The network of 003; it has no options."""
    return ResNet26(classes)

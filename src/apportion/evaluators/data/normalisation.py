"""Mean and spread of a domain's pixels."""

import numpy as np
import numpy.typing as npt

Statistics = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def statistics(images: npt.NDArray[np.uint8]) -> Statistics:
    """Mean and standard deviation of uint8 `images` [N, H, W(, 3)], pixels counted as 0..1. Each of shape [channels].

    From the histogram in integers, so that neither depends on summation order. A channel without any spread gets 1,
    which leaves it at zero rather than dividing by zero.
    """
    channels = images[..., None] if images.ndim == 3 else images
    values = np.arange(256)
    mean, std = [], []
    for channel in range(channels.shape[-1]):
        counts = np.bincount(channels[..., channel].ravel(), minlength=256)
        total, first, second = int(counts.sum()), int(counts @ values), int(counts @ values**2)
        mean.append(first / total / 255)
        std.append((second * total - first * first) ** 0.5 / total / 255 or 1.0)
    return np.array(mean), np.array(std)

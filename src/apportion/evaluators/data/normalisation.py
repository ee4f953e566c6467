"""Mean and spread of a domain's pixels."""

import numpy as np
import numpy.typing as npt

Statistics = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
Counts = npt.NDArray[np.int64]
"""How often each pixel value occurs, [channels, 256]."""


def statistics(images: npt.NDArray[np.uint8]) -> Statistics:
    """Mean and standard deviation of uint8 `images` [N, H, W(, 3)], as `statistics_of` gives them."""
    return statistics_of(counts_of(images))


def counts_of(images: npt.NDArray[np.uint8]) -> Counts:
    """The histogram of `images` [N, H, W(, 3)]. Histograms of several pieces may be added."""
    channels = images[..., None] if images.ndim == 3 else images
    parts = [np.bincount(channels[..., c].ravel(), minlength=256) for c in range(channels.shape[-1])]
    return np.stack(parts).astype(np.int64)


def statistics_of(histogram: Counts) -> Statistics:
    """Mean and standard deviation of each channel, pixels counted as 0..1. Each of shape [channels].

    From the histogram in integers, so that neither depends on summation order. A channel without any spread gets 1,
    which leaves it at zero rather than dividing by zero.
    """
    values = np.arange(256)
    mean, std = [], []
    for counts in histogram:
        total, first, second = int(counts.sum()), int(counts @ values), int(counts @ values**2)
        mean.append(first / total / 255)
        std.append((second * total - first * first) ** 0.5 / total / 255 or 1.0)
    return np.array(mean), np.array(std)

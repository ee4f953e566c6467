"""Splits off part of each class: stratified, seeded, and stable.

An image's place is decided by the hash of (seed, class, its key), not by its position. So neither the order in which
files are listed nor the other classes matter, and an image that is added moves one other at most.
"""

from collections.abc import Mapping, Sequence

from apportion.spaces.orders import counted_seed


def split_off(keys: Sequence[str], shares: Mapping[str, float], seed: int, label: str) -> dict[str, str]:
    """Key -> split, for the images of one class. `shares`: what each split takes; the rest is `train`.

    Every split gets at least one. ValueError where there are fewer images than splits.
    """
    if len(keys) <= len(shares):
        raise ValueError(f"{len(keys)} images for {len(shares) + 1} splits")
    counts = {split: max(1, round(len(keys) * share)) for split, share in shares.items()}
    while sum(counts.values()) >= len(keys):
        counts[max(counts, key=lambda split: counts[split])] -= 1
    ranked = sorted(keys, key=lambda key: (counted_seed("split", seed, label, key), key))
    splits = [split for split, count in counts.items() for _ in range(count)]
    splits += ["train"] * (len(ranked) - len(splits))
    return dict(zip(ranked, splits, strict=True))

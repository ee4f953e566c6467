"""Scores of a mixed network on one split: each domain runs alone, as a materialised plain backbone."""

import torch
from torch.nn import functional as F

from apportion.evaluators.data.source import Source
from apportion.evaluators.measurement import Score, Scores, Split
from apportion.spaces.network.mixed import MultiDomainNet

_BATCH = 512


@torch.no_grad()
def scores_of(net: MultiDomainNet, source: Source, split: Split) -> Scores:
    """Accuracy and mean cross-entropy of every domain over all images of `split`, without augmentation, in float32."""
    net.eval()
    scores: Scores = {}
    for owner, classes in zip(net.owners, net.classes, strict=True):
        plain = net.materialise(owner)
        size = source.size(owner, split)
        right, loss = 0.0, 0.0
        for images, labels in source.batches(owner, split, _BATCH):
            logits = plain(images)
            right += float((logits.argmax(1) == labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        scores[owner] = Score(size, right / size, loss / size, classes)
    return scores

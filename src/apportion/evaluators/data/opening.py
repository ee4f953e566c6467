"""A study's images opened: the source of its batches, what is known of its domains, and which way was taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from apportion.evaluators.data import augmentations, datasets, load
from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.data.domain import DomainData
from apportion.evaluators.data.encoded import EncodedDomain, Unread
from apportion.evaluators.data.findings import Progress
from apportion.evaluators.data.options import DataOptions
from apportion.evaluators.data.placement import (
    CPU_LIMIT,
    GPU_SHARE,
    Placement,
    Way,
    decoded_bytes,
    refuse_to_stream,
)
from apportion.evaluators.data.source import Source
from apportion.evaluators.data.streaming import Streaming
from apportion.evaluators.memo import Memo


@dataclass(frozen=True)
class Opened:
    source: Source
    domains: Sequence[DomainData | EncodedDomain]
    placement: Placement


def opened(options: DataOptions, device: str, memo: Memo, settled: Way | None = None) -> Opened:
    """Take the way that `options.cache` says, or `settled` where that is `auto`; without either, by size.

    InputError for images that cannot be had, and where a dataset cannot be streamed.
    """
    found = _to_stream(options, device, settled)
    if found is None:
        return _kept(options, device)
    unread, placement = found
    domains = [domain.read(memo) for domain in unread]
    source = Streaming(domains, augmentations(options), options.image_size, device, options.loader_workers)
    return Opened(source, domains, placement)


def read_ahead(options: DataOptions, device: str, memo: Memo, progress: Progress) -> None:
    """Make the pass over images that will be streamed, with its progress: `opened` finds what it found in `memo`."""
    unread, _ = _to_stream(options, device, None) or ((), None)
    total, before = sum(domain.pictures_at_most for domain in unread), 0
    for domain in unread:
        share = partial(_of_all, progress, before, domain.pictures_at_most, total)
        domain.read(memo, share)
        before += domain.pictures_at_most


def _of_all(progress: Progress, before: int, pictures: int, total: int, done: int, passes: int) -> None:
    """A domain's own progress as one of all domains: more than one pass over its pictures may be needed."""
    progress(before + pictures * done // max(1, passes), total)


def _to_stream(options: DataOptions, device: str, settled: Way | None) -> tuple[Sequence[Unread], Placement] | None:
    """What is to be streamed, and why; None where all images are to be kept on the device."""
    varied = augmentations(options)
    names, encoded = list(varied), datasets.get(options.name, "data.name").encoded
    way = options.cache if options.cache != "auto" else settled
    if encoded is None and way == "stream":
        refuse_to_stream(options, names)
    if encoded is None or way == "device":
        return None
    unread: Sequence[Unread] = encoded(options, names)
    counts = {name: domain.pictures_at_most for name, domain in zip(names, unread, strict=True)}
    size = decoded_bytes(options, counts, varied)
    limit = None if way == "stream" else _limit(options, device)
    if limit is not None and size <= limit:
        return None
    return unread, Placement("stream", device, size, limit, options.loader_workers)


def _kept(options: DataOptions, device: str) -> Opened:
    domains = load(options)
    cache = DeviceCache(domains, augmentations(options), device)
    return Opened(cache, domains, Placement("device", device, cache.bytes))


def _limit(options: DataOptions, device: str) -> int:
    """Bytes that may be kept on the device."""
    if options.cache_bytes is not None:
        return options.cache_bytes
    if torch.device(device).type == "cuda":
        return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    return CPU_LIMIT

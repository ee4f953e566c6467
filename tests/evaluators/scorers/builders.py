"""Tiny laboratories: made-up images of 12 pixels, a narrow network, steps of milliseconds."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.data.domain import DomainData, Images
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.memo import Memo
from apportion.evaluators.protocol import Stopped
from apportion.evaluators.scorers import scorers
from apportion.evaluators.train import Train
from apportion.evaluators.training.options import TrainOptions
from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones.lookup import backbone_entry
from apportion.spaces.backbones.probe import examined
from apportion.spaces.network.forms import Form
from apportion.spaces.space import SharingSpace

SIZE, CLASSES = 12, 4
Kind = Literal["plain", "inverted", "swapped"]
OWNERS: dict[str, Kind] = {"north": "plain", "east": "plain", "south": "inverted"}


def made_up(name: str, kind: Kind = "plain", images: int = 96, classes: int = CLASSES, draw: int = 0) -> DomainData:
    """Noisy pictures of `classes` coloured things, the same for every domain of the same `draw`; changed by `kind`."""
    generator = np.random.default_rng(draw)
    things = generator.integers(90, 165, (classes, SIZE, SIZE, 3)) + generator.integers(-40, 40, (classes, 1, 1, 3))
    splits = []
    for count in (images, 32, 32):
        labels = np.arange(count, dtype=np.int64) % classes
        pixels = np.clip(things[labels] + generator.normal(0, 40, (count, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
        splits.append(Images(_changed(pixels, kind), labels))
    return DomainData(name, tuple(map(str, range(classes))), *splits)


def _changed(pixels: npt.NDArray[np.uint8], kind: Kind) -> npt.NDArray[np.uint8]:
    if kind == "inverted":
        return 255 - pixels
    return np.ascontiguousarray(pixels[..., [1, 2, 0]]) if kind == "swapped" else pixels


def train(
    owners: Mapping[str, Kind] = OWNERS,
    backbone: str = "resnet8",
    width: int = 4,
    form: Form = "compose",
    memo: Memo | None = None,
    **options: Any,
) -> Train:
    """An evaluator of two epochs of six steps, unless `options` of the training say otherwise."""
    entry = backbone_entry(backbone, allow_plugins=True)
    given = {"width": width, "stem_stride": 2} if backbone == "resnet8" else {}

    def template(seed: int) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return entry.build(2, given)

    shape = examined(entry, template(0), SIZE)
    space = SharingSpace(shape.sites, tuple(owners), "per_site_and_domain")
    domains = [made_up(name, kind) for name, kind in owners.items()]
    source = DeviceCache(domains, {name: Augmentation(crop=1) for name in owners}, "cpu")
    how = TrainOptions.model_validate({"epochs": 2, "batch": 16, **options})
    return Train(template, shape, space, source, how, memo or Memo(None), {}, form)


def laboratory(evaluator: Train, folder: Path | None = None) -> Laboratory:
    """As a study opens it: evaluator and laboratory share the memo."""
    memo = Memo(folder / "artifacts" if folder is not None else None)
    return Laboratory(replace(evaluator, memo=memo), folder, memo)


def patterns(space: SharingSpace) -> list[Allocation]:
    """Both ends, and one between."""
    half = Allocation(tuple(tuple(site.filters // (2 + d) for d in range(len(space.owners))) for site in space.sites))
    return [space.shared(), space.canonical(half), space.independent()]


def tensors(lab: Laboratory, scorer: str, seed: int = 0, **options: Any) -> dict[str, Tensor]:
    """All that the scorer's artifact holds."""
    entry = scorers.get(scorer)
    chosen = entry.options.model_validate(options)
    if entry.of == "filters":
        key = lab.worth(scorer, chosen, seed).artifact
    else:
        assert isinstance(lab.evaluator, Train)
        key, _ = lab.losses(scorer, chosen, seed, patterns(lab.evaluator.space))

    def never() -> dict[str, Tensor]:
        raise AssertionError("it was computed a moment ago")

    return lab.memo(key, never)[1]


def worth(lab: Laboratory, scorer: str, seed: int = 0, **options: Any) -> list[Tensor]:
    """[owners, filters] of every site."""
    found = tensors(lab, scorer, seed, **options)
    return [found[f"worth.{i}"] for i in range(len(found))]


def equal(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    """Bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class After:
    """Asks to stop when it has been looked at `looks` times."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def in_sittings(
    evaluator: Train, folder: Path, scorer: str, looks: int, **options: Any
) -> tuple[dict[str, Tensor], int]:
    """Computed with a stop after every `looks` looks, each time by a new laboratory; how many sittings it took."""
    for sitting in range(1, 200):
        lab = laboratory(evaluator, folder)
        lab.stop = After(looks)
        try:
            return tensors(lab, scorer, **options), sitting
        except Stopped:
            continue
    raise AssertionError("it makes no headway")

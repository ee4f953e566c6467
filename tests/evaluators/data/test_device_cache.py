"""The cache against loops over single images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.data.crops import draws
from apportion.evaluators.data.domain import DomainData, Images
from apportion.evaluators.data.normalisation import statistics
from apportion.evaluators.data.preparation import preparation
from apportion.evaluators.data.streams import augment_seed, indices

SIZE, COUNT = 9, 12


def domain(name: str, colour: bool, size: int = SIZE) -> DomainData:
    generator = np.random.default_rng(len(name))

    def part(count: int) -> Images:
        shape = (count, size, size, 3) if colour else (count, size, size)
        return Images(generator.integers(0, 256, shape, dtype=np.uint8), np.arange(count, dtype=np.int64) % 3)

    return DomainData(name, ("a", "b", "c"), part(COUNT), part(5), part(7))


GREY, COLOUR = domain("grey", False), domain("colour", True)


def cache(augmentation: Augmentation) -> DeviceCache:
    return DeviceCache([GREY, COLOUR], {"grey": augmentation, "colour": augmentation}, "cpu")


def by_hand(data: DomainData, images: np.ndarray, mean: float | None = None, std: float | None = None) -> torch.Tensor:
    """[B, H, W(, 3)] uint8 -> normalised [B, 3, H, W] in float64, statistics by numpy."""
    stack = data.train.images.reshape(-1, data.channels) / 255
    centre = stack.mean(0) if mean is None else mean
    spread = stack.std(0) if std is None else std
    values = (images.reshape(*images.shape[:3], data.channels) / 255 - centre) / spread
    return torch.from_numpy(np.broadcast_to(values, (*images.shape[:3], 3)).transpose(0, 3, 1, 2).copy())


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([GREY, COLOUR]),
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 2**64 - 1),
    st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=20),
)
def test_augmented_equals_a_loop_over_images(
    data: DomainData, padding: int, flip: bool, seed: int, chosen: list[int]
) -> None:
    images, labels = cache(Augmentation(flip, padding)).augmented(data.name, np.array(chosen), seed)
    chance, expected = draws(seed, len(chosen), padding), []
    for i, index in enumerate(chosen):
        image = data.train.images[index]
        around = [(padding, padding)] * 2 + [(0, 0)] * (image.ndim - 2)
        down, right = int(chance.down[i]), int(chance.right[i])
        crop = np.pad(image, around)[down : down + SIZE, right : right + SIZE]
        expected.append(crop[:, ::-1] if flip and chance.mirrored[i] else crop)
    assert images.dtype == torch.float32 and images.shape == (len(chosen), 3, SIZE, SIZE)
    torch.testing.assert_close(images.double(), by_hand(data, np.stack(expected)), rtol=0, atol=2e-6)
    assert labels.dtype == torch.int64 and labels.tolist() == data.train.labels[chosen].tolist()


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 5))
def test_draws_depend_on_the_seed_alone_and_stay_in_range(seed: int, padding: int) -> None:
    first, again = draws(seed, 8, padding), draws(seed, 8, padding)
    assert torch.equal(first.down, again.down) and torch.equal(first.right, again.right)
    assert torch.equal(first.mirrored, again.mirrored)
    for offsets in (first.down, first.right):
        assert int(offsets.min()) >= 0 and int(offsets.max()) <= 2 * padding


def test_draws_reach_every_offset_and_mirror_about_half() -> None:
    chance = draws(3, 4000, 3)
    assert set(chance.down.tolist()) == set(chance.right.tolist()) == set(range(7))
    assert not torch.equal(chance.down, chance.right)
    assert 0.45 < chance.mirrored.float().mean().item() < 0.55  # 4,000 fair coins: 6 standard errors


def one_by_one(data: DomainData, augmentation: Augmentation, stream: int, batch: int, step: int) -> torch.Tensor:
    """A domain's part of a training batch by another way: pixel by pixel, every domain on its own."""
    chosen = torch.from_numpy(indices(stream, data.name, COUNT, step, batch))
    chance, pad = draws(augment_seed(stream, data.name, step), batch, augmentation.crop), augmentation.crop
    images = torch.tensor(data.train.images)
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
    windows = torch.nn.functional.pad(images, (pad,) * 4).unfold(2, SIZE, 1).unfold(3, SIZE, 1)
    cropped = windows[chosen, :, chance.down, chance.right]
    mirrored = chance.mirrored[:, None, None, None] & augmentation.flip
    prepared = preparation(statistics(data.train.images), augmentation, torch.device("cpu"))
    return prepared.normalised(torch.where(mirrored, cropped.flip(3), cropped))


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.booleans(), st.booleans()),
    st.integers(0, 2**64 - 1),
    st.integers(1, 2 * COUNT),
    st.integers(0, 40),
)
def test_a_training_batch_is_bit_for_bit_what_each_domain_alone_gives(
    crops: tuple[int, int], flips: tuple[bool, bool], stream: int, batch: int, step: int
) -> None:
    varied = {name: Augmentation(flips[i], crops[i]) for i, name in enumerate(("grey", "colour"))}
    kept = DeviceCache([GREY, COLOUR], varied, "cpu")
    for owners in (("grey", "colour"), ("colour", "grey"), ("colour",)):
        ((images, labels),) = kept.training(owners, stream, batch, step, step + 1)
        domains = [GREY if owner == "grey" else COLOUR for owner in owners]
        expected = [one_by_one(data, varied[data.name], stream, batch, step) for data in domains]
        assert torch.equal(images, torch.cat(expected)) and images.is_contiguous()
        for data, found in zip(domains, labels, strict=True):
            assert found.tolist() == data.train.labels[indices(stream, data.name, COUNT, step, batch)].tolist()


def test_a_step_is_the_same_wherever_the_walk_begins() -> None:
    kept = cache(Augmentation(True, 2))
    whole = list(kept.training(kept.names, 7, 5, 0, 40))
    for first in (1, 15, 16, 17, 39):
        later = list(kept.training(kept.names, 7, 5, first, 40))
        assert len(later) == 40 - first
        for (images, labels), (others, other_labels) in zip(whole[first:], later, strict=True):
            assert torch.equal(images, others) and all(map(torch.equal, labels, other_labels))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    cache(Augmentation(True, 3)).augmented("grey", np.arange(4), 1)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("data", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_batch_gives_the_images_as_they_are(data: DomainData, split: str) -> None:
    kept, part = cache(Augmentation(True, 3)), data.split(split)
    chosen = np.array([4, 0, 0, 2])
    chosen.setflags(write=False)
    images, labels = kept.batch(data.name, chosen, split)
    torch.testing.assert_close(images.double(), by_hand(data, part.images[chosen]), rtol=0, atol=2e-6)
    assert labels.tolist() == part.labels[chosen].tolist()
    assert torch.equal(kept.batch(data.name, torch.tensor(chosen.copy()), split)[0], images)


def test_grey_becomes_three_equal_channels_and_colour_does_not() -> None:
    kept = cache(Augmentation())
    grey, colour = (kept.batch(name, np.arange(5))[0] for name in ("grey", "colour"))
    assert grey.is_contiguous() and torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    assert not torch.equal(colour[:, 0], colour[:, 1])


def test_training_images_have_mean_zero_and_spread_one_per_channel() -> None:
    kept = cache(Augmentation())
    for name in kept.names:
        images, _ = kept.batch(name, np.arange(COUNT), "train")
        channels = images.double().transpose(0, 1).flatten(1)
        torch.testing.assert_close(channels.mean(1), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-6)
        torch.testing.assert_close(channels.std(1, correction=0), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-6)


def test_mean_and_std_of_the_options_replace_the_measured_ones() -> None:
    images, _ = cache(Augmentation(mean=0.5, std=0.25)).batch("colour", np.arange(5))
    torch.testing.assert_close(images.double(), by_hand(COLOUR, COLOUR.val.images, 0.5, 0.25), rtol=0, atol=2e-6)


def test_batches_walk_a_split_once_in_order() -> None:
    kept = cache(Augmentation(crop=2))
    for split, size in GREY.sizes.items():
        parts = list(kept.batches("grey", split, 5))
        assert [len(labels) for _, labels in parts] == [5] * (size // 5) + ([size % 5] if size % 5 else [])
        assert torch.equal(torch.cat([images for images, _ in parts]), kept.batch("grey", np.arange(size), split)[0])
        assert torch.cat([labels for _, labels in parts]).tolist() == GREY.split(split).labels.tolist()


def test_the_cache_says_what_it_holds() -> None:
    kept = cache(Augmentation(crop=3))
    assert (kept.names, kept.image_size, kept.device) == (("grey", "colour"), SIZE, torch.device("cpu"))
    assert kept.size("grey") == COUNT and kept.size("grey", "val") == 5 and kept.class_count("grey") == 3
    pixels = COUNT * (SIZE + 6) ** 2 + (5 + 7) * SIZE**2  # training images with their padding
    assert kept.bytes == 4 * pixels + 2 * 8 * (COUNT + 5 + 7)


def test_domains_of_different_sizes_are_refused() -> None:
    other = domain("large", False, 10)
    with pytest.raises(ValueError, match="one square image size"):
        DeviceCache([GREY, other], {"grey": Augmentation(), "large": Augmentation()}, "cpu")


def test_an_image_without_spread_is_left_at_zero() -> None:
    flat = Images(np.full((3, SIZE, SIZE), 7, np.uint8), np.zeros(3, np.int64))
    kept = DeviceCache([replace(GREY, train=flat)], {"grey": Augmentation()}, "cpu")
    images, _ = kept.batch("grey", np.arange(3), "train")
    assert images.abs().max().item() < 1e-6


@settings(deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_statistics_equal_numpy_s(seed: int, colour: bool) -> None:
    shape = (3, 5, 5, 3) if colour else (3, 5, 5)
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    mean, std = statistics(images)
    values = images.reshape(-1, 3 if colour else 1) / 255
    np.testing.assert_allclose(mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(std, values.std(0), rtol=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_every_device_gives_the_same_bits() -> None:
    augmentations = {"grey": Augmentation(True), "colour": Augmentation(True)}
    here, there = (DeviceCache([GREY, COLOUR], augmentations, device) for device in ("cpu", "cuda"))
    for name in here.names:
        for left, right in zip(
            here.augmented(name, np.arange(9), 5), there.augmented(name, np.arange(9), 5), strict=True
        ):
            assert torch.equal(left, right.cpu())

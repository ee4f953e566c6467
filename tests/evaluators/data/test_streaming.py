"""Streaming against the device cache: the same bits, whatever decodes."""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.evaluators.data.test_torchvision_sets import write_land, write_mnist, write_signs
from tests.folders import picture, write_domain

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions, FolderOptions, TorchvisionOptions, augmentations, load
from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.data.encoded import EncodedDomain
from apportion.evaluators.data.opening import opened, read_ahead
from apportion.evaluators.data.source import Batch
from apportion.evaluators.data.streaming import Streaming
from apportion.evaluators.memo import Memo
from apportion.evaluators.protocol import TrialFailed

STREAM, BATCH, STEPS = 7, 5, 9
VARIED = {"per_domain": {"animals": {"flip": True, "crop": 2, "weight": 3}, "signs": {"resize": "pad", "mean": 0.5}}}
ALONE: dict[str, Any] = {"per_domain": {"animals": {"flip": True, "crop": 2}}}


def options(root: Path, **more: Any) -> FolderOptions:
    return FolderOptions(name="folder", root=root, image_size=12, **{"cache": "stream", **VARIED, **more})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Animals in colour, larger than a batch and split by seed; signs grey, with three splits."""
    root = tmp_path_factory.mktemp("own")
    write_domain(root / "animals", count=10)
    write_domain(root / "signs", ("a", "b", "c"), 3, ("train", "val", "test"), (33, 40), colour=False)
    return root


def kept(options: DataOptions) -> DeviceCache:
    return DeviceCache(load(options), augmentations(options), "cpu")


@pytest.fixture
def streaming(root: Path, request: pytest.FixtureRequest) -> Iterator[Streaming]:
    """As many workers as the parameter says; none is left behind."""
    source = opened(options(root, loader_workers=request.param), "cpu", Memo(None)).source
    assert isinstance(source, Streaming)
    yield source
    source.close()
    source.close()
    assert multiprocessing.active_children() == []


def equal(found: list[Batch], expected: list[Batch]) -> bool:
    assert len(found) == len(expected)
    pairs = [
        (a, b) for one, other in zip(found, expected, strict=True) for a, b in zip(flat(one), flat(other), strict=True)
    ]
    return all(a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b) for a, b in pairs)


def flat(batch: Batch) -> list[torch.Tensor]:
    return [batch[0], *batch[1]]


@pytest.mark.parametrize("streaming", [0, 1, 2, 3], indirect=True)
def test_any_number_of_workers_gives_the_bits_of_the_cache_from_any_step(root: Path, streaming: Streaming) -> None:
    cache, owners = kept(options(root)), ("signs", "animals")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    expected = list(cache.training(owners, STREAM, BATCH, 0, STEPS))
    for first, last in ((0, STEPS), (4, STEPS), (8, 9), (3, 3)):
        assert equal(list(streaming.training(owners, STREAM, BATCH, first, last)), expected[first:last])
    # A pass given up half way, as by a trial that is stopped: the next is not confused by what was under way.
    assert equal(list(islice(streaming.training(owners, STREAM, BATCH, 0, STEPS), 2)), expected[:2])
    assert equal(list(streaming.training(("signs",), STREAM, BATCH, 2, 4)), signs_alone(cache, 2, 4))
    for domain in cache.names:
        for split in ("train", "val", "test"):
            for size in (4, 512):
                pairs = [list(source.batches(domain, split, size)) for source in (streaming, cache)]
                assert equal(*([(images, [labels]) for images, labels in pair] for pair in pairs))
    assert torch.equal(torch.get_rng_state(), before)


def signs_alone(cache: DeviceCache, first: int, last: int) -> list[Batch]:
    return list(cache.training(("signs",), STREAM, BATCH, first, last))


def test_equality_would_show_another_stream(root: Path) -> None:
    cache = kept(options(root))
    assert not equal(signs_alone(cache, 0, 2), list(cache.training(("signs",), STREAM + 1, BATCH, 0, 2)))


@pytest.mark.parametrize("streaming", [0], indirect=True)
def test_streaming_knows_of_its_domains_what_the_cache_knows(root: Path, streaming: Streaming) -> None:
    cache = kept(options(root))
    assert (streaming.names, streaming.image_size, streaming.device) == (cache.names, cache.image_size, cache.device)
    for name in cache.names:
        assert streaming.class_count(name) == cache.class_count(name)
        assert streaming.normalisation(name) == cache.normalisation(name)
        assert streaming.weight(name) == cache.weight(name) == {"animals": 3.0, "signs": 1.0}[name]
        for split in ("train", "val", "test"):
            assert streaming.size(name, split) == cache.size(name, split)


@pytest.mark.parametrize("streaming", [0], indirect=True)
def test_two_passes_at_once_are_refused_rather_than_mixed(streaming: Streaming) -> None:
    first, second = (streaming.training(("signs",), STREAM, BATCH, 0, STEPS) for _ in range(2))
    next(first)
    next(second)
    with pytest.raises(RuntimeError, match="a second pass"):
        next(first)


@pytest.mark.parametrize("streaming", [2], indirect=True)
def test_a_worker_that_is_killed_is_a_failed_trial_and_the_next_pass_starts_clean(
    root: Path, streaming: Streaming
) -> None:
    batches = streaming.training(("animals",), STREAM, BATCH, 0, 10_000)
    assert len(list(islice(batches, 2))) == 2  # one of each worker: both have begun
    victim = multiprocessing.active_children()[0].pid
    assert victim is not None
    # Ctrl-C goes to a group: a worker is in none of ours, and deaf to it.
    assert os.getpgid(victim) != os.getpgrp()
    os.kill(victim, signal.SIGINT)
    assert len(list(islice(batches, 20))) == 20
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(TrialFailed, match=r"worker processes.*lower data\.loader_workers") as failed:
        for _ in batches:
            pass
    assert failed.value.reason == "loader died"
    streaming.close()
    assert multiprocessing.active_children() == []
    assert equal(list(streaming.training(("signs",), STREAM, BATCH, 0, 2)), signs_alone(kept(options(root)), 0, 2))


def test_an_image_broken_after_the_scan_is_named(tmp_path: Path) -> None:
    write_domain(tmp_path / "own" / "animals", count=4)
    source = opened(options(tmp_path / "own", **ALONE, loader_workers=0, domains=["animals"]), "cpu", Memo(None)).source
    broken = tmp_path / "own" / "animals" / "dog" / "2.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(InputError, match=r"animals/dog/2\.png: cannot be decoded.*changed after the images were"):
        for split in ("train", "val", "test"):
            list(source.batches("animals", split, 4))
    source.close()


# What is known before the first batch.


def read(options: DataOptions, memo: Memo | None = None) -> list[EncodedDomain]:
    domains = opened(options, "cpu", memo or Memo(None)).domains
    assert all(isinstance(domain, EncodedDomain) for domain in domains)
    return [domain for domain in domains if isinstance(domain, EncodedDomain)]


def test_hash_sizes_classes_and_channels_are_those_of_the_loaded_domains(root: Path) -> None:
    for streamed, loaded in zip(read(options(root)), load(options(root)), strict=True):
        for what in ("name", "classes", "sizes", "channels", "sha256", "skipped"):
            assert getattr(streamed, what) == getattr(loaded, what), what


def test_skipped_images_are_left_out_as_loading_leaves_them_out(tmp_path: Path) -> None:
    write_domain(tmp_path / "animals", count=12)
    for label, number in (("cat", 0), ("cat", 7), ("dog", 3)):
        (tmp_path / "animals" / label / f"{number}.png").write_bytes(b"" if number else b"no image")
    chosen = options(tmp_path, **ALONE, on_error="skip", loader_workers=0)
    (streamed,), (loaded,) = read(chosen), load(chosen)
    assert streamed.skipped == loaded.skipped == {"no image": 1, "zero bytes": 2}
    assert (streamed.sha256, streamed.sizes) == (loaded.sha256, loaded.sizes)
    strict = options(tmp_path, **ALONE)
    with pytest.raises(InputError) as said:
        load(strict)
    with pytest.raises(InputError) as also:
        read(strict)
    assert str(also.value) == str(said.value)


def test_a_class_whose_every_image_is_broken_is_left_out(tmp_path: Path) -> None:
    write_domain(tmp_path / "animals", splits=("train", "val", "test"), count=3)
    stray = tmp_path / "animals" / "val" / "emu"
    stray.mkdir()
    (stray / "1.png").write_bytes(b"")
    chosen = options(tmp_path, **ALONE, on_error="skip")
    assert read(chosen)[0].classes == load(chosen)[0].classes == ("cat", "dog")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_domain_that_does_not_hold_together_is_refused_as_loading_refuses_it(tmp_path: Path, split: str) -> None:
    write_domain(tmp_path / "animals", ("cat",) if split == "train" else ("cat", "dog"), 3, ("train", "val", "test"))
    if split == "val":
        for path in (tmp_path / "animals" / "val").rglob("*.png"):
            path.unlink()
    for way in (load, read):
        with pytest.raises(InputError, match=r"a classifier needs at least two|every split has images"):
            way(options(tmp_path, **ALONE))


class Counting(Memo):
    """Counts what is really computed."""

    computed = 0

    def __call__(self, key: str, compute: Any) -> Any:
        def counted() -> Any:
            self.computed += 1
            return compute()

        return super().__call__(key, counted)


def test_the_images_are_read_once_as_long_as_no_file_changes(tmp_path: Path) -> None:
    write_domain(tmp_path / "own" / "animals", count=6)
    chosen, found = options(tmp_path / "own", **ALONE), []
    for change in (False, False, True):
        if change:
            picture(0, 99).save(tmp_path / "own" / "animals" / "cat" / "2.png")
        memo = Counting(tmp_path / "artifacts")
        found.append((read(chosen, memo)[0].sha256, memo.computed))
    assert [computed for _, computed in found] == [1, 0, 1]
    assert found[0][0] == found[1][0] != found[2][0]
    assert found[2][0] == load(chosen)[0].sha256


def test_a_change_that_keeps_size_and_time_is_noticed(tmp_path: Path) -> None:
    write_domain(tmp_path / "own" / "animals", count=6)
    path = tmp_path / "own" / "animals" / "cat" / "2.png"
    image = Image.open(path)
    image.save(path.with_suffix(".bmp"))
    path.unlink()
    path, chosen = path.with_suffix(".bmp"), options(tmp_path / "own", **ALONE)
    before, stat = read(chosen, Memo(tmp_path / "artifacts"))[0].sha256, path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 255
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size and path.stat().st_mtime_ns == stat.st_mtime_ns
    assert read(chosen, Memo(tmp_path / "artifacts"))[0].sha256 != before


def test_torchvision_s_datasets_stream_as_they_load(tmp_path: Path) -> None:
    for write in (write_land, write_mnist, write_signs):
        write(tmp_path)
    names = ["EuroSAT", "MNIST", "GTSRB"]
    how: dict[str, Any] = {"name": "torchvision", "root": tmp_path, "domains": names, "image_size": 16}
    chosen = TorchvisionOptions(**how, cache="stream", loader_workers=1)
    memo, cache = Memo(tmp_path.parent / "artifacts"), kept(chosen)
    found = opened(chosen, "cpu", memo)
    assert [domain.sha256 for domain in found.domains] == [domain.sha256 for domain in load(chosen)]
    expected = list(cache.training(names, STREAM, BATCH, 3, 6))
    assert equal(list(found.source.training(names, STREAM, BATCH, 3, 6)), expected)
    for name in names:
        pairs = [list(source.batches(name, "test", 4)) for source in (found.source, cache)]
        assert equal(*([(images, [labels]) for images, labels in pair] for pair in pairs))
    found.source.close()


def test_pictures_cross_to_processes_small_and_work_there(root: Path) -> None:
    animals = read(options(root))[0]
    there = pickle.loads(pickle.dumps(animals.pictures))
    assert (there[3] == animals.pictures[3]).all()
    assert len(pickle.dumps(replace(animals, labels={}, rows={}).pictures)) < 2000


def test_what_was_read_ahead_is_not_read_again(root: Path, tmp_path: Path) -> None:
    asked, looked = options(root, loader_workers=0), list[tuple[int, int]]()
    read_ahead(asked, "cpu", Memo(tmp_path), lambda done, total: looked.append((done, total)))
    assert looked[-1] == (47, 47) and looked == sorted(looked)
    looked.clear()
    read_ahead(asked, "cpu", Memo(tmp_path), lambda done, total: looked.append((done, total)))
    assert not looked
    ahead, anew = (opened(asked, "cpu", memo).domains for memo in (Memo(tmp_path), Memo(None)))
    assert [domain.sha256 for domain in ahead] == [domain.sha256 for domain in anew]


def test_images_that_will_be_kept_are_not_read_ahead(root: Path, tmp_path: Path) -> None:
    def never(done: int, total: int) -> None:
        raise AssertionError("nothing was to be read")

    read_ahead(options(root, cache="device"), "cpu", Memo(tmp_path), never)
    read_ahead(DataOptions(), "cpu", Memo(tmp_path), never)
    assert not list(tmp_path.iterdir())

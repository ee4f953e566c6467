"""A trial on streamed images is the trial on kept ones, bit for bit."""

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from apportion.errors import InputError
from apportion.evaluators.data import FolderOptions
from apportion.evaluators.data.loading import LOADER_DIED
from apportion.evaluators.data.source import Batch
from apportion.evaluators.measurement import Measurement
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot, Stopped, TrialFailed
from apportion.evaluators.registry import open_task
from apportion.evaluators.task import Bench, Task
from apportion.evaluators.train import Train
from apportion.evaluators.training.options import TrainOptions
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions
from tests.folders import write_domain


def task(root: Path, cache: str, folder: Path | None = None, form: str = "compose", **data: Any) -> Task:
    warm_up = {"shared_epochs": 1}
    options = TrainOptions.model_validate({"epochs": 2, "batch": 4, "form": form, "warm_up": warm_up})
    images = FolderOptions(name="folder", root=root, image_size=16, **{"cache": cache, "loader_workers": 1, **data})
    backbone = BackboneOptions(name="resnet8", options={"width": 4, "stem_stride": 2})
    return Task(backbone, SpaceOptions(), images, options, folder=folder)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    write_domain(root / "animals", count=16)
    write_domain(root / "signs", ("a", "b", "c"), 4, ("train", "val", "test"), (33, 40), colour=False)
    return root


@pytest.fixture(scope="module")
def expected(root: Path) -> Measurement:
    """On images kept in memory."""
    return measured(open_task(task(root, "device")))


def measured(bench: Bench, slot: Slot = Slot()) -> Measurement:  # noqa: B008
    pattern = bench.space.decode([1.0] * bench.space.dimension, Budget("live", 0.4))
    measurement = bench.evaluator(Proposal("t", "made up", pattern, None, 2, 1, "retrain"), slot).measurement
    return replace(measurement, seconds=0.0, peak_bytes=0)


def test_a_streamed_trial_is_bit_equal_and_leaves_no_process_and_no_handler(root: Path, expected: Measurement) -> None:
    heard, before = signal.getsignal(signal.SIGCHLD), torch.get_rng_state()
    bench = open_task(task(root, "stream"))
    assert measured(bench) == expected
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGCHLD) == heard
    assert torch.equal(torch.get_rng_state(), before)
    assert bench.domains == open_task(task(root, "device")).domains


class After:
    """Asks to stop when it has been looked at `looks` times."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("ways", [("stream", "stream"), ("device", "stream")])
def test_a_trial_stopped_in_mid_epoch_goes_on_from_the_step_either_way(
    root: Path, expected: Measurement, tmp_path: Path, ways: tuple[str, str]
) -> None:
    slot = Slot(checkpoint=tmp_path / "trial.checkpoint")
    first, second = (open_task(task(root, way, tmp_path, loader_workers=0)) for way in ways)
    with pytest.raises(Stopped):
        measured(first, replace(slot, stop=After(12)))
    assert slot.checkpoint is not None and slot.checkpoint.exists()
    assert measured(second, slot) == expected


def test_a_worker_that_dies_while_the_trial_is_to_stop_is_no_failure(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A job's end may send SIGTERM to all of its processes, to the workers first.
    bench = open_task(task(root, "stream", tmp_path, loader_workers=0))
    assert isinstance(bench.evaluator, Train)

    def dying(*_: object) -> Iterator[Batch]:
        raise TrialFailed(LOADER_DIED, "worker exited")
        yield

    monkeypatch.setattr(bench.evaluator.source, "training", dying)
    with pytest.raises(Stopped):
        measured(bench, Slot(stop=After(0)))
    with pytest.raises(TrialFailed, match="worker exited"):
        measured(bench, Slot(stop=After(99)))


def measured_there(task: Task) -> tuple[Measurement, int]:
    return measured(open_task(task)), len(multiprocessing.active_children())


def test_workers_of_a_study_may_have_workers_of_their_own(root: Path, expected: Measurement) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(measured_there, task(root, "stream")).result() == (expected, 0)


def test_timings_end_the_processes_they_started(root: Path) -> None:
    bench = open_task(task(root, "stream", form="auto"))
    assert bench.form in ("compose", "interleaved")
    assert bench.evaluator.seconds_per_epoch(bench.space.shared()) > 0
    assert multiprocessing.active_children() == []


def test_a_broken_image_ends_the_trial_by_name_and_no_process_stays(tmp_path: Path) -> None:
    write_domain(tmp_path / "animals", count=16)
    bench = open_task(task(tmp_path, "stream"))
    (tmp_path / "animals" / "cat" / "3.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"cat/3\.png: its content is no image"):
        measured(bench)
    assert multiprocessing.active_children() == []


Way = Literal["device", "stream"]


@pytest.mark.parametrize(
    ("cache", "limit", "settled", "way"),
    [
        ("auto", None, None, "device"),
        ("auto", 0, None, "stream"),
        ("auto", 0, "device", "device"),
        ("auto", None, "stream", "stream"),
        ("device", 0, "stream", "device"),
        ("stream", None, "device", "stream"),
    ],
)
def test_the_size_decides_unless_somebody_has(
    root: Path, cache: str, limit: int | None, settled: Way | None, way: str
) -> None:
    bench = open_task(replace(task(root, cache, cache_bytes=limit, loader_workers=0), images=settled))
    assert bench.images is not None and bench.images.way == way
    assert isinstance(bench.evaluator, Train)
    assert type(bench.evaluator.source).__name__ == {"device": "DeviceCache", "stream": "Streaming"}[way]


def deadly(classes: int) -> nn.Module:
    """A backbone that kills whatever decodes its images."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def kill(*_: object) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    network.register_forward_hook(kill)
    return nn.Sequential(network, nn.Linear(4, classes))


def test_a_loader_that_dies_before_the_first_trial_is_bad_input_in_one_line(root: Path) -> None:
    # While the form is timed no trial is there to fail: the study is refused, and nothing is left running.
    backbone = BackboneOptions(name=f"{__name__}:deadly")
    asked = replace(task(root, "stream", form="auto"), backbone=backbone, allow_plugins=True)
    with pytest.raises(InputError) as refused:
        open_task(asked)
    line = str(refused.value)
    # The system says it in one of two ways: a worker was found dead, or the connection to it was.
    assert line.startswith("the first training steps: loader died, but ") and "\n" not in line
    assert "DataLoader worker" in line or "Connection reset" in line
    assert "all worker processes that decode images are needed" in line and "lower data.loader_workers" in line
    assert multiprocessing.active_children() == []

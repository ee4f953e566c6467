"""Kept or streamed: the decision by size, and how it is told."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.folders import write_domain

from apportion.errors import InputError
from apportion.evaluators.data import FolderOptions, PentathlonOptions
from apportion.evaluators.data.opening import opened
from apportion.evaluators.data.placement import Placement, shown_bytes
from apportion.evaluators.memo import Memo


@pytest.mark.parametrize(
    ("placement", "line"),
    [
        (Placement("device", "cpu", 27_300_000), "27 MB decoded, kept on cpu"),
        (
            Placement("stream", "cuda", 61_000_000_000, 4_000_000_000, 2),
            "61 GB decoded, more than 4.0 GB: streamed with 2 workers",
        ),
        (Placement("stream", "cpu", 9_000, None, 1), "9.0 kB decoded, streamed with 1 worker, as data.cache says"),
    ],
)
def test_the_choice_and_its_reason_are_one_line(placement: Placement, line: str) -> None:
    assert placement.line == line


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (10**7, "10 MB")])
def test_bytes_are_shown_in_decimal_units(count: int, text: str) -> None:
    assert shown_bytes(count) == text


def options(root: Path, **more: Any) -> FolderOptions:
    per_domain = {"animals": {"crop": 2}}
    return FolderOptions(name="folder", root=root, image_size=12, per_domain=per_domain, loader_workers=0, **more)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Thirty images at most 16 pixels wide with their padding, in three channels: 30 * 3 * 16 * 16 = 23,040 bytes."""
    write_domain(tmp_path / "animals", ("a", "b", "c"), 10)
    return tmp_path


@pytest.mark.parametrize(("limit", "way"), [(23_040, "device"), (23_039, "stream")])
def test_the_limit_is_on_all_images_padded_and_in_colour(root: Path, limit: int, way: str) -> None:
    found = opened(options(root, cache_bytes=limit), "cpu", Memo(None)).placement
    assert found.way == way
    if way == "stream":
        assert found == Placement("stream", "cpu", 23_040, 23_039, 0)
    else:
        # Kept: 18 for training with padding, 6 and 6 without, and 8 bytes for each label.
        assert found == Placement("device", "cpu", 3 * (18 * 16**2 + 12 * 12**2) + 8 * 30)


def test_arrays_cannot_be_streamed_and_are_kept_whatever_their_size() -> None:
    with pytest.raises(InputError, match=r"data\.cache: 'stream', but pentathlon .* read whole; say device or auto"):
        opened(PentathlonOptions(domains=["digits"], cache="stream"), "cpu", Memo(None))
    found = opened(PentathlonOptions(domains=["digits"], image_size=8, cache_bytes=0), "cpu", Memo(None))
    assert found.placement.way == "device"


def test_how_images_are_kept_is_no_part_of_what_a_run_is_compared_by(root: Path) -> None:
    # The bits are the same, and a run may go on where there is less memory.
    asked = options(root, cache="stream", cache_bytes=5)
    assert asked.model_dump(mode="json") == options(root).model_dump(mode="json")
    assert FolderOptions.model_validate_json(asked.model_dump_json()).cache == "auto"


@pytest.mark.parametrize(
    "wrong", [{"cache": "disk"}, {"cache_bytes": -1}, {"cache_bytes": "4 GB"}, {"loader_workers": 65}, {"workers": 2}]
)
def test_impossible_values_are_refused(root: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FolderOptions(name="folder", root=root, **wrong)

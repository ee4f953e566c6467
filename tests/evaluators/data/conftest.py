"""A tiny folder of full files, the packing script as a module, and the shipped pocket."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from apportion.evaluators.data import pentathlon
from apportion.evaluators.data.domain import DomainData

SPLITS = {"train": 60, "val": 20, "test": 24}


def full_arrays(size: int = 12, colour: bool = False, classes: int = 4, seed: int = 0) -> dict[str, Any]:
    """What one full file holds: every class in equal number, pixels at random."""
    generator = np.random.default_rng(seed)
    shape = (size, size, 3) if colour else (size, size)
    arrays: dict[str, Any] = {"classes": np.array([f"class {i}" for i in range(classes)])}
    for split, count in SPLITS.items():
        arrays[f"{split}_images"] = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % classes).astype(np.int16)
    return arrays


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A folder with the five files: photos in colour and glyphs larger than the rest."""
    folder = tmp_path / "full"
    folder.mkdir()
    for seed, name in enumerate(pentathlon.DOMAINS):
        size = 16 if name in ("photos", "glyphs") else 12
        np.savez(folder / f"{name}.npz", **full_arrays(size, name == "photos", seed=seed))
    return folder


@pytest.fixture
def rewrite(full: Path) -> Callable[..., Path]:
    """Write digits.npz again with some arrays replaced, or left out where None."""

    def write(**changes: Any) -> Path:
        arrays = {key: value for key, value in (full_arrays() | changes).items() if value is not None}
        np.savez(full / "digits.npz", **arrays)
        return full

    return write


@pytest.fixture(scope="session")
def shipped() -> list[DomainData]:
    return pentathlon.load()


@pytest.fixture(scope="session")
def packer() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "pack_pocket.py"
    spec = importlib.util.spec_from_file_location("pack_pocket", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

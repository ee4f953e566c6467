"""Starting weights: what is refused, and that every wrong key is named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from apportion.errors import InputError
from apportion.spaces.backbones import backbones
from apportion.spaces.backbones.weights import load_weights

HEAD = backbones.get("resnet8").head


def network(seed: int, classes: int = 3) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return backbones.get("resnet8").build(classes, {"width": 2})


def saved(path: Path, state: dict[str, Tensor]) -> str:
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return str(path)


@pytest.fixture
def state() -> dict[str, Tensor]:
    return dict(network(1).state_dict())


def refusal(weights: str) -> str:
    with pytest.raises(InputError) as refused:
        load_weights(network(0), "resnet8", HEAD, weights)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_saved_weights_come_back_but_for_the_head(tmp_path: Path, state: dict[str, Tensor]) -> None:
    loaded, before = network(0), network(0).state_dict()
    load_weights(loaded, "resnet8", HEAD, saved(tmp_path / "whole.safetensors", state))
    for name, tensor in loaded.state_dict().items():
        if name.startswith("head."):
            assert torch.equal(tensor, before[name])
        elif not name.endswith("num_batches_tracked"):
            assert torch.equal(tensor, state[name]), name


@pytest.mark.parametrize("change", ["absent", "misshapen", "unknown keys"])
def test_a_head_may_be_anything(tmp_path: Path, state: dict[str, Tensor], change: str) -> None:
    if change == "absent":
        state = {name: tensor for name, tensor in state.items() if not name.startswith("head.")}
    elif change == "misshapen":
        state["head.weight"] = torch.zeros(1000, 8)
    else:
        state["head.fc.weight"] = torch.zeros(5)
    loaded = network(0)
    load_weights(loaded, "resnet8", HEAD, saved(tmp_path / "w.safetensors", state))
    assert torch.equal(loaded.state_dict()["stem.weight"], state["stem.weight"])


def test_a_file_without_batch_counters_is_whole(tmp_path: Path, state: dict[str, Tensor]) -> None:
    kept = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    load_weights(network(0), "resnet8", HEAD, saved(tmp_path / "w.safetensors", kept))


def test_missing_unknown_and_misshapen_keys_are_all_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    del state["layer1.conv1.weight"]
    state["layer9.conv1.weight"] = torch.zeros(2)
    # A name that only begins like the head's is no head.
    state["header.weight"] = torch.zeros(2)
    state["stem.weight"] = torch.zeros(2, 3, 5, 5)
    said = refusal(saved(tmp_path / "w.safetensors", state))
    assert "4 keys differ" in said
    assert "missing layer1.conv1.weight" in said
    assert "unknown layer9.conv1.weight" in said
    assert "unknown header.weight" in said
    assert "stem.weight is [2, 3, 5, 5], not [2, 3, 3, 3]" in said
    assert "only the head 'head' may mismatch" in said


def test_a_refused_file_changes_nothing(tmp_path: Path, state: dict[str, Tensor]) -> None:
    del state["layer1.conv1.weight"]
    target, before = network(0), network(0).state_dict()
    with pytest.raises(InputError):
        load_weights(target, "resnet8", HEAD, saved(tmp_path / "w.safetensors", state))
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_a_long_list_of_wrong_keys_is_cut_and_counted(tmp_path: Path) -> None:
    said = refusal(saved(tmp_path / "w.safetensors", {f"k{i}": torch.zeros(1) for i in range(40)}))
    assert "more)" in said
    assert len(said) < 600


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({}, path)
    assert "suffix '.pt'" in refusal(str(path))
    assert "weights are read from .safetensors only" in refusal(str(path))


@pytest.mark.parametrize("kind", ["absent", "a folder"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "w.safetensors"
    if kind == "a folder":
        path.mkdir()
    assert "no such file" in refusal(str(path))


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 64, b"\x08" + bytes(7) + b"{notjson"])
def test_a_file_of_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    assert "the file must be readable safetensors" in refusal(str(path))


def test_a_truncated_file_is_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = Path(saved(tmp_path / "w.safetensors", state))
    path.write_bytes(path.read_bytes()[:-3])
    assert "the file must be readable safetensors" in refusal(str(path))


def test_unknown_torchvision_names_are_refused_with_the_known_ones() -> None:
    entry = backbones.get("resnet18")
    with pytest.raises(InputError, match=r"torchvision knows IMAGENET1K_V1, DEFAULT"):
        load_weights(nn.Identity(), entry.name, entry.head, "IMAGENET")
    assert "torchvision has no weights for resnet8; give a .safetensors file" in refusal("DEFAULT")

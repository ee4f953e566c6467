"""Saved models: weights in safetensors, everything needed to rebuild them in a JSON manifest with their hash."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from apportion.errors import InputError
from apportion.files import write_durably
from apportion.spaces.network.mixed import MultiDomainNet

WEIGHTS, MANIFEST = "model.safetensors", "manifest.json"


def save_model(folder: Path, net: MultiDomainNet, about: dict[str, Any]) -> None:
    """Write weights and manifest; the manifest last, so that a folder that has one is whole."""
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()})
    write_durably(folder / WEIGHTS, content)
    manifest = {**about, "weights": WEIGHTS, "sha256": hashlib.sha256(content).hexdigest()}
    write_durably(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")


def load_model(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and manifest of `folder`; an InputError where a byte of the weights has changed."""
    manifest = json.loads((folder / MANIFEST).read_text())
    content = (folder / WEIGHTS).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != manifest["sha256"]:
        raise InputError(
            f"model {folder / WEIGHTS}",
            f"sha256 {found[:12]}...",
            f"its manifest says {manifest['sha256'][:12]}...",
            "the file was changed or damaged: restore it or train again",
        )
    return load(content), manifest

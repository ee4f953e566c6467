"""Starting weights: a local safetensors file or torchvision's by name. Only the head may mismatch."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from apportion.errors import InputError
from apportion.spaces.torchvision_here import torchvision_module

# torchvision's weights of these keep auxiliary heads, which only a training with several losses uses.
_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


def load_weights(network: nn.Module, backbone: str, head: str, weights: str) -> None:
    """Copy `weights` into `network`; an InputError names every key that is missing, unknown or of another shape."""
    place = f"backbone {backbone}, weights {weights}"
    state = _from_file(Path(weights), place) if _is_file(weights) else _from_torchvision(backbone, weights, place)
    auxiliary = _AUXILIARY.get(backbone, ())
    state = {key: tensor for key, tensor in state.items() if not key.startswith(auxiliary)} if auxiliary else state
    own = network.state_dict()
    # A counter of batches is no weight: files that keep none are whole.
    wanted = {key for key in own if not _is_head(key, head) and not key.endswith("num_batches_tracked")}
    given = {key for key in state if not _is_head(key, head) and not key.endswith("num_batches_tracked")}
    wrong = [f"missing {key}" for key in sorted(wanted - given)]
    wrong += [f"unknown {key}" for key in sorted(given - wanted)]
    wrong += [
        f"{key} is {list(state[key].shape)}, not {list(own[key].shape)}"
        for key in sorted(wanted & given)
        if state[key].shape != own[key].shape
    ]
    if wrong:
        shown = ", ".join(wrong[:6]) + (f" and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        raise InputError(
            place, f"{len(wrong)} keys differ ({shown})", f"only the head {head!r} may mismatch", "use matching weights"
        )
    network.load_state_dict({key: state[key] for key in wanted}, strict=False)


def _is_file(weights: str) -> bool:
    return weights.endswith(".safetensors") or Path(weights).exists()


def _is_head(key: str, head: str) -> bool:
    return key.startswith(head + ".")


def _from_file(path: Path, place: str) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        raise InputError(
            place, f"suffix {path.suffix!r}", "weights are read from .safetensors only", "convert the file"
        )
    if not path.is_file():
        raise InputError(place, "no such file", "local weights are a .safetensors file", "check the path")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as problem:
        raise InputError(place, str(problem), "the file must be readable safetensors", "fetch it again") from problem


def _from_torchvision(backbone: str, weights: str, place: str) -> dict[str, Tensor]:
    models = torchvision_module().models
    try:
        known = models.get_model_weights(backbone)
    except ValueError:
        raise InputError(
            place, "not a file", f"torchvision has no weights for {backbone}", "give a .safetensors file"
        ) from None
    names = [member.name for member in known] + ["DEFAULT"]
    if weights not in names:
        raise InputError(place, "not a file and not a name", f"torchvision knows {', '.join(names)}", "use one of them")
    try:
        state: dict[str, Tensor] = known[weights].get_state_dict(progress=False, check_hash=True)
    except OSError as problem:
        raise InputError(
            place, str(problem), "torchvision fetches these weights once from the network", "give a local .safetensors"
        ) from problem
    return state

"""What a network of the user's own must not do, each with the smallest network that does it."""

import itertools
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.errors import InputError
from apportion.spaces.backbones import BackboneEntry
from apportion.spaces.backbones.probe import examined
from apportion.spaces.shape import BackboneShape

SIZE = 16
ENTRY = BackboneEntry("mine", "", "nowhere:nothing", probed=True)


class Sound(nn.Module):
    """A stem, a norm, a second convolution and a head; each offender below changes one thing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.conv = nn.Conv2d(8, 8, 3, 1, 1)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).mean((2, 3)))
        return logits

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(F.relu(self.norm(self.stem(x)))))


class Everyday(nn.Module):
    """What networks do and may do: in place, dropout, squeeze and excitation, tokens, a head without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        self.act, self.dropout = nn.ReLU(inplace=True), nn.Dropout(0.5)
        self.squeeze, self.excite = nn.Linear(8, 2), nn.Linear(2, 8)
        self.tokens_norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)
        self.head = nn.Linear(8, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        x = x * torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))), inplace=True)))[:, :, None, None]
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.mlp(self.tokens_norm(tokens))
        logits: Tensor = self.head(self.dropout(tokens.mean(1)))
        return logits


class CentresRows(Sound):
    def features(self, x: Tensor) -> Tensor:
        x = super().features(x)
        return x - x.mean(0)


class ShiftsRows(Sound):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x).roll(1, 0)


class MixesInTraining(Sound):
    def features(self, x: Tensor) -> Tensor:
        x = super().features(x)
        return 0.5 * (x + x.flip(0)) if self.training else x


class NormWithoutAffine(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.BatchNorm1d(8, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.last(self.features(x).mean((2, 3))))
        return logits


class ReadsTheWeight(Sound):
    def features(self, x: Tensor) -> Tensor:
        return F.conv2d(self.norm(self.stem(x)), self.conv.weight, self.conv.bias, padding=1)


class CallsAndReads(Sound):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x) / self.conv.weight.abs().sum()


class NormByHand(Sound):
    def features(self, x: Tensor) -> Tensor:
        norm, x = self.norm, self.stem(x)
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, self.training)
        return F.relu(self.conv(x))


class CallsTwice(Sound):
    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(super().features(x)))


class CallsTwiceInTraining(Sound):
    def features(self, x: Tensor) -> Tensor:
        x = super().features(x)
        return F.relu(self.conv(x)) if self.training else x


class SkipsInTraining(Sound):
    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.stem(x))) if self.training else super().features(x)


class Softmax(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(super().forward(x), 1)


class Temperature(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / 10


class SumsClasses(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sum(1, keepdim=True)


class GivesTwo(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x), x  # type: ignore[return-value]


class GivesTwoInTraining(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return (super().forward(x), x) if self.training else super().forward(x)  # type: ignore[return-value]


class GivesMaps(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


class LooksAway(Sound):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x * 0)


class Explodes(Sound):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x) * 1e30 * 1e30


class OwnRandomness(Sound):
    counter = itertools.count(1)

    def features(self, x: Tensor) -> Tensor:
        return super().features(x) * next(self.counter)


class FoldsWindows(Sound):
    def features(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        windows = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5)
        y: Tensor = self.conv(windows.flatten(0, 2))
        return y.view(len(x), -1, 8, 4, 4).mean(1)


class Decides(Sound):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x) if float(x.mean()) < 9 else x


class NoImages(Sound):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("expected text")


class Tied(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Conv2d(8, 8, 3, 1, 1)
        self.again.weight = self.conv.weight

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.again(super().features(x)))


class LooseScale(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8, 1, 1))

    def features(self, x: Tensor) -> Tensor:
        return super().features(x) * self.scale


class ScaledConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class OnlyAHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * SIZE * SIZE, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.flatten(1))
        return logits


def changed(name: str, module: nn.Module) -> Callable[[], nn.Module]:
    """The sound network with another module under `name`."""

    def build() -> nn.Module:
        network = Sound()
        setattr(network, name, module)
        return network

    return build


def hooked() -> nn.Module:
    network = Sound()
    network.conv.register_forward_hook(lambda module, inputs, output: 2 * output)
    return network


def holding_a_result() -> nn.Module:
    network = Sound()
    network.__dict__["kept"] = network.conv.weight * 2
    return network


OFFENDERS: list[tuple[Callable[[], nn.Module], str]] = [
    (CentresRows, r"in evaluation: one image changes the outputs of another, but rows of a batch must not mix"),
    (ShiftsRows, r"one image changes|does not depend on its image"),
    (MixesInTraining, r"in training: one image changes the outputs of another"),
    (NormWithoutAffine, r"in training: one image changes the outputs of another"),
    (ReadsTheWeight, r"layer conv: never called, but .* must be called; its weight may be read by another"),
    (CallsAndReads, r"layer conv: its 'weight' is read, but a layer that is given to domains can only be called"),
    (NormByHand, r"layer norm: never called"),
    (CallsTwice, r"layer conv: called more than once, but a site is one layer called once"),
    (CallsTwiceInTraining, r"layer conv: called more than once"),
    (SkipsInTraining, r"layer conv: never called"),
    (Softmax, r"what follows the head 'head' changes its logits, .* take away what stands behind the head"),
    (Temperature, r"what follows the head 'head' changes its logits"),
    (SumsClasses, r"gives \[3, 1\] for 3 images, but the head 'head' gives 2 classes"),
    (GivesTwo, r"in evaluation it gives a tuple, but a backbone gives one tensor"),
    (GivesTwoInTraining, r"in training it gives a tuple, but a backbone gives one tensor"),
    (GivesMaps, r"5 images give \[5, 8, 8, 8\], but a backbone gives \[images, classes\]"),
    (LooksAway, r"its output does not depend on its image"),
    (Explodes, r"its outputs are not finite"),
    (OwnRandomness, r"the same images give other outputs, but one torch.manual_seed must fix all"),
    (
        FoldsWindows,
        r"layer conv: its input has other rows, but a swapped layer takes one tensor with one row per image",
    ),
    (Decides, r"images of 16 pixels: RuntimeError: .* on the meta device"),
    (NoImages, r"images of 16 pixels: ValueError: expected text, .* try another data.image_size"),
    (Tied, r"conv.weight and again.weight are one parameter, .* untie them"),
    (LooseScale, r"it trains scale of LooseScale, but only what Conv2d, Linear, BatchNorm2d and LayerNorm"),
    (changed("conv", ScaledConv(8, 8, 3, 1, 1)), r"conv.weight of ScaledConv \(whose forward is its own\) and 1 more"),
    (changed("norm", nn.BatchNorm2d(8, affine=False)), r"layer norm: BatchNorm2d, but a BatchNorm needs an affine"),
    (changed("norm", nn.BatchNorm2d(8, track_running_stats=False)), r"layer norm: BatchNorm2d, .* running statistics"),
    (changed("norm", nn.BatchNorm2d(8, momentum=None)), r"a BatchNorm needs a momentum"),
    (changed("norm", nn.LayerNorm(8, bias=False)), r"a LayerNorm needs a scale and an offset"),
    (changed("norm", nn.GroupNorm(2, 8)), r"it trains norm.weight of GroupNorm"),
    (changed("conv", nn.Conv2d(8, 8, 3, 1, 1, padding_mode="reflect")), r"padding mode 'reflect' is not supported"),
    (changed("conv", nn.Conv2d(8, 8, 3, 1, "same")), r"padding 'same' is not supported; give the padding in pixels"),
    (changed("spare", nn.Conv2d(8, 8, 1)), r"layer spare: never called, .*; call it, or remove it"),
    (hooked, r"layer conv: Conv2d, but hooks would be lost"),
    (holding_a_result, r"copy.deepcopy must be able to copy the network"),
    (OnlyAHead, r"no Conv2d or Linear besides the head"),
]


def look(network: nn.Module, entry: BackboneEntry = ENTRY) -> BackboneShape:
    return examined(entry, network, SIZE)


@pytest.mark.parametrize("network", [Sound, Everyday])
def test_sound_networks_pass(network: Callable[[], nn.Module]) -> None:
    assert look(network()).head == "head"


def test_probing_leaves_network_and_generator_alone() -> None:
    network = Sound()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    look(network)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(("build", "said"), OFFENDERS, ids=lambda value: getattr(value, "__name__", None))
def test_what_would_be_wrong_in_a_mixed_batch_is_refused(build: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(InputError) as refused:
        look(build())
    assert str(refused.value).startswith("backbone mine")
    assert "\n" not in str(refused.value)
    assert re.search(said, str(refused.value)), str(refused.value)


def test_only_networks_that_were_not_tried_here_are_run() -> None:
    calm = BackboneEntry("mine", "", "nowhere:nothing", "head")
    look(MixesInTraining(), calm)
    with pytest.raises(InputError, match="head 'neck', but the head must be a Linear layer that is called"):
        look(Sound(), BackboneEntry("mine", "", "nowhere:nothing", "neck"))

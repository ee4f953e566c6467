"""From a name to a backbone: torchvision's, timm's, the user's own; and what is refused before torch is loaded."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from apportion.errors import InputError
from apportion.spaces.backbones import backbones, lookup
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.backbones.lookup import backbone_entry, other_names
from apportion.spaces.backbones.probe import examined
from apportion.spaces.backbones.torchvision_names import REFUSED, SWAPPABLE
from apportion.spaces.backbones.weights import load_weights
from apportion.spaces.options import BackboneOptions
from apportion.spaces.shape import BackboneShape
from apportion.spaces.torchvision_here import torchvision_module

needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="needs the extra timm")


def on_meta(name: str) -> nn.Module:
    """The network without numbers."""
    with torch.device("meta"):
        return backbone_entry(name).build(2)


def shape(name: str, size: int = 224) -> BackboneShape:
    entry = backbone_entry(name)
    return shape_of(name, on_meta(name), entry.head, size, entry.shared)


def refusal(name: str, allow_plugins: bool = False) -> str:
    with pytest.raises(InputError) as refused:
        backbone_entry(name, "backbone.name", allow_plugins)
    return str(refused.value)


# torchvision.


def test_the_names_are_torchvision_s() -> None:
    models = torchvision_module().models
    assert sorted(SWAPPABLE + REFUSED) == sorted(models.list_models(module=models))
    assert len(set(SWAPPABLE + REFUSED)) == len(SWAPPABLE + REFUSED)


# Each family that the conformance suite leaves out; a RegNet cannot be built without numbers.
@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "efficientnet_v2_s",
        "googlenet",
        "inception_v3",
        "mnasnet0_5",
        "mobilenet_v3_large",
        "resnet101",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
        "vgg11",
        "wide_resnet50_2",
    ],
)
def test_every_family_can_be_swapped(name: str) -> None:
    network, found = on_meta(name), shape(name)
    assert found.never_owned == found.constants == 0
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(found.sites) == len(layers) - 1
    assert [site.stage for site in found.sites] == sorted(site.stage for site in found.sites)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_swapped_is_refused_with_the_layer_that_stands_in_the_way(name: str) -> None:
    culprit = {
        "convnext": "LayerNorm2d (whose forward is its own), features.1.0.layer_scale of CNBlock",
        "maxvit": "window_attention.attn_layer.1.relative_position_bias_table of RelativePositionalMultiHeadAttention",
        "swin": "features.1.0.attn.relative_position_bias_table of ShiftedWindowAttention",
        "vit": "encoder_layer_0.self_attention.in_proj_weight of MultiheadAttention",
    }[name.split("_")[0]]
    if name.startswith("swin_v2"):
        culprit = "features.1.0.attn.logit_scale of ShiftedWindowAttentionV2"
    with pytest.raises(InputError) as refused:
        shape(name)
    assert str(refused.value).startswith(f"backbone {name}: it trains ")
    assert culprit in str(refused.value)


def test_images_that_are_too_small_are_refused_with_torch_s_reason() -> None:
    with pytest.raises(InputError, match=r"images of 32 pixels: RuntimeError: .*; try another data.image_size"):
        shape("inception_v3", 32)


def test_a_misspelt_name_is_refused_without_loading_torch() -> None:
    code = (
        "import sys, time; began = time.perf_counter()\n"
        "from apportion.spaces.options import BackboneOptions\n"
        "from apportion.errors import InputError\n"
        "try: BackboneOptions(name='resnet9')\n"
        "except InputError as error: print(error, time.perf_counter() - began, 'torch' in sys.modules, sep='|')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    message, _, loaded = said.strip().split("|")
    assert message.startswith("name: 'resnet9', but no backbone has this name; did you mean 'resnet")
    assert loaded == "False"
    assert "did you mean 'mobilenet_v3_small'?" in refusal("mobilnet_v3_small")
    assert "apportion list backbones" in refusal("zzz")


def test_mnasnet_loads_plain_states_and_learns_its_statistics_within_a_short_run() -> None:
    network = backbone_entry("mnasnet1_0").build(2)
    state = dict(network.state_dict())
    assert not hasattr(state, "_metadata")
    # torchvision's own says "version should be set to 1 or 2".
    network.load_state_dict(state)
    nn.ModuleList([network]).load_state_dict({f"0.{key}": tensor for key, tensor in state.items()})
    assert {m.momentum for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_auxiliary_heads_are_left_out_of_networks_and_weights(tmp_path: Path) -> None:
    for name in ("googlenet", "inception_v3"):
        assert not any("aux" in key.lower() for key, _ in on_meta(name).named_modules())
    network = on_meta("googlenet").to_empty(device="cpu")
    state = {**network.state_dict(), "aux1.fc1.weight": torch.zeros(2), "aux2.fc1.weight": torch.zeros(2)}
    save_file(state, tmp_path / "w.safetensors")
    load_weights(network, "googlenet", "fc", str(tmp_path / "w.safetensors"))


def test_the_head_of_a_network_by_name_may_mismatch_its_weights(tmp_path: Path) -> None:
    source, target = (backbone_entry("squeezenet1_1").build(classes) for classes in (7, 2))
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    load_weights(target, "squeezenet1_1", shape("squeezenet1_1").head, str(tmp_path / "w.safetensors"))
    assert torch.equal(target.state_dict()["features.0.weight"], source.state_dict()["features.0.weight"])


def test_a_listing_names_what_is_not_registered() -> None:
    names = dict(other_names())
    assert "densenet121" in names["torchvision's"]
    assert not any(f"{name}," in names["torchvision's"] for name in ("mobilenet_v2", "resnet18"))
    assert list(names) == ["torchvision's", "timm:NAME", "my.module:build"]


def test_registered_names_come_first() -> None:
    for entry in backbones:
        assert backbone_entry(entry.name) is entry
        assert not entry.probed


# timm.


def test_without_the_extra_timm_s_names_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "find_spec", lambda name: None)
    said = refusal("timm:resnet10t")
    assert said == "backbone.name: 'timm:resnet10t', but timm is not installed; pip install apportion[timm]"


@needs_timm
def test_vit_s_has_the_48_sites_that_taps_counts() -> None:
    # 004: qkv, proj, fc1, fc2 of each of 12 blocks.
    found = shape("timm:vit_small_patch16_224")
    assert [site.name for site in found.sites[:4]] == [
        "blocks.0.attn.qkv",
        "blocks.0.attn.proj",
        "blocks.0.mlp.fc1",
        "blocks.0.mlp.fc2",
    ]
    assert len(found.sites) == 48
    assert {site.kind for site in found.sites} == {"linear"}
    # 12 d^2 weights a block at d = 384; 25 norms; patches of 16 x 16 x 3, 196 positions, one class token.
    assert found.convolution_weights == 12 * 12 * 384**2
    assert found.norm_affine == 25 * 2 * 384
    assert found.running_statistics == 0
    assert found.never_owned == (16 * 16 * 3 + 1) * 384 + 197 * 384 + 384


@needs_timm
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet10tt", "timm has no network of this name; did you mean 'resnet10t'?"),
        (
            "convnext_atto",
            "stem.1.weight of LayerNorm2d (whose forward is its own), stages.0.blocks.0.gamma of ConvNeXt",
        ),
        ("vit_tiny_patch16_224", "AssertionError: Input height (64) doesn't match model (224)"),
    ],
)
def test_timm_networks_that_do_not_fit_are_refused(name: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        shape(f"timm:{name}", 64)
    assert said in str(refused.value)


@needs_timm
def test_options_go_to_timm_and_unknown_ones_are_refused() -> None:
    entry = backbone_entry("timm:resnet10t")
    assert entry.build(2, {"stem_width": 8}).get_submodule("conv1").get_submodule("0").out_channels != 0
    with pytest.raises(InputError, match=r"backbone.options: TypeError: .*widht"):
        entry.build(2, {"widht": 8})


# The user's own.

OWN = """
import torch
from torch import nn

def build(classes, width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))

class Net(nn.Sequential):
    def __init__(self, classes):
        super().__init__(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

def number(classes):
    return 3

built = build(2)
weights = {}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module beside the config, importable from the current directory."""
    (tmp_path / "own_network_of_this_test.py").write_text(OWN)
    (tmp_path / "broken_network_of_this_test.py").write_text("raise ValueError('half written')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_network_of_this_test", raising=False)
    return "own_network_of_this_test"


def test_a_network_of_one_s_own_builds_with_its_options(own: str) -> None:
    options = BackboneOptions(name=f"{own}:build", options={"width": 6})
    entry = options.entry(allow_plugins=True)
    network = entry.build(3, options.options)
    found = examined(entry, network, 16)
    assert (found.head, found.head_features, found.sites[0].filters) == ("3", 6, 6)
    assert backbone_entry(f"{own}:Net", allow_plugins=True).build(3)[3].out_features == 3  # type: ignore[index]


def test_foreign_code_is_neither_imported_nor_run_unless_that_is_allowed(own: str) -> None:
    options = BackboneOptions(name=f"{own}:build")
    with pytest.raises(InputError, match=r"backbone.name: .*; say so with --allow-plugins"):
        options.entry()
    assert "say so with --allow-plugins" in refusal(f"{own}:build")
    assert own not in sys.modules


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{own}:bild", r"'bild', but module \w+ has no such attribute; did you mean 'build'"),
        ("no_such_module_anywhere:build", r"No module named 'no_such_module_anywhere', but module .* set PYTHONPATH"),
        ("broken_network_of_this_test:build", r"ValueError: half written, but importing \w+ must not fail"),
        ("{own}:number", r"it returned a int, but it must return a torch.nn.Module"),
        ("{own}:built", r"a Sequential, but it must be a function \(classes, \*\*options\) -> nn.Module"),
        ("{own}:weights", r"a dict, but it must be a function"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(own: str, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        backbone_entry(name.format(own=own), allow_plugins=True).build(2)


def test_options_that_it_does_not_take_are_refused(own: str) -> None:
    with pytest.raises(InputError, match=r"TypeError: .*'widht', but it is called with \(2, widht=3\)"):
        backbone_entry(f"{own}:build", allow_plugins=True).build(2, {"widht": 3})


@pytest.mark.parametrize("name", ["own:", ":build", "own:build()", "own build", "../own:build", "own:a.b"])
def test_names_that_are_no_path_to_an_attribute_are_refused(name: str) -> None:
    with pytest.raises((InputError, ValidationError), match=r"backbone"):
        BackboneOptions(name=name)

"""What a person may write under `data:`. Read by every command, so it imports neither numpy nor torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator


class AugmentOptions(BaseModel):
    """One domain's augmentation, normalisation and weight; None means the dataset's default.

    `flip`: mirror half of the training images left to right. `crop`: zeros put on each side, in pixels, before the
    image's own size is cut out at random. `mean`, `std`: normalisation of all channels, for pixels in 0..1; by default
    measured on the training images, per channel.

    `weight`: what the domain's loss is multiplied with in the sum that training minimises. It is not the objective's
    weight: that one (`objective.weights`) says what is compared, after training. Adam and AdamW divide a gradient by
    its size, so there a weight acts on what domains share, and hardly on what a domain owns alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: Annotated[bool, Field(strict=True)] | None = None
    crop: Annotated[int, Field(strict=True, ge=0)] | None = None
    mean: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    std: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    weight: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 1.0

    @model_serializer(mode="wrap")
    def _told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Logs from before there were weights hold none, and must still equal a config that sets none.
        told: dict[str, Any] = handler(self)
        return told if self.weight != 1 else {key: value for key, value in told.items() if key != "weight"}


class FittedOptions(AugmentOptions):
    """The same for images of any size and mode, which are first made square.

    `resize`: `squash` stretches both sides, `crop` keeps the middle, `pad` keeps all and fills up with `background`.
    `background` also shows through transparent pixels.
    """

    resize: Literal["squash", "crop", "pad"] = "squash"
    background: Literal["white", "black", "grey"] = "white"


class SplitOptions(BaseModel):
    """Shares of each class that become `val` and `test` where the data have no such split; `seed` says which images."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    val: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _train_keeps_something(self) -> "SplitOptions":
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing to train on; lower them")
        return self


class DataOptions(BaseModel):
    """What all datasets share; each has a model of its own, told apart by `name`.

    `root`: where the files are. `domains`: in this order, None = all the dataset has. `image_size`: pixels of a side,
    the same for all domains.

    `cache`: `device` decodes all images once and keeps them on the device that trains, `stream` decodes them for every
    batch in `loader_workers` processes (0: in the training process itself), `auto` streams what would take more than
    `cache_bytes` bytes (None: 4 GB on a CPU, 40 % of a GPU's free memory). Results are the same bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "pentathlon"
    root: Path | None = None
    domains: Annotated[list[str], Field(min_length=1)] | None = None
    image_size: Annotated[int, Field(strict=True, ge=8, le=512)] = 28
    per_domain: Mapping[str, AugmentOptions] = Field(default_factory=dict)
    # Left out of dumps, and so of what a run compares on resume: they change no result, and the machine may change.
    cache: Literal["auto", "device", "stream"] = Field("auto", exclude=True)
    cache_bytes: int | None = Field(None, strict=True, ge=0, exclude=True)
    loader_workers: int = Field(2, strict=True, ge=0, le=64, exclude=True)

    @model_validator(mode="after")
    def _each_domain_once(self) -> "DataOptions":
        names = self.domains or []
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"domains lists {twice[0]!r} twice; name each domain once")
        return self

    @model_validator(mode="after")
    def _crops_keep_some_image(self) -> "DataOptions":
        for name, augment in self.per_domain.items():
            if augment.crop is not None and augment.crop >= self.image_size:
                law = f"an image of {self.image_size} pixels could be cut out of the padding alone"
                raise ValueError(f"per_domain.{name}.crop is {augment.crop}, but {law}; lower the crop")
        return self


class PentathlonOptions(DataOptions):
    """`root`: a folder of full files, None = the images that are shipped."""

    name: Literal["pentathlon"] = "pentathlon"


class FolderOptions(DataOptions):
    """`root/DOMAIN/SPLIT/CLASS/*` or `root/DOMAIN/CLASS/*`; `domains` None = every folder in `root`, by name.

    `on_error`: `error` refuses a domain with an image that cannot be used, `skip` leaves such images out and counts
    them. `max_pixels`: an image with more is refused before it is decoded (a small file can hold a huge image).
    """

    name: Literal["folder"]
    root: Path
    per_domain: Mapping[str, FittedOptions] = Field(default_factory=dict)
    split: SplitOptions = SplitOptions()
    on_error: Literal["error", "skip"] = "error"
    # Pillow itself refuses twice its own limit of 89 million, whatever we allow.
    max_pixels: Annotated[int, Field(strict=True, ge=1024, le=178_000_000)] = 50_000_000


class TorchvisionOptions(DataOptions):
    """torchvision's datasets by name: `domains: [CIFAR100, SVHN]`, kept below `root` as torchvision keeps them.

    For one alone `name: "torchvision:CIFAR100"` is short for `name: torchvision` and `domains: [CIFAR100]`.
    `download`: fetch what is missing; nothing is ever fetched without it.
    """

    name: Literal["torchvision"]
    root: Path
    domains: Annotated[list[str], Field(min_length=1)]
    per_domain: Mapping[str, FittedOptions] = Field(default_factory=dict)
    split: SplitOptions = SplitOptions()
    download: Annotated[bool, Field(strict=True)] = False

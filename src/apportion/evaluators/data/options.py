"""What a person may write under `data:`. Read by every command, so it imports neither numpy nor torch."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class AugmentOptions(BaseModel):
    """One domain's augmentation and normalisation; None means the dataset's default.

    `flip`: mirror half of the training images left to right. `crop`: zeros put on each side, in pixels, before the
    image's own size is cut out at random. `mean`, `std`: normalisation of all channels, for pixels in 0..1; by default
    measured on the training images, per channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: Annotated[bool, Field(strict=True)] | None = None
    crop: Annotated[int, Field(strict=True, ge=0)] | None = None
    mean: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    std: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None


class DataOptions(BaseModel):
    """Which domains to train on. `root`: a folder of full files, None = the images that are shipped.

    `domains`: in this order, None = all the dataset has. `image_size`: pixels of a side, the same for all domains.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "pentathlon"
    root: Path | None = None
    domains: Annotated[list[str], Field(min_length=1)] | None = None
    image_size: Annotated[int, Field(strict=True, ge=8, le=512)] = 28
    per_domain: dict[str, AugmentOptions] = Field(default_factory=dict)

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

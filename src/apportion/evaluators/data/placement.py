"""Whether a study's images are kept on the device or streamed from their files. Loads no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from apportion.errors import InputError
from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.findings import counted
from apportion.evaluators.data.options import DataOptions

Way = Literal["device", "stream"]
CPU_LIMIT = 4_000_000_000
GPU_SHARE = 0.4


@dataclass(frozen=True)
class Placement:
    """`bytes`: the images decoded, padding included: counted where they are kept, all in colour where streamed.

    `limit`: what may be kept, None where the options say the way.
    """

    way: Way
    device: str
    bytes: int
    limit: int | None = None
    workers: int = 0

    @property
    def line(self) -> str:
        """The choice and its reason in a few words."""
        decoded = f"{shown_bytes(self.bytes)} decoded"
        if self.way == "device":
            return f"{decoded}, kept on {self.device}"
        how = f"streamed with {counted(self.workers, 'worker')}"
        if self.limit is None:
            return f"{decoded}, {how}, as data.cache says"
        return f"{decoded}, more than {shown_bytes(self.limit)}: {how}"


def shown_bytes(count: int) -> str:
    """Decimal units, two or three figures."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:,.0f} {unit}"
    return f"{count} bytes"


def decoded_bytes(options: DataOptions, pictures: Mapping[str, int], augmentations: Mapping[str, Augmentation]) -> int:
    """Bytes that so many pictures of each domain take at most: all in colour, all padded for the widest crop.

    What is grey is known only after the last picture, and reading a folder whole takes three channels anyway.
    """
    side = options.image_size + 2 * max(augmentations[name].crop for name in pictures)
    return 3 * side**2 * sum(pictures.values())


def refuse_to_stream(options: DataOptions, names: Sequence[str]) -> None:
    """InputError for a dataset that has no files to decode."""
    law = f"{options.name} ({counted(len(names), 'domain')}) comes as arrays, which are read whole"
    raise InputError("data.cache", "'stream'", law, "say device or auto")

"""The pocket: a small dataset inside the package. Per domain `NAME.json` and a sheet `NAME.SPLIT.png` per split.

The JSON holds `classes` (names), `size` (pixels of a side), `labels` (a list per split, in the order of the sheet) and
`sha256` (that of the `DomainData`; checked on reading, since a flipped bit in a sheet can otherwise load silently).
"""

import json
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np

from apportion.errors import InputError
from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.sheets import from_png, to_png

REMEDY = "install apportion again, or name a folder of full files with data.root"


def read(folder: Traversable, name: str) -> DomainData:
    """The domain `name` of the pocket in `folder`, as stored. InputError where a file is missing or damaged."""
    place = f"{name}.json"
    try:
        index = json.loads((folder / place).read_bytes())
        splits = {}
        for split in SPLITS:
            place = f"{name}.{split}.png"
            labels = np.array(index["labels"][split], np.int64)
            splits[split] = Images(from_png((folder / place).read_bytes(), len(labels), index["size"]), labels)
        place = f"{name}.json"
        classes, expected = tuple(index["classes"]), index["sha256"]
        domain = DomainData(name, classes, splits["train"], splits["val"], splits["test"])
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
    ) as error:  # Pillow reports a broken PNG as SyntaxError
        what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise InputError(f"pocket, {place}", what, "the shipped images must be whole", REMEDY) from error
    if domain.sha256 != expected:
        law = f"it was packed as {str(expected)[:12]}"
        raise InputError(f"pocket, domain {name}", f"content {domain.sha256[:12]}", law, REMEDY)
    return domain


def files(domain: DomainData) -> dict[str, bytes]:
    """`domain` as the pocket's files, by file name: what `read` turns back into it."""
    index: dict[str, Any] = {
        "classes": domain.classes,
        "size": domain.train.images.shape[1],
        "sha256": domain.sha256,
        "labels": {split: domain.split(split).labels.tolist() for split in SPLITS},
    }
    sheets = {f"{domain.name}.{split}.png": to_png(domain.split(split).images) for split in SPLITS}
    return {f"{domain.name}.json": (json.dumps(index, separators=(",", ":")) + "\n").encode(), **sheets}

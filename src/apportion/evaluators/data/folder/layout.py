"""Which images a folder of domains holds, by their names alone: no image is opened here."""

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apportion.errors import InputError
from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.findings import Level, Problem, counted, shown
from apportion.evaluators.data.options import FolderOptions

IMAGE_NAME = re.compile(r".*\.(a?png|jpe?g|jpe|jfif|gif|bmp|dib|tiff?|webp|avif|jp2|p[gpbn]m)", re.I | re.S)
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
OUTSIDE = "image outside a class"
# What file managers leave behind; names that begin with a dot are passed over as well.
_LEFT_BEHIND = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found"})


@dataclass(frozen=True)
class Entry:
    """A file that may be an image. `split` is "" where the folders do not say it."""

    path: Path
    split: str
    label: str


@dataclass(frozen=True)
class Listing:
    """A domain's files by split, class and name. `empty`: classes without any file, by split ("" where unsaid)."""

    domain: str
    folder: Path
    splits: tuple[str, ...]
    entries: tuple[Entry, ...]
    empty: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]


def domains(options: FolderOptions) -> Mapping[str, Augmentation]:
    """Every domain in `options.root`, by name, with the default augmentation. InputError where there is none."""
    root = options.root.expanduser()
    names = [name for name, is_folder in _listed(root, "data.root") if is_folder]
    if names and all(name.lower() in SPLIT_NAMES for name in names):
        law = "its folders are domains, and in these are the splits"
        raise InputError("data.root", f"{shown(root)} holds {', '.join(names)}", law, "name the folder above it")
    wrong = [name for name in names if not name.isprintable()]
    if wrong and options.domains is None:
        law = "a domain's name is made of printable characters"
        raise InputError("data.root", f"a folder named '{shown(wrong[0])}'", law, "rename it, or list data.domains")
    if not names:
        law = "it holds a folder for each domain, and in these a folder for each class"
        raise InputError("data.root", f"{shown(root)} has no folders in it", law, "correct the path")
    return {name: Augmentation() for name in names if name not in wrong}


def listed(root: Path, domain: str) -> Listing:
    """The files of one domain, and what is odd about the folders."""
    folder = root.expanduser() / domain
    found = _Found(domain, folder)
    names = [name for name, is_folder in found.inside(folder) if is_folder]
    split_folders = {name: SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES}
    if "train" in split_folders.values():
        for name in names:
            if name in split_folders:
                found.classes(folder / name, split_folders[name])
            else:
                law = "folders beside train, val and test are not read"
                found.say("warning", "stray folder", folder / name, "a folder beside train", law, "move it")
    elif split_folders and len(split_folders) == len(names):
        law = "a domain that is divided into splits has a train folder"
        value, remedy = f"only {', '.join(names)}", "add it, or drop the split folders"
        found.say("error", "no train folder", folder, value, law, remedy)
    else:
        found.classes(folder, "")
    found.say_others()
    entries = sorted(found.entries, key=lambda entry: (entry.split, entry.label, str(entry.path)))
    splits = tuple(dict.fromkeys(split_folders.values())) if "train" in split_folders.values() else ()
    return Listing(domain, folder, splits, tuple(entries), tuple(found.empty), tuple(found.problems))


class _Found:
    """What comes together while a domain's folders are walked."""

    def __init__(self, domain: str, folder: Path) -> None:
        self.domain, self.folder = domain, folder
        self.entries: list[Entry] = []
        self.empty: list[tuple[str, str]] = []
        self.problems: list[Problem] = []
        self.others: Counter[str] = Counter()
        self.other = Path()

    def say(self, level: Level, kind: str, place: Path, value: str, law: str, remedy: str = "") -> None:
        self.problems.append(Problem(level, self.domain, kind, shown(place), value, law, remedy))

    def inside(self, folder: Path) -> Iterator[tuple[str, bool]]:
        """Names and whether they are folders; a folder that cannot be read is one problem."""
        try:
            yield from _listed(folder, shown(folder))
        except InputError as error:
            self.problems.append(
                Problem("error", self.domain, "unreadable folder", error.place, error.value, error.law, error.remedy)
            )

    def classes(self, folder: Path, split: str) -> None:
        """Take every folder in `folder` as a class."""
        outside: list[str] = []
        for name, is_folder in self.inside(folder):
            if is_folder:
                # A copy from another system may spell the same letters differently: one class all the same.
                self.images(folder / name, split, unicodedata.normalize("NFC", shown(name)))
            elif IMAGE_NAME.fullmatch(name):
                outside.append(name)
            else:
                self._count(folder / name)
        if outside:
            value = f"{counted(len(outside), 'image')} in no class folder, the first {shown(outside[0])}"
            law = "images lie in the folder of their class; others are not read"
            self.say("warning", OUTSIDE, folder, value, law, "move them")

    def images(self, folder: Path, split: str, label: str) -> None:
        before, nested, said = len(self.entries), 0, len(self.problems)
        for name, is_folder in self.inside(folder):
            if is_folder:
                nested += 1
            elif IMAGE_NAME.fullmatch(name):
                self.entries.append(Entry(folder / name, split, label))
            else:
                self._count(folder / name)
        unreadable = len(self.problems) > said
        if nested:
            law = "images lie directly in the folder of their class; deeper folders are not read"
            self.say(
                "warning", "nested folder", folder, f"{counted(nested, 'folder')} in it", law, "move the images up"
            )
        if len(self.entries) == before and not unreadable:
            self.empty.append((split, label))

    def _count(self, path: Path) -> None:
        self.others[path.suffix.lower() or "no suffix"] += 1
        self.other = path

    def say_others(self) -> None:
        """One note for all files that are no images by their suffix."""
        if self.others:
            most = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
            kinds = ", ".join(f"{count} with {shown(suffix)}" for suffix, count in most[:4])
            value = f"{counted(self.others.total(), 'file')} ({kinds}), the last {shown(self.other.name)}"
            self.say("note", "other file", self.folder, value, "their suffixes are not of images; they are not read")


def _listed(folder: Path, place: str) -> list[tuple[str, bool]]:
    """Names in a folder and whether each is a folder (links followed), sorted, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            seen = [(entry.name, entry.is_dir()) for entry in entries]
    except FileNotFoundError:
        raise InputError(place, f"{shown(folder)} is missing", "a folder is needed", "correct the path") from None
    except NotADirectoryError:
        raise InputError(place, f"{shown(folder)} is no folder", "a folder is needed", "correct the path") from None
    except OSError as error:
        law = "its files must be readable"
        value = str(error.strerror) if place == shown(folder) else f"{shown(folder)}: {error.strerror}"
        raise InputError(place, value, law, "see its owner and mode") from None
    return sorted((n, is_folder) for n, is_folder in seen if n[:1] != "." and n.lower() not in _LEFT_BEHIND)


def hidden(folder: Path) -> list[str]:
    """Names of the folders in `folder` that are passed over because they begin with a dot."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name[:1] == "." and entry.is_dir())


def is_regular(path: Path) -> bool:
    """True for a file with bytes in it to read, or a link to one: not a pipe, a device or a folder."""
    return stat.S_ISREG(path.stat().st_mode)

"""Which classes and splits a domain's usable images make up, and whether they can be learned from."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from apportion.evaluators.data.domain import SPLITS
from apportion.evaluators.data.findings import Level, Problem, counted, shown
from apportion.evaluators.data.folder.layout import Entry, Listing
from apportion.evaluators.data.options import SplitOptions
from apportion.evaluators.data.splitting import split_off

UNEVEN = 100


@dataclass(frozen=True)
class Settled:
    """`names`: classes by label, () where the domain does not hold together. `splits`: of each entry, in order."""

    names: tuple[str, ...]
    splits: tuple[str, ...]
    problems: tuple[Problem, ...]


def settled(listing: Listing, entries: Sequence[Entry], options: SplitOptions) -> Settled:
    """Splits that the folders leave open are split off `train`, class by class."""
    settling = _Settling(listing, entries)
    splits = settling.splits(options)
    names = settling.names(splits) if splits is not None else ()
    return Settled(names, tuple(splits or ()), tuple(settling.problems))


class _Settling:
    def __init__(self, listing: Listing, entries: Sequence[Entry]) -> None:
        self.listing, self.entries = listing, entries
        self.problems: list[Problem] = []
        self.small: set[str] = set()

    def _say(self, level: Level, kind: str, where: str, value: str, law: str, remedy: str = "") -> None:
        place = shown(self.listing.folder) + (f", {where}" if where else "")
        self.problems.append(Problem(level, self.listing.domain, kind, place, value, law, remedy))

    def splits(self, options: SplitOptions) -> list[str] | None:
        """The split of every entry; None where it cannot be settled."""
        if not self.entries:
            if not any(problem.level == "error" for problem in self.listing.problems):
                law = "a domain has a folder of images for each class, or train, val and test with these in it"
                self._say("error", "empty domain", "", "no images", law, "add images or remove the folder")
            return None
        open_splits = {split: getattr(options, split) for split in ("val", "test") if split not in self.listing.splits}
        if self.listing.splits and open_splits:
            shares = " and ".join(f"{share:.0%} for {split}" for split, share in open_splits.items())
            what = " and ".join(open_splits)
            self._say("note", "split off", "", f"no {what} folder", f"it has train; {shares} are split off it")
        found = [entry.split or "train" for entry in self.entries]
        by_class: dict[str, list[int]] = defaultdict(list)
        for index, split in enumerate(found):
            if split == "train":
                by_class[self.entries[index].label].append(index)
        if not open_splits:
            return found
        for label, indices in by_class.items():
            keys = {shown(self.entries[i].path.relative_to(self.listing.folder)): i for i in indices}
            try:
                for key, split in split_off(list(keys), open_splits, options.seed, label).items():
                    found[keys[key]] = split
            except ValueError:
                each = " and ".join(["train", *open_splits])
                value, law = counted(len(indices), "usable image"), f"{each} need one each"
                self._say("error", "small class", f"class {label!r}", value, law, "add images or remove the class")
                self.small.add(label)
        return found

    def names(self, splits: Sequence[str]) -> tuple[str, ...]:
        """All classes; () where there are fewer than two, or one is missing from `train`."""
        counts = {split: Counter[str]() for split in SPLITS}
        for entry, split in zip(self.entries, splits, strict=True):
            counts[split][entry.label] += 1
        names = tuple(sorted({entry.label for entry in self.entries}))
        self._say_empty(names)
        if len(names) < 2:
            law, remedy = "a classifier needs at least two", "add a class or remove the domain"
            files = len({entry.label for entry in self.listing.entries})
            what = f"one class of {files} has usable images" if files > 1 else "one class"
            self._say("error", "one class", "", f"{what} ({names[0]!r})", law, remedy)
        for label in names:
            missing = [split for split in SPLITS if not counts[split][label]]
            if "train" in missing:
                present = " and ".join(split for split in SPLITS if counts[split][label])
                law, remedy = "none in train: it cannot be learned", "add training images or remove the class"
                self._say("error", "class not in train", f"class {label!r}", f"usable images in {present}", law, remedy)
            elif missing and label not in self.small and all(counts[split] for split in missing):
                value, law = f"no images in {' and '.join(missing)}", "scores do not cover what is not there"
                self._say("warning", "class not scored", f"class {label!r}", value, law)
        for split in SPLITS:
            if not counts[split] and counts["train"]:
                law = "every split has images"
                self._say("error", "empty split", split, "no usable images", law, "add some, or remove its folder")
        self._say_uneven(counts["train"])
        broken = any(problem.level == "error" and problem.kind != "small class" for problem in self.problems)
        return () if broken else names

    def _say_empty(self, names: Sequence[str]) -> None:
        empty = [f"{split}/{label}" if split else label for split, label in self.listing.empty]
        unusable = sorted({entry.label for entry in self.listing.entries} - set(names))
        for value, labels in (("no images in", empty), ("no usable image in", unusable)):
            listed = ", ".join(labels[:6]) + (f" and {len(labels) - 6} more" if len(labels) > 6 else "")
            if labels:
                law = "a class has images; a class that has none anywhere is left out"
                self._say("warning", "empty class", "", f"{value} {listed}", law)

    def _say_uneven(self, train: Counter[str]) -> None:
        if not train:
            return
        (most, high), (least, low) = train.most_common(1)[0], train.most_common()[-1]
        if high >= UNEVEN * low:
            value = f"{counted(high, 'training image')} of {most!r} and {low:,} of {least!r}"
            self._say("warning", "uneven classes", "", value, "accuracy then says little of the small class")

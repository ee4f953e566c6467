"""Images that occur more than once, as the network would see them: equal pixels at the study's size."""

from collections import defaultdict
from collections.abc import Sequence

from apportion.evaluators.data.findings import Problem, counted, shown
from apportion.evaluators.data.folder.layout import Entry


def duplicates(domain: str, entries: Sequence[Entry], splits: Sequence[str], digests: Sequence[bytes]) -> list[Problem]:
    """A warning for images in several splits, one for images in several classes, a note for the rest."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        groups[digest].append(index)
    repeated = [group for group in groups.values() if len(group) > 1]
    labels = [entry.label for entry in entries]
    across = [group for group in repeated if len({splits[i] for i in group}) > 1]
    classes = [group for group in repeated if len({labels[i] for i in group}) > 1]
    within = sum(len(group) - len({splits[i] for i in group}) for group in repeated)

    def said(groups: Sequence[Sequence[int]], kept_apart: Sequence[str]) -> str:
        one = groups[0][0]
        other = next(i for i in groups[0] if kept_apart[i] != kept_apart[one])
        pair = " and ".join(f"{shown(entries[i].path)} ({splits[i]})" for i in (one, other))
        return f"{counted(len(groups), 'image')}, such as {pair}"

    problems = []
    if across:
        law, remedy = "val and test then score what was trained on", "keep one of each"
        value = f"equal pixels in several splits: {said(across, splits)}"
        problems.append(Problem("warning", domain, "in several splits", domain, value, law, remedy))
    if classes:
        law, remedy = "an image has one class", "keep it where it belongs"
        value = f"equal pixels in several classes: {said(classes, labels)}"
        problems.append(Problem("warning", domain, "in several classes", domain, value, law, remedy))
    if within:
        value = counted(within, "repeated image")
        law = "each is trained on or scored as often as it is there"
        problems.append(Problem("note", domain, "twice in a split", domain, value, law))
    return problems

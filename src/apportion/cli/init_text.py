"""The config that `apportion init` writes, with what was found and what may be changed as comments."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from apportion.cli.init_recipe import BUDGETS, HAND_MADE, Recipe
from apportion.evaluators.data.findings import shown
from apportion.evaluators.data.folder.survey import Seen

_MOST_CLASSES = 8
SPLIT_ORDER = ("train", "val", "test")


def config_text(root: Path, seen: Sequence[Seen], recipe: Recipe) -> str:
    """YAML that `apportion search` takes as it is."""
    usable = [domain for domain in seen if not domain.flaw]
    lines = [
        f"# Written by apportion init for {shown(root)}.",
        "# `apportion check` reads all images, `apportion plan` says what it costs, `apportion search` runs it.",
        *_data(root, seen, usable, recipe),
        *_backbone(recipe),
        *_budgets(usable, recipe),
        *_training(recipe),
        *_search(recipe),
    ]
    return "\n".join(lines) + "\n"


def _data(root: Path, seen: Sequence[Seen], usable: Sequence[Seen], recipe: Recipe) -> Iterator[str]:
    yield "data:"
    yield "  name: folder"
    yield f"  root: {_quoted(str(root))}"
    sides = ", ".join(f"{domain.side}" for domain in usable[:12]) + (", ..." if len(usable) > 12 else "")
    yield f"  image_size: {recipe.image_size:<24} # pixels of a side; the images' shorter sides: {sides}"
    if recipe.image_size < recipe.natural:
        yield f"  # {recipe.natural} would suit them better, but takes over half an hour here: raise it on a GPU."
    yield "  domains:"
    for domain in seen:
        if domain.flaw:
            yield f"    # {shown(domain.name)} is left out: {domain.flaw}"
        else:
            yield f"    - {_quoted(domain.name)}"
            yield f"      # {_classes(domain)}"
    yield "  split: {val: 0.15, test: 0.15, seed: 0}  # of each class, where a domain has no val or test folder"
    yield "  on_error: error                      # skip: leave unusable images out, and count them"
    yield "  # resize: squash | crop | pad; flip: true where a mirrored image is of the same class; crop: pixels of"
    yield "  # random shift; mean, std: in 0..1, measured where left out; background: white | black | grey; weight: of"
    yield "  # the domain's loss in the sum that training minimises (1; what is compared is `objective` below)."
    yield "  per_domain:"
    for domain in usable:
        yield f"    {_quoted(domain.name)}: {{resize: {'pad' if domain.oblong else 'squash'}, flip: false, crop: 3}}"


def _classes(domain: Seen) -> str:
    most = sorted(domain.classes.items(), key=lambda item: -item[1])
    named = ", ".join(f"{shown(name)} {count:,}" for name, count in most[:_MOST_CLASSES])
    if len(most) > _MOST_CLASSES:
        named += f", ... {shown(most[-1][0])} {most[-1][1]:,}"
    splits = ", ".join(split for split in SPLIT_ORDER if split in domain.splits) or "not split yet"
    return f"{len(most):,} classes, {domain.images:,} images ({splits}): {named}"


def _backbone(recipe: Recipe) -> Iterator[str]:
    if recipe.backbone == "resnet8":
        yield "# Narrower (width: 8) makes the domains contend for capacity: that is where a searched pattern can win."
        yield "backbone: {name: resnet8, options: {width: 16, stem_stride: 2}}"
    else:
        yield "# resnet18 has five times the weights. weights: DEFAULT starts from ImageNet (torchvision downloads it)."
        yield f"backbone: {{name: {recipe.backbone}}}"
    yield "space: {granularity: per_site}         # one variable a layer; per_stage: fewer, per_site_and_domain: more"


def _budgets(usable: Sequence[Seen], recipe: Recipe) -> Iterator[str]:
    yield "budgets:                               # stored weights: share 0 is one backbone, 1 is one per domain"
    for share in BUDGETS:
        backbones = 1 + (len(usable) - 1) * share
        line = f"- {{measure: live, share: {share}}}"
        mark = "  " if share in recipe.budgets else "  # "
        yield f"{mark + line:<38} # {backbones:.2f} backbones for {len(usable)} domains"


def _training(recipe: Recipe) -> Iterator[str]:
    yield "evaluator:"
    yield "  name: train"
    yield f"  epochs: {recipe.epochs:<28} # an epoch is one pass over the largest domain; the others cycle"
    yield f"  batch: {recipe.batch:<29} # of each domain"
    yield "  optimizer: {name: adamw, lr: 2.0e-3}"
    warm_up = f"warm_up: {{shared_epochs: {recipe.epochs}}}"
    yield f"  {warm_up:<36} # the shared network, once per seed: every pattern starts from it"
    yield "# What is minimised: mean of cross-entropy / ln(classes), or with weights of your own:"
    yield "# objective: {aggregate: weights, weights: {DOMAIN: 2.0, OTHER: 1.0}}"


def _search(recipe: Recipe) -> Iterator[str]:
    yield "search:"
    yield "  controllers:"
    yield "    - shared                           # the two ends of the front"
    yield "    - independent"
    first, *others = HAND_MADE
    yield f"    - {first:<32} # hand-made; `apportion list controllers` says how"
    yield from (f"    - {name}" for name in others)
    searched = f"- {{name: tpe, trials: {recipe.trials}}}"
    yield f"    {searched:<34} # the search, at each budget"
    yield f"retrain: {{seeds: {recipe.seeds}}}                    # 6 or more are needed to call a difference real"
    yield f"workers: {recipe.workers:<29} # trials at once; the whole takes {recipe.words} here, by estimate"


def _quoted(text: str) -> str:
    """As a double-quoted YAML scalar."""
    return json.dumps(text, ensure_ascii=False)

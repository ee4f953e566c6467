"""`apportion init`: look at a folder of images and write the config of a first study."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from apportion.cli.init_recipe import Recipe, recipe_for
from apportion.cli.init_text import config_text
from apportion.errors import InputError
from apportion.evaluators.data.findings import counted, shown
from apportion.evaluators.data.folder.layout import hidden
from apportion.evaluators.data.folder.survey import Seen, survey


def init(folder: Path, out: Path | None, force: bool) -> None:
    """Write `out` (by default the folder's name with .yaml, here) and say what to do next."""
    root = folder.expanduser().resolve()
    path = out or Path(f"{''.join(c if c.isalnum() or c in '._-' else '-' for c in root.name) or 'study'}.yaml")
    if path.exists() and not force:
        raise InputError(str(path), "is there already", "a config is not overwritten", "use --force, or another --out")
    seen = _surveyed(root)
    usable = [domain for domain in seen if not domain.flaw]
    if len(usable) < 2:
        raise _too_few(root, seen, len(usable))
    recipe = recipe_for(usable)
    path.write_text(config_text(root, seen, recipe), encoding="utf-8")
    _print(seen, path, recipe)


def _surveyed(root: Path) -> list[Seen]:
    try:
        return survey(root)
    except InputError as error:  # `data.root` is the config's name of what was given here as DIR
        place = "DIR" if error.place == "data.root" else error.place
        raise InputError(place, error.value, error.law, error.remedy) from None


def _too_few(root: Path, seen: list[Seen], usable: int) -> InputError:
    flaws = [f"{domain.name}: {domain.flaw}" for domain in seen if domain.flaw]
    flaws += [f"{shown(name)}: hidden by its dot" for name in hidden(root)]
    value = counted(usable, "usable domain") + (f" ({'; '.join(flaws)})" if flaws else "")
    law = "sharing needs two, each a folder with a folder of images for each class"
    remedy = "see `apportion init --help` for the layout"
    if not any(domain.classes for domain in seen):
        remedy = f"if {shown(root.name)} is one domain, give the folder above it"
    return InputError(shown(root), value, law, remedy)


def _print(seen: list[Seen], path: Path, recipe: Recipe) -> None:
    console = Console()
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in ("domain", "classes", "images", "pixels", ""):
        table.add_column(heading, justify="left" if heading in ("domain", "") else "right")
    for domain in seen:
        side = f"{domain.side:,}" if domain.side else "-"
        remark = f"left out: {domain.flaw}" if domain.flaw else ""
        table.add_row(Text(domain.name), f"{len(domain.classes):,}", f"{domain.images:,}", side, Text(remark))
    console.print(table)
    print(f"\n{path}: {recipe.backbone} at {recipe.image_size} pixels, {recipe.epochs} epochs")
    print(f"the search takes {recipe.words} here, by estimate; next:")
    print(f"  apportion check {_quoted(path)}\n  apportion search {_quoted(path)}")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))

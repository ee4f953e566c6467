"""`apportion init`: look at a folder of images and write the config of a first study."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from apportion.cli.init_recipe import Recipe, recipe_for
from apportion.cli.init_text import config_text
from apportion.errors import InputError
from apportion.evaluators.data.findings import counted, shown
from apportion.evaluators.data.folder.survey import Seen, survey


def init(folder: Path, out: Path | None, force: bool) -> None:
    """Write `out` (by default the folder's name with .yaml, here) and say what to do next."""
    root = folder.expanduser().resolve()
    path = out or Path(f"{''.join(c if c.isalnum() or c in '._-' else '-' for c in root.name) or 'study'}.yaml")
    if path.exists() and not force:
        raise InputError(str(path), "is there already", "a config is not overwritten", "use --force, or another --out")
    seen = survey(root)
    usable = [domain for domain in seen if not domain.flaw]
    if len(usable) < 2:
        flaws = "; ".join(f"{domain.name}: {domain.flaw}" for domain in seen if domain.flaw)
        value = counted(len(usable), "usable domain") + (f" ({flaws})" if flaws else "")
        law = "sharing needs two, each a folder with a folder of images for each class"
        raise InputError(shown(root), value, law, "see `apportion init --help` for the layout")
    recipe = recipe_for(usable)
    path.write_text(config_text(root, seen, recipe), encoding="utf-8")
    _print(seen, path, recipe)


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
    print(f"\n{path}: {recipe.backbone} at {recipe.image_size} pixels, {recipe.epochs} epochs, {recipe.words}")
    print(f"next:\n  apportion check {_quoted(path)}\n  apportion search {_quoted(path)}")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))

"""The program: options are parsed here, the work is in one file per command. Loads nothing heavy."""

import os
from pathlib import Path
from typing import Annotated

import typer

from apportion.cli.exits import exit_codes

app = typer.Typer(
    name="apportion",
    help="Search which filters of a shared backbone every image domain should own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich would take a third of the half second that --help may take
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of the study.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.SUB=VALUE]...", help="Values that replace the file's.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N; beats the file's.", show_default=False)]
Patterns = Annotated[
    list[Path] | None,
    typer.Option(help="JSON of a pattern of your own, put beside the config's schemes; may be repeated."),
]
Plugins = Annotated[bool, typer.Option("--allow-plugins", help="Import a backbone named package.module:attribute.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder of your images: DIR/DOMAIN/CLASS/* or DIR/DOMAIN/train|val|test/CLASS/*.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default the folder's name with .yaml, here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a commented config for a folder of your own images."""
    with exit_codes():
        from apportion.cli.init import init as write

        write(folder, out, force)


@app.command()
def check(config: ConfigPath, overrides: Overrides = None, json: Json = False) -> None:
    """Read all images of a study; list every problem with its file. Ends with 2 where there are errors."""
    with exit_codes():
        from apportion.cli.check import check as run

        run(config, overrides or [], json)


@app.command()
def search(
    config: ConfigPath,
    overrides: Overrides = None,
    device: Device = None,
    pattern: Patterns = None,
    allow_plugins: Plugins = False,
    quiet: Quiet = False,
    json: Json = False,
    amend: Annotated[bool, typer.Option("--amend", help="Allow more trials or seeds than the run began with.")] = False,
) -> None:
    """Run a study, or go on with it; write its report."""
    # Before numpy is loaded: a controller's small systems gain nothing by threads, which spin beside busy workers.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with exit_codes():
        from apportion.cli.config import config_from
        from apportion.cli.search import search as run

        run(config_from(config, overrides or [], device, pattern or []), quiet, json, amend, allow_plugins)


@app.command()
def plan(
    config: ConfigPath,
    overrides: Overrides = None,
    device: Device = None,
    pattern: Patterns = None,
    allow_plugins: Plugins = False,
    json: Json = False,
) -> None:
    """Say what a study would cost, before anything is paid."""
    with exit_codes():
        from apportion.cli.config import config_from
        from apportion.cli.plan import plan as run

        run(config_from(config, overrides or [], device, pattern or []), json, allow_plugins)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Where to write; the run's folder by default.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write the report of a run again, finished or not."""
    with exit_codes():
        from apportion.cli.report import report as write

        write(run, out, quiet, json)


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs that differ in search.seed.", show_default=False),
    ],
    against: Annotated[
        str | None, typer.Option(help="The controller to compare with; by default the best scheme made by hand.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the page; `comparison` beside the first run by default.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Put runs side by side: who finds better patterns, and when.

    After how many trials and seconds, and how sure that is.
    """
    with exit_codes():
        from apportion.cli.compare import compare as run

        run(runs, against, out, quiet, json)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(help="What to list; everything by default.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    json: Json = False,
) -> None:
    """List what is there: controllers, backbones, ..., runs."""
    with exit_codes():
        from apportion.cli.listing import listing

        listing(kind, runs, json)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        import apportion

        print(apportion.__version__)
        raise typer.Exit


def main() -> None:
    """Exit codes: 0 done, 1 a bug, 2 bad input (one line says what), 130 Ctrl-C, 143 SIGTERM."""
    app()


if __name__ == "__main__":
    main()

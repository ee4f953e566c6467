"""The program: options are parsed here, the work is in one file per command. Loads nothing heavy."""

import os
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

app = typer.Typer(
    name="apportion",
    help="Search which filters of a shared backbone every image domain should own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of the study.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.SUB=VALUE]...", help="Values that replace the file's.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N; beats the file's.", show_default=False)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def search(
    config: ConfigPath,
    overrides: Overrides = None,
    device: Device = None,
    quiet: Quiet = False,
    json: Json = False,
    amend: Annotated[bool, typer.Option("--amend", help="Allow more trials or seeds than the run began with.")] = False,
) -> None:
    """Run a study, or go on with it; write its report."""
    from apportion.cli.search import search as run

    run(config, overrides or [], device, quiet, json, amend)


@app.command()
def plan(config: ConfigPath, overrides: Overrides = None, device: Device = None, json: Json = False) -> None:
    """Say what a study would cost, before anything is paid."""
    from apportion.cli.plan import plan as run

    run(config, overrides or [], device, json)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Where to write; the run's folder by default.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write a run's report again: report.html, trials.csv, front.png, front.svg."""
    from apportion.cli.report import report as write

    write(run, out, quiet, json)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(help="What to list; everything by default.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    json: Json = False,
) -> None:
    """List controllers, backbones, operators, orders, datasets, evaluators, sections or runs."""
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
    """Exit codes: 0 done, 1 a bug or a broken machine, 2 bad input (one line says what), 130 Ctrl-C, 143 SIGTERM."""
    from apportion.errors import InputError

    try:
        sys.exit(app(standalone_mode=False) or 0)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt) as stopped:
        # click turns the interrupt into an Abort, which remembers what it was.
        terminated = type(stopped.__cause__ or stopped).__name__ == "Terminated"
        print("apportion: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(143 if terminated else 130)
    except InputError as problem:
        print(f"apportion: {problem}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader (head, less) went away: nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()

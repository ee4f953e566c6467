"""`apportion search`: run a study, or go on with it."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from apportion.cli.config import Config, compared
from apportion.cli.stopping import Wish, stopping
from apportion.errors import InputError
from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.registry import own_domains
from apportion.reports import ranked_table, results_of, write_report
from apportion.search.lock import only_writer
from apportion.search.study import LOG_NAME, SCHEMA, Header, Study, study_of
from apportion.search.study_log import Reading, read_log, set_torn_tail_aside
from apportion.spaces import order_tables


def search(config: Config, quiet: bool, as_json: bool, amend: bool, allow_plugins: bool) -> None:
    """Run the study of `config` to its end and show what it found."""
    config.backbone.entry(allow_plugins)  # a plugin without the flag is refused before anything is opened
    with contextlib.ExitStack() as stack:
        reading = Reading((), b"", "")
        if (config.run / LOG_NAME).exists():
            stack.enter_context(only_writer(config.run))
            reading = _existing(config, quiet)
        elif amend:
            law, remedy = "only a run that was begun can be amended", "check `name` and `runs`, or leave out --amend"
            raise InputError(f"run {config.run}", "there is no such run", law, remedy)
        changes: list[tuple[str, Any, Any]] = []
        if reading.records:
            before = study_of(reading.records, config.run / LOG_NAME)
            changes = compared(config.run, before.config, config, amend)
            if before.finished and not changes:
                _show(before, config.run, quiet, as_json, "finished before; nothing was run")
                return
        prepared = prepare(config, reading, allow_plugins)
        if not reading.records:
            stack.enter_context(only_writer(config.run))
        with stopping() as wish:
            study = _run(config, reading, prepared, changes, quiet, wish)
    _show(study, config.run, quiet, as_json, "finished")


def _existing(config: Config, quiet: bool) -> Reading:
    """The run's log; a torn tail is set aside in one line."""
    path = config.run / LOG_NAME
    order_tables.learn_from(config.run)
    reading = read_log(path)
    backup = set_torn_tail_aside(path, reading)
    if backup is not None and not quiet:
        Console(stderr=True).print(
            f"{path}: the last record was torn ({len(reading.torn)} bytes); it was cut off and kept in {backup.name}",
            markup=False,
            soft_wrap=True,
        )
    return Reading(reading.records, b"", reading.check)


def prepare(config: Config, reading: Reading, allow_plugins: bool) -> Any:
    """Build backbone, space, data and evaluator, and the plan; budgets are checked before the images are read."""
    from apportion.cli.machine import commit, device_for, machine, versions
    from apportion.evaluators.registry import open_task, shape_and_space
    from apportion.search.run import Plan

    logged = study_of(reading.records).header if reading.records else None
    device = logged.device if logged is not None else _device(config, device_for)
    threads = logged.threads if logged is not None else config.threads
    task = replace(config.task(device, threads, allow_plugins), form=logged.form if logged is not None else None)
    _, space = shape_and_space(task)
    for budget in config.all_budgets():
        space.check_budget(budget)
    bench = open_task(task)
    if logged is not None:
        _check_data(config.run, logged.domains, bench.domains)
    header = Header(
        SCHEMA,
        config.name,
        config.recorded(),
        versions(),
        commit(),
        bench.domains,
        bench.shape,
        bench.space,
        config.objective.objective(),
        bench.form,
        threads,
        device,
        machine(),
    )
    first = _first_config(logged, config)
    task = replace(task, form=bench.form, images=bench.images.way if bench.images else None)
    return Plan(logged or header, task, config.all_budgets(), first.search, first.retrain, config.workers), bench


def _check_data(run: Path, before: tuple[DomainCard, ...], now: tuple[DomainCard, ...]) -> None:
    """A study goes on only with the images it began with."""
    for old, new in zip(before, now, strict=True):
        if old.sha256 != new.sha256:
            raise InputError(
                f"run {run}, domain {new.name}",
                f"images of hash {new.sha256[:12]}...",
                f"the run began with {old.sha256[:12]}... ({old.train:,} training images; now {new.train:,})",
                "restore the images, or give the new study another `name`",
            )


def _device(config: Config, device_for: Any) -> str:
    return "cpu" if own_domains(config.evaluator) else str(device_for(config.device))


def _first_config(logged: Header | None, config: Config) -> Config:
    """The config a replay starts from: the header's, before any amendment."""
    if logged is None:
        return config
    return Config.model_validate_json(json.dumps({**logged.config, "name": config.name, "runs": str(config.runs)}))


def _run(
    config: Config, reading: Reading, prepared: Any, changes: list[tuple[str, Any, Any]], quiet: bool, wish: Wish
) -> Study:
    from apportion.cli.progress import Shown
    from apportion.search.run import Run

    plan, bench = prepared
    run = Run(config.run, plan, bench, reading)
    if changes:
        run.amend(changes, config.search, config.retrain)
    with (
        Shown(plan.header.objective, run.trials, run.campaign.planned, quiet) as shown,
        contextlib.closing(run.events(wish)) as events,
    ):
        for event in events:
            shown.event(event)
    return run.study()


def _show(study: Study, run: Path, quiet: bool, as_json: bool, how: str) -> None:
    """Write the report; print the ranked table, or its content as JSON."""
    from apportion.cli.summary import summary

    written = write_report(study, run)
    results = results_of(study)
    if as_json:
        print(json.dumps(summary(study, results, written), indent=1))
        return
    if not quiet:
        Console().print(ranked_table(results))
    print(f"{run}: {how}, {len(study.trials)} trials. Report: {written['report.html']}")

"""Make a dated record of a finished study: its config, log, table and front.

    python -m benchmarks.record runs/pentathlon configs/pentathlon.yaml benchmarks/records/<date>_pentathlon

What the numbers mean is written by hand into the record's README.md; nothing in a record is edited afterwards.
"""

import argparse
import shutil
from pathlib import Path

from apportion.reports import Results, results_of
from apportion.reports.comparisons import comparisons, declared, difference, room
from apportion.reports.plots import front_picture
from apportion.reports.schemes import Scheme
from apportion.reports.sections.answer import declared_lead
from apportion.reports.statistics import Interval
from apportion.reports.tables import caption, ranked
from apportion.search.study import LOG_NAME, Study, open_study
from apportion.spaces.order_tables import FOLDER as ORDERS

RIVALS = ("bottom", "best_hand_made")


def shown(interval: Interval, scale: float = 1.0, decimals: int = 4) -> str:
    """`-0.0012 [-0.0031, +0.0007]`."""
    if interval.low is None or interval.high is None:
        return f"{interval.mean * scale:+.{decimals}f}" if interval.n else "-"
    low, high = interval.low * scale, interval.high * scale
    return f"{interval.mean * scale:+.{decimals}f} [{low:+.{decimals}f}, {high:+.{decimals}f}]"


def scheme_line(results: Results, scheme: Scheme) -> str:
    """A row: what it is, what it costs, how good it is, and its paired differences to `bottom` and the best by hand."""
    rivals = [name for name in RIVALS if any(one.controller == name for one in results.measured)]
    against = " | ".join(_against(results, scheme, name) for name in rivals)
    budget = "-" if scheme.budget is None else str(scheme.budget)
    price = scheme.price
    return (
        f"| {budget} | {scheme.controller} | {scheme.kind} | {100 * price.owned:.1f} % | {price.live:.2f} |"
        f" {price.parameters:,.0f} | {scheme.loss.mean:.4f} | {100 * scheme.accuracy.mean:.2f} |"
        f" {scheme.loss.n} | {against} |"
    )


def _against(results: Results, scheme: Scheme, rival: str) -> str:
    other = None if scheme.budget is None else results.of(rival, scheme.budget)
    return "-" if other is None or scheme.controller == rival else shown(difference(scheme, other))


def table(study: Study) -> str:
    """All schemes, and the comparisons that the page leads with."""
    results = results_of(study)
    rivals = [name for name in RIVALS if any(one.controller == name for one in results.measured)]
    primary = declared(results)
    lines = [
        *([declared_lead(results, primary), ""] if primary is not None else []),
        f"{caption(results)} Differences are paired by seed, with 95 % Student-t intervals; below 0 is better.",
        "",
        "| budget | scheme | kind | owned | live | parameters | loss | accuracy % | n |"
        + "".join(f" loss - {name} |" for name in rivals),
        "|---" * (9 + len(rivals)) + "|",
        *(scheme_line(results, scheme) for scheme in ranked(results)),
        "",
        "| budget | searched | hand-made | difference in loss | in accuracy, points | verdict | independent - bottom |",
        "|---|---|---|---|---|---|---|",
    ]
    for found in comparisons(results):
        names = (scheme.controller if scheme else "-" for scheme in (found.searched, found.hand_made))
        lines.append(
            f"| {found.budget} | {' | '.join(names)} | {shown(found.loss)} | {shown(found.accuracy, 100, 2)} |"
            f" {found.verdict} | {shown(room(results, found.budget))} |"
        )
    head = study.header
    lines += ["", f"Machine: {head.machine}. Device {head.device}, {head.threads} thread a worker, form {head.form}."]
    lines += [
        f"Commit {head.commit}. " + ", ".join(f"{name} {version}" for name, version in head.versions.items()) + "."
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Copy and tabulate; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    study = open_study(asked.run)
    asked.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(asked.config, asked.out / "config.yaml")
    shutil.copy(asked.run / LOG_NAME, asked.out / LOG_NAME)
    if (asked.run / ORDERS).exists():
        shutil.copytree(asked.run / ORDERS, asked.out / ORDERS, dirs_exist_ok=True)
    (asked.out / "table.md").write_text(table(study))
    for kind in ("png", "svg"):
        (asked.out / f"front.{kind}").write_bytes(front_picture(results_of(study), kind))
    print(table(study))


if __name__ == "__main__":
    main()

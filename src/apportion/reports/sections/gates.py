"""The path of a relaxation's gates: what stayed open, for whom and where; a collapse is a picture that turns white."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apportion.evaluators.measurement import Artifact
from apportion.reports import words
from apportion.reports.labels import spread
from apportion.reports.page.curves import colours
from apportion.reports.page.figures import LABEL_GAP, ONLY, Figure, Variant, chart, layout, literal, scale
from apportion.reports.page.markup import Markup, element, join, label
from apportion.reports.results import Results
from apportion.reports.sections.allocations import LABELLED_SITES, RAMP
from apportion.reports.sections.section import Fragment, Section
from apportion.search.study import Header, Study

Numbers = npt.NDArray[np.float64]

RELAXATIONS = ("taps", "ba2", "hard_concrete")
HEIGHT = 260
MOST = 6
"""Relaxations drawn; a study with a budget each may have made more."""


@dataclass(frozen=True)
class GatePath:
    """`step` [points], rounds one after another; `share_open` [points, sites, owners]; `owned` [points].

    `sites`: indices of those with gates. `rounds`: the step at which each round but the first begins.
    """

    key: str
    seconds: float
    sites: tuple[int, ...]
    step: Numbers
    share_open: Numbers
    owned: Numbers
    rounds: tuple[float, ...]


def gate_paths(study: Study) -> list[GatePath]:
    """Of the relaxations that some trial used, in their order; whose file is missing or damaged is left out."""
    if study.path is None:
        return []
    named = [artifact for artifact in study.artifacts.values() if artifact.key.split("/")[0] in RELAXATIONS]
    parts = {key for artifact in named for key in artifact.needs}
    found = (_read(study.path.parent, _whole(artifact, study)) for artifact in named if artifact.key not in parts)
    return [path for path in found if path is not None]


def _whole(artifact: Artifact, study: Study) -> Artifact:
    """With the seconds of its earlier rounds, which are artifacts of their own; their paths stand in this one's."""
    rounds = [key for key in artifact.needs if key.startswith(f"{artifact.key}/") and key in study.artifacts]
    return replace(artifact, seconds=artifact.seconds + sum(study.artifacts[key].seconds for key in rounds))


def _read(run: Path, artifact: Artifact) -> GatePath | None:
    from safetensors.numpy import load  # here, not above: only a study with relaxations needs it

    try:
        content = (run / artifact.path).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != artifact.sha256:
        return None
    tensors = load(content)
    numbers = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("path.")})
    if not numbers:
        return None
    steps, starts, before = [], [], 0.0
    for number in numbers:
        starts.append(before)
        steps.append(tensors[f"path.{number}.step"] + before)
        before = float(steps[-1][-1])

    def joined(what: str) -> Numbers:
        return np.concatenate([tensors[f"path.{number}.{what}"] for number in numbers]).astype(np.float64)

    sites = tuple(tensors["path.1.site"].tolist())
    step = np.concatenate(steps).astype(np.float64)
    share_open, owned = joined("share_open"), joined("owned")
    return GatePath(artifact.key, artifact.seconds, sites, step, share_open, owned, tuple(starts[1:]))


def render(results: Results) -> Fragment:
    """Two charts a relaxation."""
    header, paths = results.study.header, gate_paths(results.study)
    if not paths:
        return Fragment(element("p", "No relaxation was trained."))
    figures: dict[str, Figure] = {}
    panels: list[Markup] = []
    height = 60 + 14 * max((len(path.sites) for path in paths), default=0)
    for i, path in enumerate(paths[:MOST]):
        figures |= {f"{i}.owners": {ONLY: _owners(header, path)}, f"{i}.sites": {ONLY: _sites(header, path, height)}}
        panels.append(
            element(
                "div",
                element("h3", label(_whose(results.study, path.key))),
                element("p", f"{path.owned[-1]:.1%} of a backbone behind open gates at the end", class_="quiet"),
                chart(f"gates.{i}.owners", HEIGHT, "open gates of every domain over the steps"),
                chart(f"gates.{i}.sites", height, "open gates of every site over the steps"),
            )
        )
    left_out = words.plural(len(paths) - MOST, "more relaxation") + " not drawn." if len(paths) > MOST else ""
    return Fragment(join(element("div", *panels, class_="panels"), element("p", left_out, class_="quiet")), figures)


def _whose(study: Study, key: str) -> str:
    """The first trial that used it, `taps:site/live-0.2/penalty-0.5`, whose pattern is what was made of it."""
    return next((trial.proposal.id for trial in study.trials if key in trial.proposal.artifacts), key)


def _owners(header: Header, path: GatePath) -> Variant:
    """A line per domain, the mean over sites of its open gates; thick and dark what all own, by weights."""
    owners = header.space.owners
    lines = colours(owners)
    means = {owner: path.share_open[:, :, d].mean(axis=1) for d, owner in enumerate(owners)}
    data = [_line(path.step, values, owner, lines[owner]) for owner, values in means.items()]
    data.append(_line(path.step, path.owned, "owned, by weights", {"color": "#111111"}, 3.0))
    ends = [float(values[-1]) for values in means.values()]
    return {
        "data": data,
        "layout": layout(
            HEIGHT,
            xaxis=scale(range=[0, path.step[-1] / 0.78 or 1.0], title={"text": "step", "standoff": 8}, nticks=6),
            yaxis=scale(range=[-0.02, 1.02], tickformat=".0%", nticks=6),
            shapes=[_begin(step) for step in path.rounds],
            annotations=_names(owners, ends, float(path.step[-1]), [lines[owner]["color"] for owner in owners]),
        ),
    }


def _line(step: Numbers, values: Numbers, name: str, line: dict[str, Any], width: float = 1.4) -> dict[str, Any]:
    texts = [f"<b>{literal(name)}</b><br>step {at:.0f}: {value:.1%}" for at, value in zip(step, values, strict=True)]
    return {
        "type": "scatter", "mode": "lines", "x": step.tolist(), "y": values.tolist(), "name": literal(name),
        "line": {"width": width, **line}, "text": texts, "hoverinfo": "text",
    }  # fmt: skip


def _begin(step: float) -> dict[str, Any]:
    """Where a round begins."""
    line = {"color": "#888888", "width": 1, "dash": "dot"}
    return {"type": "line", "x0": step, "x1": step, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _names(owners: Sequence[str], ends: Sequence[float], last: float, inks: Sequence[str]) -> list[dict[str, Any]]:
    """Names behind the lines' ends, moved apart."""
    height = HEIGHT - 52.0
    here = [(end + 0.02) / 1.04 * height for end in ends]
    there = spread(here, LABEL_GAP, 8.0, height - 8.0)
    return [
        {
            "x": last, "y": end, "text": literal(owner, 16), "ax": 12, "ay": old - new, "xanchor": "left",
            "showarrow": True, "arrowhead": 0, "arrowwidth": 0.7, "arrowcolor": "#8a8a8a",
            "font": {"size": 11, "color": ink},
        }
        for owner, end, old, new, ink in zip(owners, ends, here, there, inks, strict=True)
    ]  # fmt: skip


def _sites(header: Header, path: GatePath, height: int) -> Variant:
    """Rows are sites, the input's on top; columns are steps; a cell is the part of its gates that are open."""
    sites = [header.space.sites[i] for i in path.sites]
    rows = sorted(range(len(sites)), key=lambda i: sites[i].depth)
    shares = path.share_open.mean(axis=2).T[rows]
    names = [literal(sites[i].name, 14) for i in rows]
    texts = [
        [f"{name}, step {at:.0f}<br>{value:.1%} of its gates open" for at, value in zip(path.step, row, strict=True)]
        for name, row in zip(names, shares, strict=True)
    ]
    trace = {
        "type": "heatmap", "x": list(range(len(path.step))), "y": list(range(len(rows))), "z": shares.tolist(),
        "zmin": 0, "zmax": 1, "colorscale": [list(stop) for stop in RAMP], "showscale": False,
        "text": texts, "hoverinfo": "text",
    }  # fmt: skip
    ticks = np.linspace(0, len(path.step) - 1, 5).round().astype(int).tolist()
    named = {"tickvals": trace["y"], "ticktext": names} if len(rows) <= LABELLED_SITES else {"showticklabels": False}
    plain = {"showgrid": False, "showline": False, "ticklen": 4, "tickcolor": "#ffffff"}
    columns = {"tickvals": ticks, "ticktext": [f"{path.step[i]:.0f}" for i in ticks]}
    return {
        "data": [trace],
        "layout": layout(
            height,
            margin={"l": 10, "r": 10, "t": 8, "b": 10},
            plot_bgcolor="#c9c9c9",
            xaxis=scale(**plain, **columns, title={"text": "step", "standoff": 8}),
            yaxis=scale(**plain, **named, autorange="reversed"),
        ),
    }


def _relaxed(results: Results) -> bool:
    return bool(gate_paths(results.study))


GATES = Section(
    "gates",
    "How the gates went",
    "Relaxations train a gate on every departure from the shared network: the part that stayed open, by domain and by"
    " layer. Patterns are ranked by the gates' scores and filled onto the budget, whatever is open at the end.",
    render,
    _relaxed,
)

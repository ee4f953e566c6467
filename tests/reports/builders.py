"""Studies made by hand for the reports' tests: a small backbone, and scores from a seeded generator."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.measurement import Artifact, Failure, Measurement, Score, Scores, Split, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal, Purpose
from apportion.search.study import Header, Study
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.shape import BackboneShape, Norm
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace

DOMAINS = ("digits", "photos", "glyphs")
HAND_MADE = ("top", "bottom", "random_filters", "uniform", "equal_spend")
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "\"' onmouseover=alert(3) x='",
    "=cmd|' /C calc'!A0",
    "naïve 名前 \u2028 \u202e \ud800 &lt;b&gt;",
    "two\nlines\tand $x_{$ %{y} <!-- -->",
)


def site(name: str, depth: int, channels: int, filters: int) -> Site:
    return Site(name, "conv", (filters, channels, 3, 3), 1, False, depth, depth // 2, filters)


def header(
    domains: Sequence[str] = DOMAINS,
    sites: Sequence[str] = ("stem", "middle", "last"),
    name: str = "a study",
    config: dict[str, Any] | None = None,
) -> Header:
    widths = [8 * 2 ** (3 * i // len(sites)) for i in range(len(sites))]
    made = tuple(site(n, i, widths[i - 1] if i else 3, widths[i]) for i, n in enumerate(sites))
    norms = tuple(Norm(f"{s.name}.bn", s.filters) for s in made)
    return Header(
        1,
        name,
        config or {"backbone": "tiny", "budgets": [0.2, 0.4]},
        {"python": "3.11.9", "torch": "2.13.0", "apportion": "0.1.0"},
        "0123abc",
        tuple(DomainCard(d, 10 + 3 * i, 2000, 500, 1000, f"{i}f" * 32) for i, d in enumerate(domains)),
        BackboneShape("tiny", made, norms, "head", made[-1].filters),
        SharingSpace(made, tuple(domains), "per_site_and_domain"),
        Objective(),
        "compose",
        1,
        "cpu",
        "a machine with two cores",
    )


def study(head: Header | None = None, trials: Iterable[Trial] = (), **more: Any) -> Study:
    told = tuple(trials)
    plain: dict[str, Any] = {
        "pending": (), "artifacts": {}, "finished": True, "test_opened": True, "planned": len(told),
    }  # fmt: skip
    return Study(head or header(), told, **{**plain, **more})


def scores(head: Header, loss: float, accuracy: float = 0.6) -> Scores:
    """Normalised cross-entropies around `loss`, which is their mean."""
    steps = [1 + 0.12 * (i - (len(head.domains) - 1) / 2) for i in range(len(head.domains))]
    return {
        d.name: Score(500, accuracy, loss * step * math.log(d.classes), d.classes)
        for d, step in zip(head.domains, steps, strict=True)
    }


@dataclass
class Builder:
    """Tells trials one by one; ids count up."""

    head: Header = field(default_factory=header)
    trials: list[Trial] = field(default_factory=list)

    def tell(
        self,
        controller: str,
        loss: float | None,
        *,
        budget: Budget | None = None,
        seed: int = 0,
        purpose: Purpose = "search",
        parent: str | None = None,
        allocation: Allocation | None = None,
        splits: Sequence[Split] | None = None,
        rung: int = 10,
        accuracy: float = 0.6,
        test: float | None = None,
        name: str | None = None,
        seconds: float = 10.0,
        **more: Any,
    ) -> Trial:
        """A trial with the same loss on each of its splits, unless `test` has its own; loss None = a failure."""
        pattern = allocation or (
            self.head.space.independent() if controller == "independent" else self.head.space.shared()
        )
        asked = Proposal(name or f"t{len(self.trials)}", controller, pattern, budget, rung, seed, purpose, parent)
        both: Sequence[Split] = splits or (("val",) if purpose == "search" else ("val", "test"))
        outcome: Measurement | Failure = Failure("diverged", "loss became NaN in photos at step 12", 3.0)
        if loss is not None:
            on = {"val": loss, "test": loss if test is None else test}
            outcome = Measurement({s: scores(self.head, on[s], accuracy) for s in both}, (), seconds, 1)
        trial = Trial(asked, outcome, 0.0 if more.get("duplicate_of") else outcome.seconds, **more)
        self.trials.append(trial)
        return trial

    def study(self, **more: Any) -> Study:
        return study(self.head, self.trials, **more)


def simulated(
    domains: Sequence[str] = DOMAINS,
    sites: Sequence[str] = ("stem", "middle", "last"),
    budgets: Sequence[float] = (0.2, 0.4),
    searched: Sequence[str] = ("tpe", "random_search"),
    seeds: int = 3,
    searches: int = 4,
    name: str = "a study",
    hand_made: Sequence[str] = HAND_MADE,
) -> Study:
    """A finished study with plausible numbers: late layers matter most, and search gains a little on that."""
    generator = np.random.default_rng(0)
    builder = Builder(header(domains, sites, name))
    space = builder.head.space
    depth = np.array([[1.0 + s.depth] * len(domains) for s in space.sites]).ravel()
    needs = np.array([[generator.random() for _ in domains] for _ in sites]).ravel()
    noise = {seed: generator.normal(0, 0.004) for seed in range(seeds)}

    def worth(allocation: Allocation) -> float:
        owned = np.array(allocation.levels) * np.array([[s.parameters_per_filter] for s in space.sites])
        whole = np.repeat([s.parameters for s in space.sites], len(domains)) * depth**0.5 * (0.4 + 1.2 * needs)
        gain = (owned.ravel() * depth**0.5 * (0.4 + 1.2 * needs)).sum() / whole.sum()
        return float(0.52 - 0.055 * gain**0.6)

    def run(
        controller: str, allocation: Allocation, budget: Budget | None, purpose: Purpose, parent: str | None
    ) -> None:
        for seed in range(seeds):
            loss = worth(allocation) + noise[seed] + generator.normal(0, 0.0015)
            builder.tell(
                controller, float(loss), budget=budget, seed=seed, purpose=purpose, parent=parent,
                allocation=allocation, accuracy=float(0.64 - 1.1 * (loss - 0.5)),
            )  # fmt: skip

    run("shared", space.shared(), None, "anchor", None)
    run("independent", space.independent(), None, "anchor", None)
    for amount in budgets:
        budget = Budget("live", amount)
        for controller in (*hand_made, *searched):
            best: tuple[float, Trial] | None = None
            for _ in range(1 if controller in hand_made else searches):
                wish = _wish(controller, depth, needs, generator)
                allocation = space.decode(wish, budget)
                loss = worth(allocation) + float(generator.normal(0, 0.0015))
                trial = builder.tell(controller, loss, budget=budget, allocation=allocation)
                best = min(best, (loss, trial), key=lambda pair: pair[0]) if best else (loss, trial)
            assert best is not None
            run(controller, best[1].proposal.allocation, budget, "retrain", best[1].proposal.id)
    return builder.study()


def _wish(controller: str, depth: Any, needs: Any, generator: np.random.Generator) -> Any:
    """Spend per variable in [0, 1], in the manner of the scheme of that name."""
    wishes = {
        "top": (depth.max() - depth + 1) ** 4,
        "bottom": depth**4,
        "uniform": np.ones_like(depth),
        "equal_spend": depth,
        "random_filters": generator.random(depth.shape),
        "tpe": depth**3 * (0.3 + needs) * generator.uniform(0.8, 1.2, depth.shape),
    }
    wish = wishes.get(controller, depth**2 * generator.random(depth.shape))
    return wish / wish.max()


def hostile() -> Study:
    """Every name that a person or a program can choose is made to do harm."""
    base = simulated(domains=HOSTILE[:3], sites=HOSTILE[3:], seeds=2, searches=1, budgets=(0.3,), searched=HOSTILE[:2])
    trials = []
    for i, trial in enumerate(base.trials):
        name = f"{HOSTILE[i % len(HOSTILE)]}{i}"
        proposal = replace(trial.proposal, id=name, parent=HOSTILE[0] if trial.proposal.parent else None)
        outcome = Failure("error", HOSTILE[i % len(HOSTILE)]) if i % 7 == 3 else trial.outcome
        trials.append(
            replace(trial, proposal=proposal, outcome=outcome, duplicate_of=HOSTILE[1] if i % 9 == 8 else None)
        )
    head = replace(
        base.header,
        name=HOSTILE[1],
        config={name: [name, {name: name}] for name in HOSTILE},
        versions={HOSTILE[0]: HOSTILE[1]},
        commit=HOSTILE[2],
        machine=HOSTILE[0],
        device=HOSTILE[4],
    )
    artifacts = {HOSTILE[0]: Artifact(HOSTILE[0], HOSTILE[1], HOSTILE[2], 5.0)}
    return replace(base, header=head, trials=tuple(trials), artifacts=artifacts, amendments=({"by": HOSTILE[1]},))

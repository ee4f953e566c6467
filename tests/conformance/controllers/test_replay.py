"""A log cut anywhere is taken up again and ends equal, by the campaign and the replay that a study uses."""

import contextlib
import json
import threading
import warnings
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apportion.cli.config import Config
from apportion.cli.search import prepare
from apportion.evaluators.measurement import Failure, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.campaign import Campaign
from apportion.search.controllers import ControllerEntry, controllers
from apportion.search.options import RetrainOptions, SearchOptions
from apportion.search.replay import ReplayDiffers, replay
from apportion.search.run import Plan, Run
from apportion.search.study import LOG_NAME, to_json
from apportion.search.study_log import Reading, Record, equal, read_log
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import failed, measured, some_space
from tests.conformance.controllers.entries import OVER_FRONT, SEARCHED, SLOW, eager, named

BUDGETS = (Budget("live", 0.2), Budget("live", 0.4))
TRIALS = 8


def searching(entry: ControllerEntry, **given: Any) -> dict[str, Any]:
    """The `search` part of a config: this controller alone, twice warm-started where it can be."""
    warm = {"warm_start": ["bottom", "uniform"]} if "warm_start" in entry.options.model_fields else {}
    options = {**eager(entry), **warm, **given}
    return {"controllers": [{"name": entry.name, "options": options}], "trials": TRIALS, "rung": 2}


# In memory, with failures among the outcomes.


def fresh(entry: ControllerEntry, space: SharingSpace, **given: Any) -> Campaign:
    search = SearchOptions.model_validate_json(json.dumps(searching(entry, **given)))
    return Campaign(space, BUDGETS, Objective(), search, RetrainOptions(seeds=1), 4)


def outcome(proposal: Proposal) -> Trial:
    """Depends on the pattern alone; about one in four fails."""
    return failed(proposal) if sum(map(sum, proposal.allocation.levels)) % 4 == 0 else measured(proposal)


def continued(campaign: Campaign, records: list[Record], waiting: deque[Proposal], flying: int) -> list[Record]:
    """Go on to the end as a run does: up to `flying` under way, told in the order they were asked."""
    while True:
        while len(waiting) < flying and isinstance(asked := campaign.ask(), Proposal):
            records.append(Record(len(records), "ask", {"proposal": to_json(asked)}))
            waiting.append(asked)
        if not waiting:
            return records
        trial = outcome(waiting.popleft())
        kind = "fail" if isinstance(trial.outcome, Failure) else "tell"
        records.append(Record(len(records), kind, {"id": trial.proposal.id, "outcome": to_json(trial.outcome)}))
        campaign.tell(trial)


def check_cuts(entry: ControllerEntry, flying: int, **given: Any) -> None:
    """A campaign's records, and that from any three cuts the same follow."""
    space = some_space("per_site_and_domain")
    whole = continued(fresh(entry, space, **given), [], deque(), flying)
    asks = [record.fields["proposal"]["id"] for record in whole if record.kind == "ask"]
    # Trials of both budgets, whether searched at once or one by one, and a retrain of the best at each.
    assert len(asks) == len(set(asks)) == 2 * (TRIALS + 1)
    generator = np.random.Generator(np.random.Philox(flying))
    for cut in sorted(generator.choice(len(whole), 3, replace=False).tolist()):
        campaign = fresh(entry, space, **given)
        replayed = replay(campaign, whole[:cut], lambda record: None)
        assert replayed.differed_at is None
        assert continued(campaign, whole[:cut], deque(replayed.open), flying) == whole


@named(SEARCHED)
@pytest.mark.parametrize("flying", [1, 4])
def test_a_campaign_cut_at_any_record_goes_on_as_if_it_had_not_been(entry: ControllerEntry, flying: int) -> None:
    check_cuts(entry, flying)


@named(OVER_FRONT)
@pytest.mark.parametrize("flying", [1, 4])
def test_a_search_of_the_front_cut_at_any_record_goes_on_as_well(entry: ControllerEntry, flying: int) -> None:
    # Two objectives cost a Gaussian process ten times as much: it fits the last two.
    late = {"startup_trials": 2 * TRIALS - 2} if entry.name in SLOW else {}
    check_cuts(entry, flying, objectives=["loss", "parameters"], **late)


@named(SEARCHED)
def test_where_the_log_has_other_patterns_the_log_wins_and_the_search_goes_on(entry: ControllerEntry) -> None:
    # As after an upgrade of the library that proposes: same ids, other patterns, measured as the log has them.
    space = some_space()
    whole = continued(fresh(entry, space), [], deque(), 2)
    generator = np.random.Generator(np.random.Philox(0))
    other: list[Record] = []
    for record in whole[: 2 * TRIALS - 3]:
        if record.kind == "ask":
            budget = next(one for one in BUDGETS if one.name in record.fields["proposal"]["id"])
            pattern = to_json(space.decode(generator.random(space.dimension), budget))
            record = Record(record.sequence, "ask", {"proposal": {**record.fields["proposal"], "allocation": pattern}})
        other.append(record)
    campaign = fresh(entry, space)
    with pytest.warns(ReplayDiffers):
        replayed = replay(campaign, other, lambda record: None)
    ended = continued(campaign, other, deque(replayed.open), 2)
    ids = [record.fields["proposal"]["id"] for record in ended if record.kind == "ask"]
    assert len(ids) == len(set(ids)) == len([record for record in whole if record.kind == "ask"])


# Through a study log on disk, with the synthetic evaluator.


def configured(entry: ControllerEntry, folder: Path, workers: int) -> Config:
    given = {
        "name": "study",
        "runs": str(folder),
        "budgets": [{"measure": "live", "share": 0.3}],
        "evaluator": {"name": "synthetic", "sites": 6, "noise": 0.01},
        "search": searching(entry),
        "retrain": {"seeds": 2},
        "workers": workers,
    }
    return Config.model_validate_json(json.dumps(given))


def run_to_end(folder: Path, plan: Plan, bench: Any) -> Reading:
    """Take up whatever log lies in `folder` and run it to its end; what the log holds then."""
    path = folder / LOG_NAME
    run = Run(folder, plan, bench, read_log(path))
    with contextlib.closing(run.events(threading.Event())) as events:
        for _ in events:
            pass
    return read_log(path)


def cut_and_resumed(folder: Path, expected: Reading, log: bytes, plan: Plan, bench: Any, cut: int) -> None:
    """The first `cut` records of `log` in a folder of their own, run to the end: equal to the undisturbed one."""
    place = folder / f"cut{cut}"
    place.mkdir()
    (place / LOG_NAME).write_bytes(b"".join(log.splitlines(keepends=True)[:cut]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReplayDiffers)
        assert equal(run_to_end(place, plan, bench), expected), f"cut after {cut} records"


def check_log(entry: ControllerEntry, folder: Path, cuts: int, workers: int) -> None:
    config = configured(entry, folder, workers)
    config.run.mkdir(parents=True)
    plan, bench = prepare(config, Reading((), b"", ""), allow_plugins=False)
    expected = run_to_end(config.run, plan, bench)
    assert expected.records[-1].kind == "final"
    assert sum(record.kind == "tell" for record in expected.records) == TRIALS + 2
    log = (config.run / LOG_NAME).read_bytes()
    generator = np.random.Generator(np.random.Philox(workers))
    for cut in generator.choice(np.arange(1, len(expected.records)), cuts, replace=False).tolist():
        cut_and_resumed(folder, expected, log, plan, bench, cut)


@named(SEARCHED)
def test_a_study_log_cut_at_random_records_resumes_to_an_equal_log(entry: ControllerEntry, tmp_path: Path) -> None:
    check_log(entry, tmp_path, cuts=2, workers=1)


def test_a_study_log_of_four_workers_resumes_to_an_equal_log(tmp_path: Path) -> None:
    check_log(controllers.get("random_search"), tmp_path, cuts=1, workers=4)

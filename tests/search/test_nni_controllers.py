"""NNI's tuners as controllers: what they ask is what NNI asks, and nothing around them is moved."""

import math
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure, Measurement, Score, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Context, Controller, Done, Wait, controllers
from apportion.search.controllers.nni_generators import OwnGenerators
from apportion.search.controllers.nni_space import parameters_of
from apportion.search.controllers.nni_tuners import KNOWN, REFUSED
from apportion.search.options import ControllerChoice
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import counted_seed
from apportion.spaces.space import SharingSpace
from tests.strategies import site

needs_nni = pytest.mark.skipif(find_spec("nni") is None, reason="needs the extra [nni]")

SPACE = SharingSpace((site(0, 4, 3), site(1, 6, 4), site(2, 8, 6, 1), site(3, 16, 8, 2)), ("a", "b", "c"))
COARSE = SharingSpace(SPACE.sites, SPACE.owners, fractions=(0.0, 0.5, 1.0))
BUDGET = Budget("live", 0.3)


def context(seed: int = 0, space: SharingSpace = SPACE) -> Context:
    return Context(space, (BUDGET,), Objective(), seed, trial_seed=7, rung=2)


def controller(name: str, given: dict[str, Any] | None = None, seed: int = 0, space: SharingSpace = SPACE) -> Any:
    choice = ControllerChoice.model_validate({"name": name, "options": given or {}})
    return choice.entry.build(context(seed, space), choice.own_options())


def measured(proposal: Proposal, loss: float) -> Trial:
    return Trial(proposal, Measurement({"val": {"a": Score(10, 0.5, loss * float(np.log(10)), 10)}}))


def failed(proposal: Proposal) -> Trial:
    return Trial(proposal, Failure("diverged", "a, step 3: loss nan"))


def loss_of(pattern: Allocation) -> float:
    """Less where early sites are owned."""
    return 2.0 - 0.1 * sum(math.sqrt(level) / (depth + 1) for depth, row in enumerate(pattern.levels) for level in row)


def asked(searching: Controller, trials: int = 1) -> list[Allocation]:
    """What is asked one by one, every fifth failing."""
    patterns = []
    for n in range(trials):
        proposal = searching.ask()
        assert isinstance(proposal, Proposal)
        patterns.append(proposal.allocation)
        searching.tell(failed(proposal) if n % 5 == 3 else measured(proposal, loss_of(proposal.allocation)))
    return patterns


def elsewhere(pattern: Allocation) -> Proposal:
    return Proposal("elsewhere", "bottom", pattern, BUDGET, 2, 7)


# What is asked.


@needs_nni
@pytest.mark.parametrize("name", ["nni_tpe", "nni_random"])
def test_it_asks_what_nnis_own_tuner_proposes_when_driven_by_hand(name: str) -> None:
    # Both take a seed, so the same numbers can be had without the controller.
    of_nni = {"nni_tpe": "TPE", "nni_random": "Random"}[name]
    arguments = {"tpe_args": {"n_startup_jobs": 10}} if name == "nni_tpe" else {}
    tuner = KNOWN[of_nni].maker(arguments, counted_seed("nni", of_nni, 0, BUDGET.name))()
    tuner.update_search_space({v.name: {"_type": "uniform", "_value": [0, 1]} for v in SPACE.variables})
    expected = []
    for number in range(30):
        parameters = tuner.generate_parameters(number)
        pattern = SPACE.decode([parameters[v.name] for v in SPACE.variables], BUDGET)
        expected.append(pattern)
        if number % 5 == 3:
            tuner.trial_end(number, False)
        else:
            tuner.receive_trial_result(number, parameters, loss_of(pattern))
    assert asked(controller(name), 30) == expected


@needs_nni
def test_less_loss_is_what_they_look_for() -> None:
    # Two worlds that differ in the sign of what a pattern is worth: the last asks lie on opposite sides.
    for name, given in (("nni_tpe", {}), ("nni_evolution", {"population": 8}), ("nni", {"tuner": "PBT"})):
        ends = []
        for sign in (1.0, -1.0):
            searching, patterns = controller(name, given), []
            for _ in range(60):
                proposal = searching.ask()
                patterns.append(loss_of(proposal.allocation))
                searching.tell(measured(proposal, 3.0 + sign * patterns[-1]))
            ends.append(float(np.mean(patterns[-15:])))
        assert ends[0] < ends[1], (name, ends)


@needs_nni
@pytest.mark.parametrize("by", ["spend", "fractions", "categorical"])
@pytest.mark.parametrize("tuner", KNOWN)
def test_every_tuner_that_is_offered_works_and_stays_on_the_budget(tuner: str, by: str) -> None:
    space = COARSE if by == "categorical" else SPACE
    patterns = asked(controller("nni", {"tuner": tuner, "by": by}, space=space), 30)
    assert all(space.exhausts(pattern, BUDGET) for pattern in patterns)
    assert len(set(patterns)) > 1


@needs_nni
def test_nni_with_the_tuner_tpe_is_nni_tpe() -> None:
    by_name = controller("nni", {"tuner": "TPE", "arguments": {"tpe_args": {"n_startup_jobs": 5}}})
    assert asked(by_name, 15) == asked(controller("nni_tpe", {"startup_trials": 5}), 15)


@needs_nni
def test_where_all_choices_were_tried_the_grid_ends_and_the_others_go_over_them_again() -> None:
    # 3 positions of 4 variables.
    grid = controller("nni", {"tuner": "GridSearch", "by": "categorical"}, space=COARSE)
    vectors = []
    while isinstance(proposal := grid.ask(), Proposal):
        vectors.append(tuple(grid.outstanding[proposal.id][1].values()))
        grid.tell(measured(proposal, 1.0))
    assert isinstance(proposal, Done)
    assert sorted(vectors) == list(product(range(3), repeat=4))
    for name in ("nni_random", "nni_tpe"):
        searching = controller(name, {"by": "categorical"}, space=COARSE)
        vectors = []
        for _ in range(2 * 81):
            proposal = searching.ask()
            vectors.append(tuple(searching.outstanding[proposal.id][1].values()))
            searching.tell(measured(proposal, loss_of(proposal.allocation)))
        assert set(vectors[:81]) == set(vectors[81:]) == set(product(range(3), repeat=4))


# Several in flight.


@needs_nni
@pytest.mark.parametrize(("name", "given"), [("nni_evolution", {"population": 4}), ("nni", {"tuner": "PBT"})])
def test_who_needs_results_waits_for_one_and_waiting_changes_nothing(name: str, given: dict[str, Any]) -> None:
    patient, hasty = controller(name, given), controller(name, given)
    flying = []
    while isinstance(proposal := patient.ask(), Proposal):
        flying.append(proposal)
        assert hasty.ask() == proposal
    assert isinstance(proposal, Wait)
    assert len(flying) == (4 if name == "nni_evolution" else 10)
    for _ in range(5):
        assert isinstance(hasty.ask(), Wait)
    for n, done in enumerate(flying):
        trial = failed(done) if n == 1 else measured(done, loss_of(done.allocation))
        patient.tell(trial)
        hasty.tell(trial)
    assert [patient.ask() for _ in range(3)] == [hasty.ask() for _ in range(3)]


# What they learn.


@needs_nni
@pytest.mark.parametrize(("by", "space"), [("spend", SPACE), ("fractions", SPACE), ("categorical", COARSE)])
def test_evolution_takes_others_patterns_for_parents(by: str, space: SharingSpace) -> None:
    best = space.decode([1.0, 0.4, 0.2, 0.1], BUDGET)
    searching = controller("nni_evolution", {"population": 2, "by": by}, space=space)
    for _ in range(8):
        searching.tell(measured(elsewhere(best), 0.1))
    patterns = []
    for _ in range(30):
        proposal = searching.ask()
        patterns.append(searching.outstanding[proposal.id][1])
        searching.tell(measured(proposal, 1.0))
    parent = parameters_of(space, best, by)  # type: ignore[arg-type]
    # A child has one variable drawn anew.
    children = [sum(child[name] == parent[name] for name in parent) >= 3 for child in patterns[2:]]
    assert sum(children) > 10


@needs_nni
def test_tpe_imports_others_patterns() -> None:
    searching = controller("nni_tpe", {"startup_trials": 2})
    generator = np.random.Generator(np.random.Philox(0))
    for _ in range(30):
        pattern = SPACE.decode(generator.random(SPACE.dimension), BUDGET)
        searching.tell(measured(elsewhere(pattern), loss_of(pattern)))
    warm, cold = (float(np.mean([loss_of(p) for p in asked(c, 10)])) for c in (searching, controller("nni_tpe")))
    assert warm < cold


@needs_nni
def test_pbt_goes_on_from_what_was_measured_under_its_ids_and_cannot_take_others() -> None:
    other = SPACE.decode([1.0, 0.4, 0.2, 0.1], BUDGET)
    given = {"tuner": "PBT", "arguments": {"population_size": 4}}
    searching, undisturbed = controller("nni", given), controller("nni", given)
    searching.tell(measured(elsewhere(other), 0.1))
    assert asked(searching, 3) == asked(undisturbed, 3)
    proposal = searching.ask()
    searching.tell(measured(Proposal(proposal.id, "nni", other, BUDGET, 2, 7), 0.1))
    assert other in asked(searching, 4)


@needs_nni
def test_a_failure_of_anothers_trial_is_nothing() -> None:
    for tuner in KNOWN:
        told, undisturbed = (controller("nni", {"tuner": tuner}) for _ in range(2))
        told.tell(failed(elsewhere(SPACE.decode([1.0, 0.4, 0.2, 0.1], BUDGET))))
        assert asked(told, 12) == asked(undisturbed, 12)


# Randomness.


def draw(number: int) -> list[float]:
    return [random.random() for _ in range(number)] + [float(drawn) for drawn in np.random.random(number)]


def test_generators_are_lent_and_given_back_whatever_happens() -> None:
    kept = random.getstate(), np.random.get_state()
    try:
        random.seed(1)
        np.random.seed(1)
        undisturbed = draw(4)
        random.seed(1)
        np.random.seed(1)
        made = np.random.RandomState
        one, other = OwnGenerators(5), OwnGenerators(5)
        drawn = []
        with one.installed():
            drawn += draw(3)
            # An unseeded one would ask the operating system, and no two would agree.
            drawn.append(float(np.random.RandomState().random()))
            assert np.random.RandomState(3).random() == made(3).random()
        with pytest.raises(KeyError), one.installed():
            raise KeyError
        with one.installed():
            drawn += draw(2)
        with other.installed():
            assert [*draw(3), float(np.random.RandomState().random()), *draw(2)] == drawn
        assert np.random.RandomState is made
        assert draw(4) == undisturbed
        assert draw(1) != drawn[:1]
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])


@needs_nni
@pytest.mark.parametrize("tuner", KNOWN)
def test_searches_side_by_side_ask_what_each_asks_alone(tuner: str) -> None:
    alone = [asked(controller("nni", {"tuner": tuner}, seed), 25) for seed in (1, 2)]
    together = [controller("nni", {"tuner": tuner}, seed) for seed in (1, 2)]
    interleaved: list[list[Allocation]] = [[], []]
    for n in range(25):
        for searching, patterns in zip(together, interleaved, strict=True):
            proposal = searching.ask()
            patterns.append(proposal.allocation)
            searching.tell(failed(proposal) if n % 5 == 3 else measured(proposal, loss_of(proposal.allocation)))
    assert interleaved == alone
    assert tuner == "GridSearch" or alone[0] != alone[1]


# Options, before anything is built.


@needs_nni
@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("nni_tpe", {"objectives": ["loss", "parameters"]}, r"\[loss, parameters\], but NNI's .* one objective.*nsga2"),
        ("nni", {"tuner": "GP"}, "options.tuner: 'GP', but scipy 1.11.*works here: TPE, Evolution"),
        ("nni", {"tuner": "Evolutoin"}, "options.tuner: 'Evolutoin'.*did you mean 'Evolution'"),
        ("nni", {"tuner": "my_module.Tuner"}, "no tuner has this name"),
        ("nni", {"tuner": "PBT", "arguments": {"size": 3}}, "options.arguments.size: 3.*PBT has: population_size"),
        ("nni", {"tuner": "PBT", "arguments": {"population_size": 1}}, "options.arguments.population_size: 1"),
        ("nni", {"tuner": "TPE", "arguments": {"tpe_args": {"gamma": 2.0}}}, "options.arguments.tpe_args.gamma: 2.0"),
        ("nni", {"tuner": "Random", "arguments": {"seed": 1}}, "options.arguments.seed: 1.*Random has: no arguments"),
        ("nni_tpe", {"startup_trials": 1}, "options.startup_trials: 1"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_with_the_reason(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ControllerChoice.model_validate({"name": name, "options": given})


@needs_nni
def test_choices_are_refused_where_a_variable_has_too_many() -> None:
    fits = SharingSpace((site(0, 63, 1),), ("a", "b"))
    assert len(set(asked(controller("nni_random", {"by": "categorical"}, space=fits), 5))) >= 1
    wide = SharingSpace((site(0, 4, 3), site(1, 64, 1)), ("a", "b"))
    with pytest.raises(InputError, match=r"options\.by: 'categorical', but conv1 has 65 positions, and at most 64"):
        controller("nni_tpe", {"by": "categorical"}, space=wide)


@needs_nni
def test_every_tuner_that_nni_registers_is_offered_or_refused() -> None:
    (folder,) = find_spec("nni").submodule_search_locations  # type: ignore[union-attr,misc]
    registered = yaml.safe_load((Path(folder) / "runtime/default_config/builtin_algorithms.yml").read_text())
    names = {one["builtinName"] for one in registered["tuners"]}
    assert names == {*KNOWN, *REFUSED}


RAW = """
import inspect, warnings, yaml
from importlib import import_module
from pathlib import Path
warnings.simplefilter("ignore")
import nni
nni.silence_stdout()
registered = yaml.safe_load(Path(nni.__path__[0], "runtime/default_config/builtin_algorithms.yml").read_text())
for one in registered["tuners"]:
    try:
        module, name = one["className"].rsplit(".", 1)
        made = getattr(import_module(module), name)
        given = {"optimize_mode": "minimize", "all_checkpoint_dir": ""}
        taken = {key: value for key, value in given.items() if key in inspect.signature(made).parameters}
        tuner = made(**one.get("classArgs", {}), **taken)
        tuner.update_search_space({key: {"_type": "uniform", "_value": [0.0, 1.0]} for key in "abc"})
        for number in range(30):
            parameters = tuner.generate_parameters(number)
            tuner.receive_trial_result(number, parameters, parameters["a"])
    except Exception:
        continue
    print("works", one["builtinName"])
"""


@needs_nni
@pytest.mark.slow
def test_those_that_are_refused_fail_here_when_driven_by_hand(tmp_path: Path) -> None:
    # Where one works again with other versions it can be offered.
    ran = subprocess.run([sys.executable, "-c", RAW], capture_output=True, text=True, cwd=tmp_path)
    assert {line.split()[1] for line in ran.stdout.splitlines() if line.startswith("works")} == set(KNOWN), ran.stderr


# What a search does to the machine.

WATCH = """
import os, sys
events = []
ACTS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.fork", "os.exec", "os.posix_spawn", "os.system",
        "subprocess.Popen", "pickle.find_class", "_thread.start_new_thread"}

def watch(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        events.append((event, *map(str, arguments)))
    if event in ACTS or (event.startswith("socket.") and not probing(event)):
        events.append((event, *map(str, arguments)))

def probing(event):
    # On its import urllib3 binds ::1, port 0, and closes that again, to see whether there is IPv6; nothing listens.
    frame, files = sys._getframe(), ""
    while frame:
        frame, files = frame.f_back, files + frame.f_code.co_filename
    return event in ("socket.__new__", "socket.bind") and "urllib3/util/connection.py" in files

sys.addaudithook(watch)
"""

SEARCHES = """
import logging, threading
from tests.search.test_nni_controllers import KNOWN, asked, controller
root = logging.getLogger()
before = list(root.handlers), root.level, list(sys.path), sys.excepthook, set(threading.enumerate())
for tuner in KNOWN:
    asked(controller("nni", {"tuner": tuner}), 25)
import nni
assert (list(root.handlers), root.level, list(sys.path), sys.excepthook, set(threading.enumerate())) == before
assert not logging.getLogger("nni").handlers
assert not events and not os.listdir(), (events, os.listdir())
"""

# The watch itself can fail.
MISCHIEF = """
import pickle, socket, subprocess
from nni.tools.package_utils import get_algo_meta

for act in (
    lambda: open("a", "w").close(),
    lambda: socket.create_server(("127.0.0.1", 0)).close(),
    lambda: pickle.loads(b"cos\\ngetcwd\\n."),
    lambda: subprocess.run(["true"]),
    lambda: get_algo_meta("TPE"),  # NNI's own way to its tuners makes a folder
):
    events.clear()
    act()
    assert events
"""


@needs_nni
def test_a_search_opens_no_port_and_writes_starts_unpickles_prints_nothing(tmp_path: Path) -> None:
    # A fresh process that takes every warning for an error, in an empty folder that is its home too.
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "NNI_CONFIG_DIR": str(tmp_path / "nni"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-W", "error", "-c", WATCH + SEARCHES + MISCHIEF]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


# Without the extra.

HIDDEN = """
import sys
sys.modules["nni"] = None  # `import nni` fails as where it is not installed
from apportion.cli.main import main
for arguments in (["list", "controllers", "--json"], ["search", sys.argv[1]]):
    sys.argv = ["apportion", *arguments]
    try:
        main()
    except SystemExit as end:
        print("ended with", end.code, flush=True)
"""


def test_without_the_extra_all_is_listed_and_a_config_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(
        f"runs: {tmp_path / 'runs'}\nbudgets: [{{measure: live, share: 0.2}}]\nevaluator: {{name: synthetic}}\n"
        "search: {controllers: [bottom, {name: nni_evolution, trials: 4}]}\n"
    )
    command = [sys.executable, "-c", HIDDEN, str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    listed, _, refused = ran.stdout.partition("ended with 0")
    assert all(f'"{entry.name}"' in listed for entry in controllers), ran.stderr
    assert "ended with" in refused and "ended with 0" not in refused
    said = "search.controllers.1.name: 'nni_evolution', but it needs NNI, which is not installed"
    assert said in " ".join(ran.stderr.split())
    assert 'pip install "apportion[nni]"' in " ".join(ran.stderr.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["nni_tpe", "nni_evolution", "nni_random", "nni"])
def test_without_the_extra_every_one_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nni", None)
    with pytest.raises(InputError, match=rf"name: '{name}'.*pip install .apportion\[nni\]"):
        ControllerChoice.model_validate({"name": name})

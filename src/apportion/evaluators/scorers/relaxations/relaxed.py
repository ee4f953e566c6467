"""From a relaxation to an artifact: rounds of training, one after another, then scores, open gates and path."""

from collections.abc import Callable
from functools import partial

from apportion.evaluators.data.streams import steps_per_epoch
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.memo import Tensors
from apportion.evaluators.scorers import half_a_run
from apportion.evaluators.scorers.relaxations.gated import Gated, outcome
from apportion.evaluators.scorers.relaxations.gates import Relaxation
from apportion.evaluators.scorers.relaxations.options import GateOptions
from apportion.evaluators.scorers.relaxations.synthetic import on_synthetic
from apportion.evaluators.scorers.relaxations.training import train_gates
from apportion.evaluators.scorers.start import at_work, started
from apportion.evaluators.synthetic import Synthetic
from apportion.evaluators.train import Train
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.stepper import Phase
from apportion.spaces.network.gated import gated_network


def relaxed(lab: Laboratory, scorer: str, relaxation: Relaxation, options: GateOptions, seed: int, key: str) -> Tensors:
    """`worth.<site>` and `open.<site>` as `outcome` has them, and `path.<round>.*` as `Path` has it.

    A round that another follows is kept as an artifact of its own, so that a killed study does not repeat it.
    """
    if isinstance(lab.evaluator, Synthetic):
        return on_synthetic(lab.evaluator, relaxation, options, seed)
    with at_work(lab, scorer) as train:
        state: Tensors | None = None
        paths: Tensors = {}
        for number in range(1, options.rounds + 1):
            name = f"{key}/round-{number}"
            # A checkpoint goes when its artifact is written: the last round's with the whole.
            keeper = partial(lab.keeper, key if number == options.rounds else name, name)
            compute = partial(_round, lab, train, relaxation, options, seed, number, keeper, state)
            state = compute() if number == options.rounds else lab.memo(name, compute)[1]
            paths |= {f"path.{number}{part[4:]}": tensor for part, tensor in state.items() if part.startswith("path.")}
        sites = train.space.sites
        assert state is not None, "there is a round"
        named = {i: f"net.network.{site.name}.scores" for i, site in enumerate(sites)}
        scores = {i: state[name] for i, name in named.items() if name in state}
        return outcome(relaxation, scores, len(train.space.owners), [site.filters for site in sites]) | paths


def _round(
    lab: Laboratory,
    train: Train,
    relaxation: Relaxation,
    options: GateOptions,
    seed: int,
    number: int,
    keeper: Callable[[], Keeper],
    before: Tensors | None,
) -> Tensors:
    """The gated network after round `number`, from what the round before it left."""
    space, source = train.space, train.source
    classes = [source.class_count(owner) for owner in space.owners]
    template = train.template(seed)
    net = gated_network(template, train.shape, space, classes, relaxation, options.per, seed, train.form)
    net.to(source.device)
    if before is None:
        net.start_from(started(lab, train, options.start, seed, space.shared()))
    else:
        net.load_state_dict({part[4:]: tensor for part, tensor in before.items() if part.startswith("net.")})
    phase = Phase(f"gates {number}", half_a_run(options, train.options.epochs) // options.rounds)
    steps = phase.epochs * steps_per_epoch([source.size(owner, "train") for owner in space.owners], train.options.batch)
    gated = Gated(net, relaxation, steps).to(source.device)
    train_gates(gated, train, phase, seed, options, keeper())
    return gated.state_dict()

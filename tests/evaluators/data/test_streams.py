"""Index streams: counted, so that any step stands on its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.data.streams import augment_seed, indices, steps_per_epoch

seeds, names = st.integers(0, 2**40), st.sampled_from(["digits", "photos"])
sizes, batches = st.integers(1, 50), st.integers(1, 70)


@settings(deadline=None)
@given(seeds, names, sizes, batches)
def test_every_pass_visits_each_image_exactly_once(seed: int, domain: str, n: int, batch: int) -> None:
    steps = -(-3 * n // batch)
    stream = np.concatenate([indices(seed, domain, n, step, batch) for step in range(steps)])
    for number in range(3):
        assert sorted(stream[number * n : (number + 1) * n]) == list(range(n))


@settings(deadline=None)
@given(seeds, names, sizes, batches, st.integers(0, 10**9))
def test_a_step_needs_none_before_it_and_has_the_batch_s_shape(
    seed: int, domain: str, n: int, batch: int, step: int
) -> None:
    first = indices(seed, domain, n, step, batch)
    assert first.dtype == np.int64 and first.shape == (batch,) and first.flags.writeable
    np.testing.assert_array_equal(first, indices(seed, domain, n, step, batch))


@settings(deadline=None)
@given(seeds, names, sizes, batches, st.integers(0, 50))
def test_the_stream_does_not_depend_on_the_batch_it_is_cut_into(
    seed: int, domain: str, n: int, batch: int, step: int
) -> None:
    ones = [indices(seed, domain, n, position, 1) for position in range(step * batch, (step + 1) * batch)]
    np.testing.assert_array_equal(indices(seed, domain, n, step, batch), np.concatenate(ones))


def test_seed_domain_and_pass_each_change_the_order() -> None:
    whole = [indices(1, "digits", 100, 0, 100), indices(2, "digits", 100, 0, 100)]
    whole += [indices(1, "photos", 100, 0, 100), indices(1, "digits", 100, 1, 100)]
    assert len({order.tobytes() for order in whole}) == 4


def test_a_changed_batch_does_not_change_the_stream_s_memory() -> None:
    indices(1, "digits", 10, 0, 10)[:] = 0
    assert sorted(indices(1, "digits", 10, 0, 10)) == list(range(10))


def test_an_epoch_walks_the_largest_domain_in_whole_batches_and_has_at_least_one() -> None:
    assert steps_per_epoch([2000, 500], 64) == 31
    assert steps_per_epoch([10], 64) == 1


def test_augmentation_seeds_differ_by_seed_domain_and_step() -> None:
    assert (
        len({augment_seed(1, "a", 1), augment_seed(2, "a", 1), augment_seed(1, "b", 1), augment_seed(1, "a", 2)}) == 4
    )


@pytest.mark.parametrize(("n", "step", "batch"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
def test_sizes_that_mean_nothing_are_refused(n: int, step: int, batch: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        indices(0, "digits", n, step, batch)

"""Filter orders: permutations, seeded, per owner where asked for, and the same in every process."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.spaces.orders import Order, counted_seed, orders

# Those that a seed makes; the others are tables (tests/search/test_listed.py).
COMPUTED = [name for name in orders.names() if name not in ("norm", "listed")]

# Computed by this code with numpy 2.4.6 (Philox, `permutation`).
PINNED = [5, 0, 6, 7, 1, 2, 4, 3, 8, 9]


@settings(max_examples=40)
@given(st.sampled_from(COMPUTED), st.integers(0, 99), st.booleans(), st.integers(1, 40))
def test_every_order_is_a_permutation_of_the_filters(name: str, seed: int, per_owner: bool, filters: int) -> None:
    permutation = Order(name, seed, per_owner).permutation("layer1.conv", "photos", filters)
    assert sorted(permutation.tolist()) == list(range(filters))
    assert not permutation.flags.writeable


def test_a_common_order_is_everyone_s_and_one_per_owner_differs() -> None:
    def of(owner: str, per_owner: bool) -> list[int]:
        return [int(k) for k in Order("random", 0, per_owner).permutation("conv", owner, 30)]

    assert of("a", False) == of("b", False)
    assert of("a", True) != of("b", True)


def test_a_random_order_depends_on_seed_and_site() -> None:
    first = Order("random", 0).permutation("conv", "a", 30).tolist()
    assert first == Order("random", 0).permutation("conv", "a", 30).tolist()
    assert first != Order("random", 1).permutation("conv", "a", 30).tolist()
    assert first != Order("random", 0).permutation("conv2", "a", 30).tolist()


def test_index_is_the_stored_order() -> None:
    np.testing.assert_array_equal(Order().permutation("conv", "a", 7), np.arange(7))


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_a_random_order_is_the_same_in_every_process(hash_seed: str) -> None:
    program = (
        "from apportion.spaces.orders import Order; print(Order('random', 7, True).permutation('c', 'a', 10).tolist())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
    )
    assert ran.stdout.strip() == str(PINNED)
    assert Order("random", 7, True).permutation("c", "a", 10).tolist() == PINNED


def test_counted_seeds_tell_parts_apart() -> None:
    assert counted_seed("a", 1) == counted_seed("a", 1)
    assert len({counted_seed("a", 1), counted_seed("a", 2), counted_seed("a1"), counted_seed("a", "1", "")}) == 4
    assert 0 <= counted_seed("a") < 2**64


def test_an_unknown_order_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'random'"):
        Order("randon").permutation("conv", "a", 3)

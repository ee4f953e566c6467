"""Splits taken off a class: right counts, none lost, nothing moved by what is added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apportion.evaluators.data.splitting import split_off

keys = st.lists(st.text(max_size=4), min_size=3, max_size=60, unique=True)
shares = st.fixed_dictionaries({"val": st.floats(0.01, 0.49), "test": st.floats(0.01, 0.49)})


@given(keys, shares, st.integers(0, 99))
def test_every_image_gets_one_split_and_every_split_one_image(
    keys: list[str], shares: dict[str, float], seed: int
) -> None:
    split = split_off(keys, shares, seed, "cat")
    assert set(split) == set(keys)
    counts = {name: list(split.values()).count(name) for name in ("train", "val", "test")}
    assert min(counts.values()) >= 1
    for name, share in shares.items():
        assert counts[name] <= max(1, round(len(keys) * share))


@given(keys, shares, st.randoms())
def test_the_order_of_the_files_does_not_matter(keys: list[str], shares: dict[str, float], random: object) -> None:
    turned = sorted(keys, reverse=True)
    assert split_off(keys, shares, 0, "cat") == split_off(turned, shares, 0, "cat")


@given(keys, st.text(max_size=4))
def test_an_added_image_moves_one_other_per_split_at_most(keys: list[str], added: str) -> None:
    shares = {"val": 0.25, "test": 0.25}
    before, after = split_off(keys, shares, 0, "cat"), split_off([*{*keys, added}], shares, 0, "cat")
    assert sum(before[key] != after[key] for key in keys) <= 4


def test_seed_and_class_change_the_draw() -> None:
    keys = [str(number) for number in range(200)]
    draws = [split_off(keys, {"val": 0.5}, seed, label) for seed, label in ((0, "a"), (1, "a"), (0, "b"))]
    assert len({tuple(sorted(draw.items())) for draw in draws}) == 3
    assert all(list(draw.values()).count("val") == 100 for draw in draws)


@pytest.mark.parametrize(("count", "shares"), [(2, {"val": 0.1, "test": 0.1}), (1, {"val": 0.1}), (0, {"val": 0.1})])
def test_fewer_images_than_splits_are_refused(count: int, shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="images for"):
        split_off([str(number) for number in range(count)], shares, 0, "cat")

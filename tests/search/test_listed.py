"""A user's own pattern from JSON, and a user's own filter order."""

import json
from pathlib import Path
from typing import Any

import pytest

from apportion.errors import InputError
from apportion.search.controllers.listed import pattern
from apportion.spaces import order_tables
from apportion.spaces.orders import Order
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace
from tests.cli.programs import SYNTHETIC, config, ran

SITES = tuple(Site(f"conv{i}", "conv", (4 + 2 * i, 3, 3, 3), 1, False, i, 0, 4 + 2 * i) for i in range(3))
SPACE = SharingSpace(SITES, ("a", "b", "c"))


def written(folder: Path, content: Any) -> Path:
    path = folder / "mine.json"
    path.write_text(json.dumps(content))
    return path


def test_levels_and_fractions_are_read_and_what_is_left_out_is_shared(tmp_path: Path) -> None:
    levels = pattern(SPACE, written(tmp_path, {"levels": {"conv0": 3, "conv1": [1, 2, 2], "conv2": {"b": 8, "c": 8}}}))
    # (0, 8, 8) is (8, 8, 8), and (1, 2, 2) is (2, 2, 2): a filter left with one user is that user's own.
    assert levels.levels == ((3, 3, 3), (2, 2, 2), (8, 8, 8))
    fractions = pattern(SPACE, written(tmp_path, {"fractions": {"conv1": 0.5, "conv2": [1.0, 0.25, 0.25]}}))
    assert fractions.levels == ((0, 0, 0), (3, 3, 3), (8, 2, 2))


@pytest.mark.parametrize(
    ("content", "pieces"),
    [
        ({"levels": {"conv9": 1}}, ["site conv9", "no site has this name", "'conv2'?"]),
        ({"levels": {"conv0": 5}}, ["site conv0, a", "level 5", "levels 0 to 4"]),
        ({"levels": {"conv0": 1.5}}, ["level 1.5"]),
        ({"levels": {"conv0": True}}, ["level True"]),
        ({"levels": {"conv0": [1, 2]}}, ["2 numbers", "3 domains: a, b, c"]),
        ({"levels": {"conv0": {"d": 1}}}, ["'d'", "no domain has this name"]),
        ({"fractions": {"conv0": 1.5}}, ["fraction 1.5", "0 to 1"]),
        ({"fractions": {"conv0": "all"}}, ["fraction 'all'"]),
        ({"levels": {}, "fractions": {}}, ["levels, fractions", "or"]),
        ({"level": {}}, ["level", '{"levels": {...}}']),
        ([], ["list"]),
    ],
)
def test_a_pattern_that_does_not_fit_names_its_place(tmp_path: Path, content: Any, pieces: list[str]) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as refused:
        pattern(SPACE, path)
    for piece in [str(path), *pieces]:
        assert piece in str(refused.value)


def test_own_patterns_stand_beside_the_schemes_of_a_config(tmp_path: Path) -> None:
    path = config(tmp_path, SYNTHETIC)
    mine, other = tmp_path / "mine.json", tmp_path / "other.json"
    mine.write_text(json.dumps({"levels": {"stage0.conv0": 8}}))
    other.write_text(json.dumps({"fractions": {"stage2.conv8": {"east": 0.5, "south": 0.5}}}))
    words = ("search", path, "--pattern", mine, "--pattern", other)
    assert ran(*words, "-q").returncode == 0
    schemes = {scheme["controller"]: scheme for scheme in json.loads(ran(*words, "--json").stdout)["schemes"]}
    for name in ("listed:mine", "listed:other"):
        assert schemes[name]["kind"] == "hand-made"
        assert schemes[name]["budget"] is None
        assert schemes[name]["loss"]["n"] == 2
    assert 1 < schemes["listed:mine"]["live_multiple"] < schemes["listed:other"]["live_multiple"]
    missing = ran("search", path, "--pattern", tmp_path / "no.json")
    assert missing.returncode == 2
    assert "there is no such file" in missing.stderr


# Orders.


def test_a_listed_order_is_a_table_named_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, {"conv0": [3, 2, 1, 0], "conv1": {"a": [5, 4, 3, 2, 1, 0], "b": [0, 1, 2, 3, 4, 5]}})
    name = order_tables.learn(order_tables.read(path, SITES, SPACE.owners))
    order = Order("listed", per_owner=order_tables.by_owner(name), table=name)
    assert not order.common
    assert order.permutation("conv0", "a", 4).tolist() == [3, 2, 1, 0]
    assert order.permutation("conv1", "a", 6).tolist() == [5, 4, 3, 2, 1, 0]
    assert order.permutation("conv1", "c", 6).tolist() == order.permutation("conv2", "a", 6).tolist() == [*range(6)]
    order_tables.keep(name, tmp_path / "run")
    order_tables.learn_from(tmp_path / "run")
    kept = tmp_path / "run" / "orders" / f"{name}.json"
    kept.write_text(kept.read_text().replace("3, 2, 1, 0", "3, 1, 2, 0"))
    with pytest.raises(InputError, match="named by its content"):
        order_tables.learn_from(tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        ({"conv7": [0]}, "no site has this name"),
        ({"conv0": [0, 1, 2]}, "each of the filters 0 to 3 once"),
        ({"conv0": [0, 1, 2, 2]}, "each of the filters 0 to 3 once"),
        ({"conv0": [0, 1, 2, True]}, "each of the filters 0 to 3 once"),
        ({"conv0": {"z": [0, 1, 2, 3]}}, "no domain has this name"),
        ([1], "it maps sites"),
    ],
)
def test_a_listed_order_that_does_not_fit_names_its_place(tmp_path: Path, content: Any, piece: str) -> None:
    with pytest.raises(InputError, match=piece):
        order_tables.read(written(tmp_path, content), SITES, SPACE.owners)


def test_an_order_that_no_table_stands_behind_is_refused() -> None:
    with pytest.raises(InputError, match="restore it"):
        Order("listed", table="0" * 16).permutation("conv0", "a", 4)


def test_a_study_with_a_listed_order_is_reported_from_its_folder_alone(tmp_path: Path) -> None:
    order = tmp_path / "order.json"
    order.write_text(json.dumps({"stage0.conv0": {"north": [7, 6, 5, 4, 3, 2, 1, 0]}}))
    path = config(tmp_path, SYNTHETIC)
    words = (f"space.order={{name: listed, file: {order}}}",)
    assert ran("search", path, "-q", *words).returncode == 0
    order.unlink()
    (run,) = (tmp_path / "runs").iterdir()
    result = ran("report", run)
    assert result.returncode == 0, result.stderr
    assert "tpe" in result.stdout


def test_norm_order_needs_weights(tmp_path: Path) -> None:
    result = ran("search", config(tmp_path, SYNTHETIC), "space.order={name: norm}")
    assert result.returncode == 2
    assert "give backbone.weights" in result.stderr
